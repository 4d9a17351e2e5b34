#include "http/h2_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/h2_session.h"

namespace remora::http {
namespace {

// What a stream that was slow once needn't keep for life.
constexpr size_t kInboxKept = 32 << 10;
// RFC 9113 section 6.5.2: so much a field beside its text.
constexpr size_t kFieldOverhead = 32;

}  // namespace

bool H2Stream::Head::add(std::string_view name, std::string_view value, size_t most_bytes, uint32_t most_fields) {
  if (!charge(name, value, most_bytes) || lines_.size() >= most_fields) return false;
  if (name == "cookie") {  // its pieces are one field again (RFC 9113 section 8.2.3)
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
    return true;
  }
  lines_.push_back(
      {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()), static_cast<uint32_t>(value.size())});
  text_.append(name).append(": ").append(value).append("\r\n");
  return true;
}

bool H2Stream::Head::charge(std::string_view name, std::string_view value, size_t most_bytes) {
  charged_ += name.size() + value.size() + kFieldOverhead;
  return charged_ <= most_bytes;
}

void H2Stream::Head::finish(Headers& headers) {
  if (!cookie_.empty()) {
    lines_.push_back({static_cast<uint32_t>(text_.size()), 6, static_cast<uint32_t>(cookie_.size())});
    text_.append("cookie: ").append(cookie_).append("\r\n");
  }
  const std::string_view text = text_;
  for (const Line& line : lines_) {
    const std::string_view name = text.substr(line.at, line.name_bytes);
    const std::string_view value = text.substr(line.at + line.name_bytes + 2, line.value_bytes);
    headers.add(name, value, headerIdOf(name), line.name_bytes + line.value_bytes + 4);
  }
}

void H2Stream::Head::clear() {
  text_.clear();
  cookie_.clear();
  lines_.clear();
  pseudo_.clear();
  charged_ = 0;
}

std::string_view H2Stream::Head::keep(std::string_view text) {
  // A view that later text doesn't move: pseudo-header fields are few.
  pseudo_.push_back(std::make_unique<std::string>(text));
  return *pseudo_.back();
}

H2Stream::H2Stream(H2Session& session, loop::Loop& loop) : Stream(loop), session_(&session) {}

H2Stream::~H2Stream() {
  if (session_) session_->forget(*this);
}

const RawResponse* H2Stream::takeResponse() {
  if (responses_.empty()) return nullptr;
  taken_ = std::move(responses_.front());
  responses_.erase(responses_.begin());
  head_taken_ = taken_->response.status >= 200;
  may_read_ = !responses_.empty() || (head_taken_ && (inbox_at_ < inbox_.size() || has_ended_ || is_closed_));
  return &taken_->response;
}

Result<void> H2Stream::sendHead(std::span<const HeadField> fields, End end) {
  if (!session_ || is_closed_) return fail(Reason::kInternal);
  return session_->submitHead(*this, fields, end);
}

Result<void> H2Stream::sendTrailers(std::span<const HeadField> fields) {
  if (!session_ || is_closed_) return fail(Reason::kInternal);
  return session_->submitTrailers(*this, fields);
}

net::IoResult H2Stream::read(std::span<char> into) {
  if (!head_taken_ && !error_) {
    may_read_ = !responses_.empty();
    return {0, EAGAIN};
  }
  const size_t n = std::min(into.size(), inbox_.size() - inbox_at_);
  if (n > 0) {
    std::memcpy(into.data(), inbox_.data() + inbox_at_, n);
    inbox_at_ += n;
    if (inbox_at_ == inbox_.size()) {
      inbox_.clear();
      inbox_at_ = 0;
      if (inbox_.capacity() > kInboxKept) inbox_.shrink_to_fit();
      may_read_ = has_ended_ || error_;
    }
    if (session_) session_->giveBack(*this, n);
    return {n, 0};
  }
  if (error_ && !has_ended_) return {0, ECONNRESET};
  if (has_ended_) return {0, 0};
  may_read_ = false;
  return {0, EAGAIN};
}

net::IoResult H2Stream::write(std::span<const iovec> pieces) {
  if (!session_ || is_closed_ || has_sent_end_) return {0, ECONNRESET};
  return session_->send(*this, pieces, End::kMore);
}

net::IoResult H2Stream::writeLast(std::span<const iovec> pieces) {
  if (!session_ || is_closed_ || has_sent_end_) return {0, ECONNRESET};
  return session_->send(*this, pieces, End::kLast);
}

void H2Stream::shutdownWrite() {
  if (session_ && !is_closed_ && !has_sent_end_) session_->send(*this, {}, End::kLast);
}

void H2Stream::takeOutgoing(size_t bytes, std::string& into) {
  outgoing_bytes_ -= bytes;
  while (bytes > 0) {
    const iovec& piece = outgoing_.front();
    const size_t n = std::min(bytes, piece.iov_len - outgoing_at_);
    into.append(static_cast<const char*>(piece.iov_base) + outgoing_at_, n);
    bytes -= n;
    outgoing_at_ += n;
    if (outgoing_at_ == piece.iov_len) {
      outgoing_ = outgoing_.subspan(1);
      outgoing_at_ = 0;
    }
  }
}

void H2Stream::noteEnd() {
  has_ended_ = true;
  notify({.readable = true});
}

void H2Stream::noteReset(uint32_t code) {
  reset_code_ = code;
  is_closed_ = true;
  notify({.readable = true, .writable = true, .hangup = true, .error = true});
}

}  // namespace remora::http
