#include "http/h2_stream.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "http/h2_session.h"

namespace remora::http {
namespace {

// An inbox that has been read keeps this much room for the next piece.
constexpr size_t kInboxKept = 16 << 10;

}  // namespace

H2Stream::H2Stream(H2Session& session)
    : Stream(session.loop()), session_(&session), is_server_(session.role() == H2Session::Role::kServer) {
  gives_body_ = is_server_;
}

H2Stream::~H2Stream() {
  if (session_) session_->forget(*this);
}

const RawResponse* H2Stream::takeResponse() {
  if (heads_count_ == 0) return nullptr;
  head_ = std::move(heads_.front());
  std::move(heads_.begin() + 1, heads_.begin() + heads_count_, heads_.begin());
  --heads_count_;
  // One that is too large may have no status that could be read: nothing follows it that anyone would want.
  gives_body_ = has_final_head_ && heads_count_ == 0;
  may_read_ = isReadable();
  return &head_->response();
}

Result<void> H2Stream::sendHead(std::span<const HeadField> fields, End end) {
  if (!session_ || is_failed_ || has_sent_end || !session_->sendHead(*this, fields, end)) {
    if (id() == 0) breakDown(H2Error::kNone);
    return closed();
  }
  head_sent_ = true;
  return {};
}

Result<void> H2Stream::sendTrailers(std::span<const HeadField> fields) {
  check(head_sent_, "a head comes before trailers");
  if (!session_ || is_failed_ || has_sent_end || !session_->sendTrailers(*this, fields)) return closed();
  return {};
}

net::IoResult H2Stream::put(std::span<const iovec> pieces, End end) {
  if (is_failed_ || !session_) return {0, ECONNRESET};
  if (!is_open || has_sent_end) return {0, EPIPE};
  check(head_sent_, "a head comes before the body");
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  if (wanted == 0 && end == End::kMore) return {0, 0};
  const size_t taken = session_->sendData(*this, pieces, end);
  if (taken == wanted && (end == End::kMore || has_sent_end)) return {taken, 0};
  may_write_ = false;
  return {taken, EAGAIN};
}

size_t H2Stream::windowLeft() const {
  return session_ ? session_->roomFor(*this) : 0;
}

size_t H2Stream::room() {
  if (is_failed_ || !session_ || !is_open) return SIZE_MAX;  // a write tells what is wrong
  const size_t room = session_->roomFor(*this);
  if (room == 0) {
    session_->awaitTurn(*this);
    may_write_ = false;
  }
  return room;
}

void H2Stream::shutdownWrite() {
  if (is_failed_ || !session_ || !is_open || has_sent_end || !head_sent_) return;
  session_->sendData(*this, {}, End::kLast);
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
    if (session_) session_->consume(*this, n);
    may_read_ = isReadable();
    return {n, 0};
  }
  if (gives_body_ && remote_ended_) return {0, trailers_ && trailers_->failure() ? EBADMSG : 0};
  if (is_failed_ && heads_count_ == 0) return {0, ECONNRESET};
  may_read_ = isReadable();
  return {0, EAGAIN};
}

bool H2Stream::isReadable() const {
  return heads_count_ > 0 || is_failed_ || (gives_body_ && (inbox_at_ < inbox_.size() || remote_ended_));
}

void H2Stream::wakeReader() {
  if (isReadable()) notify({.readable = true});
}

H2Head& H2Stream::beginHead() {
  if (!arriving_) arriving_ = takeHead();
  const auto kind = has_final_head_ ? H2Head::Kind::kTrailers
                    : is_server_    ? H2Head::Kind::kRequest
                                    : H2Head::Kind::kResponse;
  arriving_->begin(kind, session_->boundsOf(kind));
  return *arriving_;
}

H2Error H2Stream::endHead(End end) {
  if (!arriving_->finish(end)) return H2Error::kProtocol;
  switch (arriving_->kind()) {
    case H2Head::Kind::kRequest:
      has_final_head_ = true;
      head_ = std::move(arriving_);
      noteLength(*head_);
      break;
    case H2Head::Kind::kResponse:
      if (heads_count_ == heads_.size()) return H2Error::kEnhanceYourCalm;
      // One past its bounds ends the heads too: nobody goes on after it.
      has_final_head_ = arriving_->status() >= 200 || arriving_->failure() || end == End::kLast;
      if (has_final_head_) noteLength(*arriving_);
      heads_[heads_count_++] = std::move(arriving_);
      break;
    case H2Head::Kind::kTrailers:
      if (end == End::kMore) return H2Error::kProtocol;
      trailers_ = std::move(arriving_);
      trailer_fields_ = trailers_->trailers();
      break;
  }
  if (end == End::kLast) return endReading();
  wakeReader();
  return H2Error::kNone;
}

// RFC 9113 section 8.1.1. What can't be understood is refused when the head is validated.
void H2Stream::noteLength(const H2Head& head) {
  const bool is_empty = !is_server_ && (asked_for_head_ || head.status() == 204 || head.status() == 304);
  const Headers& headers = is_server_ ? head.request().headers : head.response().headers;
  const Field* const length = headers.find(HeaderId::kContentLength);
  if (is_empty || head.failure() || !length) return;
  const std::optional<uint64_t> announced = ascii::parseDecimal(length->value);
  due_ = announced ? static_cast<int64_t>(std::min<uint64_t>(*announced, INT64_MAX)) : -1;
}

H2Error H2Stream::keep(std::string_view data) {
  if (!has_final_head_) return H2Error::kProtocol;
  if (due_ >= 0) {
    if (static_cast<int64_t>(data.size()) > due_) return H2Error::kProtocol;
    due_ -= static_cast<int64_t>(data.size());
  }
  if (inbox_at_ > 0 && inbox_.size() + data.size() > inbox_.capacity()) {
    inbox_.erase(0, inbox_at_);
    inbox_at_ = 0;
  }
  inbox_ += data;
  wakeReader();
  return H2Error::kNone;
}

H2Error H2Stream::endReading() {
  if (due_ > 0) return H2Error::kProtocol;
  remote_ended_ = true;
  wakeReader();
  return H2Error::kNone;
}

std::optional<Failure> H2Stream::brokenBy() const {
  if (transport_failure_) return transport_failure_;
  return Failure{Reason::kUpstreamReset, wasRefused() ? Reached::kNo : Reached::kMaybe, static_cast<int32_t>(code_)};
}

std::unexpected<Failure> H2Stream::closed() const {
  return fail(is_server_ ? Reason::kClientReset : Reason::kUpstreamReset,
              wasRefused() ? Reached::kNo : Reached::kMaybe);
}

void H2Stream::breakDown(H2Error code) {
  if (is_failed_) return;
  is_failed_ = true;
  code_ = static_cast<uint32_t>(code);
  if (session_ && session_->isEnded()) transport_failure_ = session_->transport_.brokenBy();
  // An answer that came whole is read to its end, whatever became of the request's rest (RFC 9113 section 8.1).
  if (!is_server_ && remote_ended_) return notify({.readable = true, .writable = true});
  if (is_server_) {
    if (session_) session_->consume(*this, inbox_.size() - inbox_at_);
    inbox_ = {};
    inbox_at_ = 0;
    remote_ended_ = false;
  }
  notify({.readable = true, .writable = true, .hangup = true, .error = true});
}

void H2Stream::letWrite() {
  if (!may_write_) notify({.writable = true});
}

}  // namespace remora::http
