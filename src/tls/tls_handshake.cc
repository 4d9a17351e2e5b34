// The handshake of a TlsStream: from the connected transport to what was settled, or why not.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <utility>

#include "tls/detail.h"
#include "tls/negotiated.h"
#include "tls/peer_identity.h"
#include "tls/tls_stream.h"

namespace remora::tls {

void TlsStream::connected() {
  if (!transport_->mayWrite()) return;
  if (const int error = client_ ? transport_->connectError() : 0) {
    broken_ = error;
    return failHandshake(net::connectFailure(error));
  }
  phase_ = Phase::kHandshaking;
}

void TlsStream::handshake() {
  if (unsent_) sendUnsent();
  if (phase_ == Phase::kFailed) return;
  lendLeftover();
  while (!broken_) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
    sendSealed();
    if (error == SSL_ERROR_NONE) return settle();
    if (error == SSL_ERROR_WANT_WRITE) {
      keepRest();
      if (unsent_) return;
    } else if (error == SSL_ERROR_WANT_READ) {
      const Fed fed = feed(CipherMemory::kReceiveBytes);
      if (fed == Fed::kNone) return;
      if (fed == Fed::kEnd) break;
      handshake_bytes_ += static_cast<uint32_t>(memory_.unread.size());
      if (handshake_bytes_ > kHandshakeMost) return failHandshake(handshakeFailure(detailOfTransport(EMSGSIZE)));
    } else {
      const int32_t detail = takeLibraryDetail();
      return failHandshake(handshakeFailure(refused_code_ ? detailOfCertificate(refused_code_) : detail));
    }
  }
  failHandshake(handshakeFailure(detailOfTransport(broken_ ? broken_ : end_error_)));
}

void TlsStream::settle() {
  keepRest();
  fillFacts(*ssl_, facts_);
  if (!acceptsResumed()) return failHandshake(handshakeFailure(detailOfCertificate(refused_code_)));
  phase_ = Phase::kOpen;
  // A client with Nagle's algorithm holds its first request until we acknowledge the end of its handshake, for which
  // the kernel would wait 40 ms (measured 2026-11-23).
  if (server_) transport_->acknowledgeNow();
  relayReadiness();
}

// Nobody verifies a session that is resumed: what may have changed since is looked at here.
bool TlsStream::acceptsResumed() {
  if (!facts_.is_resumed) return true;
  const bool verifies =
      server_ ? server_->settings().client != model::TlsServer::Client::kNone : client_->settings().verifies;
  if (!verifies) return true;
  const Handle<x509_st> certificate(SSL_get_peer_certificate(ssl_.get()));
  if (!certificate) return server_ && server_->settings().client == model::TlsServer::Client::kOptional;
  auto identity = std::make_shared<const PeerIdentity>(identityOf(*certificate));
  const PeerPolicy& policy = server_ ? server_->policy() : client_->policy();
  const int code = policy.judgeResumed(*identity, *this);
  if (code != X509_V_OK) {
    notePeerRefused(code, std::move(identity));
    return false;
  }
  facts_.peer = std::move(identity);
  return true;
}

void TlsStream::failHandshake(Failure failure) {
  memory_.unread = {};
  leftover_.reset();
  phase_ = Phase::kFailed;
  failure_ = failure;
  has_failure_ = true;
  discardInput();
  if (!broken_ && !unsent_) transport_->shutdownWrite();  // after the alert that says why
  notify({.readable = true, .writable = true, .hangup = true});
}

// Closing with unread bytes resets, and a reset overtakes the alert on its way.
void TlsStream::discardInput() {
  for (int rounds = 0; rounds < 2 && transport_->mayRead(); ++rounds) {
    if (transport_->read(memory_.received()).bytes == 0) return;
  }
}

Failure TlsStream::handshakeFailure(int32_t detail) const {
  const bool is_certificate = refused_code_ != 0 || isMissingCertificate(detail);
  if (server_) return {is_certificate ? Reason::kTlsClientCertificate : Reason::kTlsHandshake, Reached::kNo, detail};
  return {is_certificate ? Reason::kUpstreamCertificate : Reason::kUpstreamTls, Reached::kNo, detail};
}

Result<void> TlsStream::handshakeOutcome() const {
  if (has_failure_) return std::unexpected(failure_);
  return {};
}

// --- what the library's callbacks ask and tell -----------------------------------------------------------------------

int64_t TlsStream::wallSeconds() const {
  return loop_.clock().wallNanos() / 1'000'000'000;
}

std::string_view TlsStream::wantedHost() const {
  return host_;
}

void TlsStream::notePeer(std::shared_ptr<const PeerIdentity> peer) {
  facts_.peer = std::move(peer);
}

void TlsStream::notePeerRefused(int code, std::shared_ptr<const PeerIdentity> peer) {
  if (client_ && !client_->settings().verifies) return;
  refused_code_ = code;
  refused_peer_ = std::move(peer);
}

void TlsStream::noteSession(Handle<ssl_session_st> session) {
  if (sessions_) sessions_->put(client_->fingerprint(), std::move(session));
}

}  // namespace remora::tls
