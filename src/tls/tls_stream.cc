#include "tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tls/detail.h"
#include "tls/negotiated.h"
#include "tls/transport_bio.h"

namespace remora::tls {

using net::IoResult;

TlsStream::TlsStream(loop::Loop& loop, std::unique_ptr<net::Stream> transport,
                     std::shared_ptr<const ServerContext> context, CipherMemory& memory, std::string_view received)
    : Stream(loop), memory_(memory), server_(std::move(context)), transport_(std::move(transport)) {
  if (!received.empty()) leftover_ = std::make_unique<Leftover>(std::string(received));
  begin(server_->open());
}

TlsStream::TlsStream(loop::Loop& loop, std::unique_ptr<net::Stream> transport,
                     std::shared_ptr<const ClientContext> context, std::string_view host, CipherMemory& memory,
                     SessionCache* sessions, Carries carries)
    : Stream(loop),
      memory_(memory),
      client_(std::move(context)),
      sessions_(client_->settings().resumes ? sessions : nullptr),
      transport_(std::move(transport)),
      host_(client_->settings().server_name.empty() ? host : client_->settings().server_name) {
  begin(client_->open(carries));
  offerName(*ssl_, host_);
  if (!sessions_) return;
  if (const auto session = sessions_->take(client_->fingerprint())) SSL_set_session(ssl_.get(), session.get());
}

TlsStream::~TlsStream() {
  transport_->setWatcher(nullptr);
  // So that the peer can tell the end from a cut; not behind bytes that will never be sent.
  if (phase_ == Phase::kOpen && !is_shut_ && !broken_ && !hasUnsent()) {
    SSL_shutdown(ssl_.get());
    sendSealed();
  }
  ERR_clear_error();
}

void TlsStream::begin(Handle<ssl_st> ssl) {
  may_write_ = false;
  ssl_ = std::move(ssl);
#ifdef OPENSSL_IS_AWSLC
  SSL_set_shed_handshake_config(ssl_.get(), 1);  // there is never a second handshake
#endif
  setOwner(*ssl_, *this);
  attachMemory(*ssl_, memory_);
  transport_->setWatcher(this, Watch::kWritable);
  loop_.post(*this);
}

void TlsStream::run() {
  if (phase_ == Phase::kConnecting) connected();
  if (phase_ == Phase::kHandshaking) return handshake();
  if (phase_ == Phase::kOpen) return relayReadiness();
  discardInput();
}

// --- what the transport says -----------------------------------------------------------------------------------------

void TlsStream::relayReadiness() {
  if (unsent_) sendUnsent();
  if (told_unsent_ && !hasUnsent()) {
    told_unsent_ = false;
    tellWatcher();
  }
  const bool readable = hasReader() ? mayReadMore() : lookAhead();
  const bool writable = !may_write_ && (broken_ || (!hasUnsent() && transport_->mayWrite()));
  const bool hangup = transport_->hasHangup() && !hangup_;
  const bool error = transport_->hasError() && !error_;
  if (readable || writable || hangup || error) {
    notify({.readable = readable, .writable = writable, .hangup = hangup, .error = error});
  }
}

bool TlsStream::mayReadMore() const {
  return leftover_ || SSL_pending(ssl_.get()) > 0 || transport_->mayRead() || end_ != End::kNone;
}

// Nobody reads now: are these bytes for the application, or does the library only talk to its like? A session ticket on
// an idle connection must not look like an answer that nobody asked for. Little is taken, because it is kept.
bool TlsStream::lookAhead() {
  // A request in a record of its own; then what may be missing of a large record.
  size_t most = 4096;
  while (end_ == End::kNone && !leftover_ && SSL_pending(ssl_.get()) == 0) {
    if (feed(std::exchange(most, CipherMemory::kRecordBytes)) != Fed::kSome) break;
    char first = 0;
    ERR_clear_error();
    const int n = SSL_peek(ssl_.get(), &first, 1);
    if (n <= 0) noteReadError(SSL_get_error(ssl_.get(), n));
    keepRest();
    sendSealed();
    if (n > 0) return true;
  }
  return end_ != End::kNone || leftover_ || SSL_pending(ssl_.get()) > 0;
}

// Before the library is called.
void TlsStream::lendLeftover() {
  if (leftover_) memory_.unread = std::string_view(leftover_->bytes).substr(leftover_->given);
}

// Once the library has taken everything that it was lent.
TlsStream::Fed TlsStream::feed(size_t most) {
  leftover_.reset();
  if (!transport_->mayRead()) return Fed::kNone;
  const IoResult received = transport_->read(memory_.received().first(most));
  if (received.isBlocked()) {
    if (transport_->mayRead()) loop_.post(*this);  // a signal came between
    return Fed::kNone;
  }
  if (received.bytes == 0) {
    // Without a close_notify anybody on the way may have cut it (RFC 8446 section 6.1): an error, so that a body that
    // lasts until the end isn't taken for whole.
    // Ours may go on: the peer's transport may have closed one side only.
    end_ = End::kBroken;
    end_error_ = received.error;
    return Fed::kEnd;
  }
  memory_.unread = memory_.received().first(received.bytes);
  return Fed::kSome;
}

void TlsStream::keepRest() {
  const std::span<const char> rest = std::exchange(memory_.unread, {});
  if (rest.empty()) {
    leftover_.reset();
  } else if (leftover_) {
    leftover_->given = leftover_->bytes.size() - rest.size();
  } else {
    leftover_ = std::make_unique<Leftover>(std::string(rest.data(), rest.size()));
  }
}

// --- reading and writing ---------------------------------------------------------------------------------------------

IoResult TlsStream::read(std::span<char> into) {
  if (!isSettled()) return {0, EAGAIN};
  if (phase_ == Phase::kFailed) return {0, ECONNRESET};
  lendLeftover();
  size_t taken = 0;
  bool has_fed = false;
  while (taken < into.size() && end_ == End::kNone) {
    if (memory_.unread.empty() && SSL_pending(ssl_.get()) == 0) {
      if (has_fed && taken > 0) break;
      if (feed(CipherMemory::kReceiveBytes) != Fed::kSome) break;
      has_fed = true;
    }
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), into.data() + taken, static_cast<int>(into.size() - taken));
    if (n > 0) {
      taken += static_cast<size_t>(n);
    } else {
      noteReadError(SSL_get_error(ssl_.get(), n));
    }
  }
  keepRest();
  if (memory_.sealed) sendSealed();
  may_read_ = mayReadMore();
  has_read_ |= taken > 0;
  if (taken > 0 || into.empty()) return {taken, 0};
  return readEnd();
}

