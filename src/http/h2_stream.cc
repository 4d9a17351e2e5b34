#include "http/h2_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "http/h2_session.h"
#include "loop/frame_pool.h"

namespace remora::http {
namespace {

// An inbox that has been read keeps this much room for the next piece.
constexpr size_t kInboxKept = 16 << 10;

}  // namespace

void* H2Stream::operator new(size_t bytes) {
  return loop::takeFrame(bytes);
}

void H2Stream::operator delete(void* memory, size_t bytes) noexcept {
  loop::giveFrame(memory, bytes);
}

H2Stream::H2Stream(H2Session& session)
    : Stream(session.loop()), session_(&session), is_server_(session.role() == H2Session::Role::kServer) {
  gives_body_ = is_server_;
}

H2Stream::~H2Stream() {
  if (session_) session_->forget(*this);
}

const RawResponse* H2Stream::takeResponse() {
  if (heads_.empty()) return nullptr;
  if (session_) session_->giveHead(std::move(head_));
  head_ = std::move(heads_.front());
  heads_.erase(heads_.begin());
  // One that is too large may have no status that could be read: nothing follows it that anyone would want.
  gives_body_ = has_final_head_ && heads_.empty();
  may_read_ = isReadable();
  return &head_->response();
}

Result<void> H2Stream::sendHead(std::span<const HeadField> fields, End end) {
  if (!session_ || is_closed_ || local_ended_ || !session_->sendHead(*this, fields, end)) {
    if (id_ == 0) breakDown(0);
    return closed();
  }
  head_sent_ = true;
  return {};
}

Result<void> H2Stream::sendTrailers(std::span<const HeadField> fields) {
  check(head_sent_, "a head comes before trailers");
  if (!session_ || is_closed_ || local_ended_ || ends_ || !session_->sendTrailers(*this, fields)) return closed();
  return {};
}

net::IoResult H2Stream::put(std::span<const iovec> pieces, End end) {
  if (is_failed_ || !session_) return {0, ECONNRESET};
  if (is_closed_ || local_ended_ || ends_) return {0, EPIPE};
  check(head_sent_, "a head comes before the body");
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  if (wanted == 0 && end == End::kMore) return {0, 0};
  pieces_ = pieces;
  piece_at_ = 0;
  left_ = wanted;
  ends_ = end == End::kLast;
  session_->sendData(*this);
  const size_t taken = wanted - std::exchange(left_, 0);
  pieces_ = {};
  if (is_failed_) return {taken, taken ? EAGAIN : ECONNRESET};
  const bool is_whole = taken == wanted && (end == End::kMore || local_ended_);
  ends_ = false;
  if (is_whole) return {taken, 0};
  may_write_ = false;
  return {taken, EAGAIN};
}

void H2Stream::shutdownWrite() {
  if (is_failed_ || !session_ || is_closed_ || local_ended_) return;
  if (!head_sent_) return;
  ends_ = true;  // and stays so until the window lets the last frame out
  session_->sendData(*this);
}

void H2Stream::flush() {
  if (session_) session_->flush();
}

net::IoResult H2Stream::read(std::span<char> into) {
  if (gives_body_ && inbox_at_ < inbox_.size()) {
    const size_t n = std::min(into.size(), inbox_.size() - inbox_at_);
    std::memcpy(into.data(), inbox_.data() + inbox_at_, n);
    inbox_at_ += n;
    if (inbox_at_ == inbox_.size()) {
      if (inbox_.capacity() > kInboxKept) inbox_ = {};
      inbox_.clear();
      inbox_at_ = 0;
    }
    if (session_) session_->consume(id_, n);
    may_read_ = isReadable();
    return {n, 0};
  }
  if (gives_body_ && remote_ended_) return {0, trailers_ && trailers_->failure() ? EBADMSG : 0};
  if (is_failed_ && heads_.empty()) return {0, ECONNRESET};
  may_read_ = isReadable();
  return {0, EAGAIN};
}

bool H2Stream::isReadable() const {
  return !heads_.empty() || is_failed_ || (gives_body_ && (inbox_at_ < inbox_.size() || remote_ended_));
}

void H2Stream::wakeReader() {
  if (isReadable()) notify({.readable = true});
}

H2Head& H2Stream::beginHead() {
  if (!arriving_) arriving_ = session_->takeHead();
  const auto kind = has_final_head_ ? H2Head::Kind::kTrailers
                    : is_server_    ? H2Head::Kind::kRequest
                                    : H2Head::Kind::kResponse;
  arriving_->begin(kind, session_->boundsOf(kind));
  return *arriving_;
}

bool H2Stream::endHead(End end) {
  arriving_->finish(end);
  switch (arriving_->kind()) {
    case H2Head::Kind::kRequest:
      has_final_head_ = true;
      head_ = std::move(arriving_);
      break;
    case H2Head::Kind::kResponse:
      if (heads_.size() >= kHeadsWaiting) return false;
      // One past its bounds ends the heads too: nobody goes on after it.
      has_final_head_ = arriving_->status() >= 200 || arriving_->failure() || end == End::kLast;
      heads_.push_back(std::move(arriving_));
      break;
    case H2Head::Kind::kTrailers:
      trailers_ = std::move(arriving_);
      trailer_fields_ = trailers_->trailers();
      break;
  }
  if (end == End::kLast) {
    endReading();
  } else {
    wakeReader();
  }
  return true;
}

void H2Stream::keep(std::string_view data) {
  if (inbox_at_ > 0 && inbox_.size() + data.size() > inbox_.capacity()) {
    inbox_.erase(0, inbox_at_);
    inbox_at_ = 0;
  }
  inbox_ += data;
  wakeReader();
}

void H2Stream::endReading() {
  remote_ended_ = true;
  wakeReader();
}

std::unexpected<Failure> H2Stream::closed() const {
  return fail(is_server_ ? Reason::kClientReset : Reason::kUpstreamReset,
              wasRefused() ? Reached::kNo : Reached::kMaybe);
}

void H2Stream::breakDown(uint32_t code) {
  if (is_failed_) return;
  is_failed_ = true;
  code_ = code;
  // An answer that came whole is read to its end, whatever became of the request's rest (RFC 9113 section 8.1).
  if (!is_server_ && remote_ended_) return notify({.readable = true, .writable = true});
  if (is_server_) {
    if (session_) session_->consume(id_, inbox_.size() - inbox_at_);
    inbox_ = {};
    inbox_at_ = 0;
    remote_ended_ = false;
  }
  notify({.readable = true, .writable = true, .hangup = true, .error = true});
}

void H2Stream::letWrite() {
  wants_room_ = false;
  if (!may_write_) notify({.writable = true});
}

H2Codec::Grant H2Stream::grant(size_t most, size_t room) {
  if (left_ == 0 && !ends_) {
    letWrite();  // nobody is writing: the window has opened
    return {};
  }
  if (left_ > 0 && room == 0) {
    wants_room_ = true;
    return {};
  }
  const size_t bytes = std::min({most, left_, room});
  return {true, bytes, bytes == left_ && ends_ ? End::kLast : End::kMore};
}

void H2Stream::takePieces(std::string& out, size_t bytes) {
  left_ -= bytes;
  while (bytes > 0) {
    const iovec& piece = pieces_.front();
    const size_t n = std::min(bytes, piece.iov_len - piece_at_);
    out.append(static_cast<const char*>(piece.iov_base) + piece_at_, n);
    bytes -= n;
    piece_at_ += n;
    if (piece_at_ == piece.iov_len) {
      pieces_ = pieces_.subspan(1);
      piece_at_ = 0;
    }
  }
  if (left_ == 0 && ends_) local_ended_ = true;
}

}  // namespace remora::http
