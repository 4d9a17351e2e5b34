#include "http/message_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace remora::http {
namespace {

iovec pieceOf(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

std::string trailerSection(const Headers& trailers) {
  std::string text = "0\r\n";
  for (const Field& field : trailers) {
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return text += "\r\n";
}

}  // namespace

Result<bool> MessageWriter::push(std::span<const char> data, End end, const Headers* trailers) {
  check(rest_.empty(), "a push waits until what was pushed before is through");
  if (h2_) return pushToStream(data, end, trailers);
  std::array<iovec, 5> pieces;
  size_t count = 0;
  std::array<char, 18> size_line;  // 16 digits and CRLF
  std::string trailer_text;
  if (head_.empty()) {
    room_ = 0;
  } else {
    pieces[count++] = pieceOf(head_);
  }
  const bool is_chunked = framing_ == Framing::kChunked;
  if (!data.empty()) {
    if (is_chunked) {
      char* at = std::to_chars(size_line.data(), size_line.data() + 16, data.size(), 16).ptr;
      *at++ = '\r';
      *at++ = '\n';
      pieces[count++] = pieceOf({size_line.data(), static_cast<size_t>(at - size_line.data())});
    }
    pieces[count++] = pieceOf({data.data(), data.size()});
    if (is_chunked && end == End::kMore) pieces[count++] = pieceOf("\r\n");
    payload_ += data.size();
  }
  if (end == End::kLast) {
    ended_ = true;
    if (is_chunked) {
      if (!data.empty()) pieces[count++] = pieceOf("\r\n");
      if (trailers && trailers->size()) {
        trailer_text = trailerSection(*trailers);
        pieces[count++] = pieceOf(trailer_text);
      } else {
        pieces[count++] = pieceOf("0\r\n\r\n");
      }
    }
  }
  head_ = {};
  if (count == 0) return true;
  if (count > 1 && room_) count = joinSmall({pieces.data(), count});
  room_ = 0;
  return send({pieces.data(), count});
}

// sendmsg with several pieces costs about 0.3 us more than send with one; copying this much costs less than a tenth.
size_t MessageWriter::joinSmall(std::span<iovec> pieces) {
  constexpr size_t kSmall = 2048;
  size_t behind = 0;
  for (const iovec& piece : pieces.subspan(1)) behind += piece.iov_len;
  if (behind > kSmall || behind > room_) return pieces.size();
  for (const iovec& piece : pieces.subspan(1)) {
    std::memcpy(static_cast<char*>(pieces[0].iov_base) + pieces[0].iov_len, piece.iov_base, piece.iov_len);
    pieces[0].iov_len += piece.iov_len;
  }
  return 1;
}

Result<bool> MessageWriter::send(std::span<iovec> pieces) {
  const net::IoResult written = stream_->write(pieces);
  if (written.error && !written.isBlocked()) return broken(written.error);
  sent_ += written.bytes;
  size_t skip = written.bytes;
  for (const iovec& piece : pieces) {
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    rest_.append(static_cast<const char*>(piece.iov_base) + skip, piece.iov_len - skip);
    skip = 0;
  }
  return rest_.empty();
}

Result<bool> MessageWriter::pushToStream(std::span<const char> data, End end, const Headers* trailers) {
  const bool is_last = end == End::kLast;
  const bool has_trailers = is_last && trailers && trailers->size();
  if (has_trailers) {
    for (const Field& field : *trailers) trailers_.emplace_back(ascii::toLower(field.name), field.value);
  }
  if (!fields_.empty()) {
    const bool ends = is_last && data.empty() && !has_trailers && !ends_apart_;
    const Result<void> sent = sendHead(ends ? End::kLast : End::kMore);
    if (!sent) return std::unexpected(sent.error());
    if (ends) {
      ended_ = true;
      return true;
    }
  }
  payload_ += data.size();
  ended_ = is_last;
  if (!data.empty()) {
    const iovec piece = pieceOf({data.data(), data.size()});
    const bool ends = is_last && !has_trailers;
    const net::IoResult written = ends ? h2_->writeLast({&piece, 1}) : h2_->write({&piece, 1});
    if (written.error && !written.isBlocked()) return broken(written.error);
    sent_ += written.bytes;
    if (written.bytes < data.size()) {
      rest_.assign(data.data() + written.bytes, data.size() - written.bytes);
      return false;
    }
    if (ends || !is_last) return true;
  }
  if (has_trailers) {
    const Result<void> sent = sendTrailers();
    if (!sent) return std::unexpected(sent.error());
  } else if (is_last) {
    h2_->shutdownWrite();
  }
  return true;
}

size_t MessageWriter::room() {
  constexpr size_t kLeast = 2048;  // a window of a few bytes isn't worth a turn for each
  if (!h2_) return SIZE_MAX;
  const size_t room = h2_->room();
  return room == 0 ? 0 : std::max(room, kLeast);
}

Result<void> MessageWriter::sendHead(End end) {
  const Result<void> sent = h2_->sendHead(std::exchange(fields_, {}), end);
  return sent ? sent : broken(ECONNRESET);
}

Result<void> MessageWriter::sendTrailers() {
  std::vector<HeadField> fields;
  for (const auto& [name, value] : trailers_) fields.push_back({name, value});
  const Result<void> sent = h2_->sendTrailers(fields);
  trailers_.clear();
  return sent ? sent : broken(ECONNRESET);
}

std::unexpected<Failure> MessageWriter::broken(int error) const {
  Failure failure = broken_;
  failure.detail = error;
  return std::unexpected(failure);
}

net::IoResult MessageWriter::writeRest() {
  const iovec piece = pieceOf(std::string_view(rest_).substr(rest_at_));
  return h2_ && ended_ && trailers_.empty() ? h2_->writeLast({&piece, 1}) : stream_->write({&piece, 1});
}

loop::Task<void> MessageWriter::drained(net::Patience patience) {
  while (rest_at_ < rest_.size()) {
    co_await net::WriteWait(*stream_, patience);
    const net::IoResult written = writeRest();
    if (written.error && !written.isBlocked()) co_return broken(written.error);
    sent_ += written.bytes;
    rest_at_ += written.bytes;
  }
  // A connection that was slow once isn't given a buffer for life.
  rest_.clear();
  rest_.shrink_to_fit();
  rest_at_ = 0;
  if (!trailers_.empty()) co_await sendTrailers();
  co_return loop::done;
}

}  // namespace remora::http