IoResult TlsStream::readEnd() const {
  if (end_ == End::kClosed) return {0, 0};
  if (end_ == End::kNone) return {0, EAGAIN};
  return {0, end_error_ ? end_error_ : ECONNRESET};
}

void TlsStream::noteReadError(int library_error) {
  if (memory_.sealed) sendSealed();  // an alert that says why, or an answer to a new key
  if (library_error == SSL_ERROR_WANT_READ || library_error == SSL_ERROR_WANT_WRITE) return;
  memory_.unread = {};
  if (library_error == SSL_ERROR_ZERO_RETURN) {
    end_ = End::kClosed;
    return notify({.readable = true, .hangup = true});
  }
  end_ = End::kBroken;
  end_error_ = broken_ = ECONNRESET;
  const int32_t detail = takeLibraryDetail();
  if (!has_read_) {
    // A server that gives up on the handshake has handled nothing of what was sent with it.
    const Reached reached = !server_ && isPeersAlert(detail) ? Reached::kNo : Reached::kMaybe;
    failure_ = {server_ ? Reason::kTlsHandshake : Reason::kUpstreamTls, reached, detail};
    has_failure_ = true;
  }
  notify({.readable = true, .writable = true, .hangup = true, .error = true});
}

IoResult TlsStream::write(std::span<const iovec> pieces) {
  if (broken_) return {0, broken_};
  if (phase_ == Phase::kFailed || is_shut_) return {0, EPIPE};
  if (phase_ != Phase::kOpen) return {0, EAGAIN};
  transport_->flush();
  if (hasUnsent() || !transport_->mayWrite()) {
    may_write_ = false;
    return {0, EAGAIN};
  }
  sealed_before_ = sealed_written_;
  const size_t taken = seal(pieces);
  sendSealed();
  last_write_ = static_cast<uint32_t>(taken);
  if (broken_) return {0, broken_};
  plain_written_ += taken;
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  if (hasUnsent()) may_write_ = false;
  return {taken, taken < wanted ? EAGAIN : 0};
}

