// Heads of HTTP/1 messages, strictly by RFC 9112: bytes in, RawRequest or RawResponse out. No I/O, no allocation in
// steady state. Feeding in pieces gives the same as feeding the whole; work is done a line once, and one cut line
// again. Belongs to one core.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "http/message.h"

namespace remora::http {

struct HeadLimits {
  size_t head_bytes = 64 << 10;
  uint32_t header_count = 100;
  size_t target_bytes = 8 << 10;
};

class H1RequestParser {
 public:
  explicit H1RequestParser(HeadLimits limits) : limits_(limits) {}
  void setLimits(HeadLimits limits) { limits_ = limits; }

  // `bytes` begins at the head's first byte each time and only grows; it may have moved in memory. Returns the head's
  // length once it is complete, 0 while more is needed. After a failure or the end only reset() may follow.
  Result<size_t> feed(std::string_view bytes);
  void reset();
  // After feed() returned a length: views into the bytes last fed.
  const RawRequest& request() const { return raw_; }
  // True once anything of a head was seen (a single CRLF before a request line doesn't count, RFC 9112 section 2.2).
  bool hasBegun() const { return seen_ > start_; }
  bool hadEmptyLine() const { return start_ > 0; }

 private:
  Result<size_t> parseRequestLine(std::string_view bytes);

  HeadLimits limits_;
  RawRequest raw_;
  const char* base_ = nullptr;
  size_t start_ = 0;  // of the request line
  size_t next_ = 0;   // first byte of the line to parse next
  size_t seen_ = 0;
};

class H1ResponseParser {
 public:
  explicit H1ResponseParser(HeadLimits limits) : limits_(limits) {}
  void setLimits(HeadLimits limits) { limits_ = limits; }
  Result<size_t> feed(std::string_view bytes);  // as H1RequestParser::feed
  void reset();
  const RawResponse& response() const { return raw_; }

 private:
  HeadLimits limits_;
  RawResponse raw_;
  const char* base_ = nullptr;
  size_t next_ = 0;
};

// Parses field lines from `bytes[at..]` until the empty line. Returns the index after it, or 0 when more is needed;
// `at` is moved past each complete line. Shared by heads and trailers.
Result<size_t> parseFieldLines(std::string_view bytes, size_t& at, uint32_t most_fields, Headers& headers);

}  // namespace remora::http