// Seals at most kSealBytes. Small pieces that follow one another share a record; a large one is sealed where it lies.
size_t TlsStream::seal(std::span<const iovec> pieces) {
  const std::span<char> gathered = memory_.record();
  size_t taken = 0;
  size_t used = 0;  // of the first piece
  while (!pieces.empty() && taken < CipherMemory::kSealBytes) {
    const char* data = static_cast<const char*>(pieces[0].iov_base) + used;
    size_t bytes = std::min(pieces[0].iov_len - used, CipherMemory::kRecordBytes);
    if (bytes < CipherMemory::kRecordBytes && pieces.size() > 1) {
      std::memcpy(gathered.data(), data, bytes);
      for (size_t i = 1; i < pieces.size() && bytes < gathered.size(); ++i) {
        const size_t more = std::min(pieces[i].iov_len, gathered.size() - bytes);
        std::memcpy(gathered.data() + bytes, pieces[i].iov_base, more);
        bytes += more;
      }
      data = gathered.data();
    }
    if (bytes > 0) {
      ERR_clear_error();
      const int n = SSL_write(ssl_.get(), data, static_cast<int>(bytes));
      if (n <= 0) {
        const int error = SSL_get_error(ssl_.get(), n);
        if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) broken_ = EPIPE;
        ERR_clear_error();
        return taken;
      }
      bytes = static_cast<size_t>(n);
    }
    taken += bytes;
    for (used += bytes; !pieces.empty() && used >= pieces[0].iov_len; pieces = pieces.subspan(1)) {
      used -= pieces[0].iov_len;
    }
  }
  return taken;
}

void TlsStream::sendSealed() {
  const std::span<const char> sealed = memory_.sealedBytes();
  memory_.sealed = 0;
  if (sealed.empty() || broken_) return;
  sealed_written_ += sealed.size();
  if (unsent_) {
    unsent_->bytes.append(sealed.data(), sealed.size());
    return;
  }
  const iovec piece{const_cast<char*>(sealed.data()), sealed.size()};
  const IoResult result = transport_->write({&piece, 1});
  if (result.bytes == sealed.size()) return;
  broken_ = result.isBlocked() ? 0 : result.error;
  if (broken_) return;
  unsent_ = std::make_unique<Unsent>(*this);
  unsent_->bytes.assign(sealed.data() + result.bytes, sealed.size() - result.bytes);
  loop_.arm(*unsent_, kUnsentStall);
  broken_ = pushUnsent();  // a short write is no proof that there is no room
  if (broken_ || unsent_->bytes.empty()) {
    unsent_.reset();
  } else {
    may_write_ = false;
  }
}

// Returns why the transport takes nothing any more, or 0. What it has no room for stays, and run() comes when it has.
int TlsStream::pushUnsent() {
  std::string& bytes = unsent_->bytes;
  while (!bytes.empty()) {
    const iovec piece{bytes.data(), bytes.size()};
    const IoResult result = transport_->write({&piece, 1});
    if (result.error && !result.isBlocked()) return result.error;
    if (result.bytes) loop_.arm(*unsent_, kUnsentStall);
    bytes.erase(0, result.bytes);
    if (result.bytes == 0) {
      if (transport_->mayWrite() && !transport_->hasUnsent()) loop_.post(*this);  // a signal came between
      return 0;
    }
  }
  return 0;
}

void TlsStream::sendUnsent() {
  if (const int error = pushUnsent()) return breakDown(error);
  if (!unsent_->bytes.empty()) return;
  unsent_.reset();
  if (ends_unsent_) transport_->shutdownWrite();
  tellWatcher();
}

void TlsStream::breakDown(int error) {
  broken_ = end_error_ = error;
  end_ = End::kBroken;
  if (unsent_) loop_.timers().disarm(*unsent_);
  if (!isSettled()) return failHandshake(handshakeFailure(detailOfTransport(error)));
  notify({.readable = true, .writable = true, .hangup = true, .error = true});
}

bool TlsStream::hasUnsent() const {
  const bool is_transports = transport_->hasUnsent();
  told_unsent_ |= is_transports;
  return unsent_ || is_transports;
}

void TlsStream::shutdownWrite() {
  if (phase_ == Phase::kOpen && !is_shut_ && !broken_) {
    is_shut_ = true;
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    sendSealed();
  }
  ends_unsent_ = unsent_ != nullptr;
  if (!unsent_) transport_->shutdownWrite();
}

void TlsStream::resetOnClose() {
  is_shut_ = true;
  transport_->resetOnClose();
}

int TlsStream::connectError() {
  if (phase_ != Phase::kFailed) return 0;
  return broken_ ? broken_ : ECONNABORTED;
}

std::optional<net::TransportProof> TlsStream::proof() const {
  auto proof = transport_->proof();
  if (!proof) return proof;
  // Where the transport counts its SYN too, that is one more than was acknowledged of ours.
  const uint64_t syn = client_ ? 1 : 0;
  const bool has_none_of_last = proof->acknowledged <= sealed_before_ + syn;
  proof->acknowledged = has_none_of_last ? plain_written_ - last_write_ : plain_written_;
  return proof;
}

}  // namespace remora::tls
