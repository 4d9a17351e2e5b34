// Clients and applications of either version that the fuzzer drives, and what they said and heard: the judge of
// bridge_fuzz.cc (bridge_judge.h) compares the two sides. Each body tells whose it is at every 16 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h2_session.h"
#include "proxy/test_support.h"
#include "strict_http.h"

namespace remora::fuzz {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A record's bytes; zeros when they have run out.
class Args {
 public:
  explicit Args(std::string_view bytes) : bytes_(bytes) {}
  uint8_t next() {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  std::string_view line() {
    const std::string_view line = bytes_.substr(0, bytes_.find('\n'));
    bytes_.remove_prefix(std::min(bytes_.size(), line.size() + 1));
    return line;
  }
  bool isEmpty() const { return bytes_.empty(); }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

inline std::string lowered(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return low;
}

inline constexpr char kRequestBody = 'q';
inline constexpr char kAnswerBody = 'a';

inline std::string bodyText(char kind, size_t number, size_t from, size_t bytes) {
  std::string text;
  std::array<char, 32> block;
  for (size_t at = from / 16; text.size() < bytes + from % 16; ++at) {
    std::snprintf(block.data(), block.size(), "%c%05zu:%08zx.", kind, number % 100'000, at & 0xffff'ffff);
    text += block.data();
  }
  return text.substr(from % 16, bytes);
}

// A line of one byte stands for one of these; others are a name, a colon and a value.
inline std::string_view lineOf(std::string_view line) {
  static constexpr std::array<std::string_view, 24> kKnown = {"te: trailers",
                                                              "te: gzip",
                                                              "connection: close",
                                                              "connection: x-a, te",
                                                              "keep-alive: 5",
                                                              "proxy-connection: keep-alive",
                                                              "transfer-encoding: chunked",
                                                              "content-length: 3",
                                                              "content-length: 0",
                                                              "host: other",
                                                              "host: shop",
                                                              "cookie: a=1",
                                                              "cookie: b=2",
                                                              "expect: 100-continue",
                                                              "content-type: application/grpc",
                                                              "grpc-timeout: 5S",
                                                              "trailer: x-sum",
                                                              "via: 1.1 elsewhere",
                                                              "x-forwarded-for: 198.51.100.1",
                                                              "accept: text/plain",
                                                              "http2-settings: AAAA",
                                                              "x-a: b\r\nx-smuggled: 1",
                                                              "x-sum: 7",
                                                              "X-Upper: U"};
  return line.size() == 1 ? kKnown[static_cast<uint8_t>(line[0]) % kKnown.size()] : line;
}

// WebSockets are left out, and the marks are the target's own.
inline Fields fieldsOf(Args& args) {
  Fields fields;
  while (!args.isEmpty()) {
    const std::string_view line = lineOf(args.line());
    const size_t colon = line.find(':', 1);
    if (colon == std::string_view::npos) continue;
    const std::string name = lowered(line.substr(0, colon));
    if (name == "x-tag" || name == "x-answer" || name == "upgrade" || name == ":protocol") continue;
    std::string_view value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    fields.emplace_back(line.substr(0, colon), value);
  }
  return fields;
}

inline int statusFor(uint8_t choice) {
  static constexpr std::array<int, 16> kStatuses = {200, 200, 200, 201, 204, 206, 302, 304,
                                                    404, 413, 500, 503, 299, 599, 101, 600};
  return kStatuses[choice % kStatuses.size()];
}

struct Request {
  std::string method;
  std::string target;
  Fields fields;  // names as they were sent; Host among them
  std::string body;
  Fields trailers;
  bool is_complete = false;
  bool has_length = false;  // HTTP/1: a length frames it
  bool is_old = false;      // HTTP/1.0
};

struct Answer {
  std::vector<int> interims;
  int status = 0;  // 0: no final head
  Fields fields;
  std::string body;
  Fields trailers;
  bool is_complete = false;
};

// A request of a client over HTTP/2; its number is its mark.
struct Call {
  std::unique_ptr<http::H2Stream> stream;  // null: cancelled
  Request said;
  Answer heard;
  bool has_failed = false;
};

// A request that an application got over HTTP/2; its number marks the answer.
struct Service {
  std::unique_ptr<http::H2Stream> stream;  // null: cancelled
  Request heard;
  Answer said;
};

inline Fields fieldsOf(const http::Headers& headers) {
  Fields fields;
  for (const http::Field& field : headers) fields.emplace_back(field.name, field.value);
  return fields;
}

inline std::vector<http::HeadField> viewsOf(const Fields& fields) {
  std::vector<http::HeadField> views;
  for (const auto& [name, value] : fields) views.push_back({name, value});
  return views;
}

inline http::H2Bounds peerBounds(bool is_small) {
  http::H2Bounds bounds;
  bounds.http2.stream_window = Bytes{is_small ? 500U : 100'000U};
  bounds.http2.connection_window = Bytes{is_small ? 66'000U : 1'000'000U};
  bounds.http2.resets = 1'000'000;
  bounds.http2.control_frames = 1'000'000;
  return bounds;
}

// A session of either role over a pipe that somebody else owns, and that outlives it.
class H2Peer final : public http::H2Session::Owner {
 public:
  H2Peer(http::H2Session::Role role, proxy::test::PipeEnd& end, const http::H2Bounds& bounds)
      : scratch_(16 << 10, '\0'), session_(role, end, scratch_, bounds, *this) {
    session_.start();
  }
  http::H2Session& session() { return session_; }
  std::vector<std::unique_ptr<http::H2Stream>> takeRequests() { return std::exchange(requests_, {}); }

 private:
  void onRequest(std::unique_ptr<http::H2Stream> stream) override { requests_.push_back(std::move(stream)); }
  void onSessionChange() override {}

  std::string scratch_;
  std::vector<std::unique_ptr<http::H2Stream>> requests_;
  http::H2Session session_;
};

// Writes to the stream's end of a message; `said` and `is_complete` tell what the stream took.
inline void writeBody(http::H2Stream& stream, char kind, size_t number, size_t bytes, http::End end, std::string& said,
                      bool& is_complete) {
  if (!stream.hasSentHead() || is_complete) return;
  std::string text = bodyText(kind, number, said.size(), bytes);
  const iovec piece{text.data(), text.size()};
  const net::IoResult written = end == http::End::kLast ? stream.writeLast({&piece, 1}) : stream.write({&piece, 1});
  said += text.substr(0, written.bytes);
  is_complete = stream.isSent();
}

inline void sendTrailers(http::H2Stream& stream, Args args, Fields& said, bool& is_complete) {
  if (!stream.hasSentHead() || is_complete) return;
  const Fields fields = fieldsOf(args);
  if (!stream.sendTrailers(viewsOf(fields))) return;
  said = fields;
  is_complete = true;
}

// Returns how many bytes came.
inline size_t readBody(http::H2Stream& stream, size_t most, std::string& heard, Fields& trailers, bool& is_complete) {
  if (is_complete) return 0;
  std::string bytes(most, '\0');
  const net::IoResult got = stream.read(bytes);
  heard.append(bytes, 0, got.bytes);
  if (got.isEnd() && most > 0) {
    is_complete = true;
    trailers = fieldsOf(stream.trailers());
  }
  return got.bytes;
}

inline size_t readCall(Call& call, size_t most) {
  if (!call.stream) return 0;
  while (call.heard.status == 0) {
    const http::RawResponse* const head = call.stream->takeResponse();
    if (!head) break;
    if (head->status < 200) {
      call.heard.interims.push_back(head->status);
      continue;
    }
    call.heard.status = head->status;
    call.heard.fields = fieldsOf(head->headers);
  }
  const size_t got = call.heard.status
                         ? readBody(*call.stream, most, call.heard.body, call.heard.trailers, call.heard.is_complete)
                         : 0;
  call.has_failed = call.stream->hasError();
  return got;
}

// --- HTTP/1 ----------------------------------------------------------------------------------------------------------

// Text that is sent as the pipe takes it.
class TextPeer {
 public:
  std::string said;
  std::string heard;
  bool was_cut = false;    // it closed, or was reset
  bool has_ended = false;  // it ended what it says, in order

  // Nothing that follows the word `upgrade` is sent.
  void queue(std::string_view bytes) {
    constexpr std::string_view kWord = "upgrade";
    const std::string before = said + pending_;
    const std::string tail = lowered(before.substr(before.size() - std::min(before.size(), kWord.size() - 1)));
    is_mute_ |= (tail + lowered(bytes)).find(kWord) != std::string::npos;
    if (!is_mute_ && before.size() < (1 << 20)) pending_ += bytes;
  }
  // Returns how many bytes moved.
  size_t move(proxy::test::PipeEnd& end) {
    const size_t taken = pending_.empty() ? 0 : end.put(pending_);
    said += pending_.substr(0, taken);
    pending_.erase(0, taken);
    const std::string got = end.take();
    heard += got;
    return taken + got.size();
  }

  void beginMessage(std::string head, Args& args, char kind, size_t number) {
    kind_ = kind;
    number_ = number;
    at_ = left_ = 0;
    framing_ = args.next() % 4;
    if (framing_ == 1) head += "Transfer-Encoding: chunked\r\n";
    if (framing_ == 2) {
      left_ = size_t{args.next()} * 5;
      head += "Content-Length: " + std::to_string(left_) + "\r\n";
    }
    for (const auto& [name, value] : fieldsOf(args)) head += name + ": " + value + "\r\n";
    queue(head + "\r\n");
  }
  void writePiece(size_t bytes) {
    if (framing_ == 2) bytes = std::min(bytes, left_);
    if (bytes == 0 || kind_ == 0 || (kind_ == kRequestBody && framing_ % 3 == 0)) return;
    const std::string text = bodyText(kind_, number_, at_, bytes);
    at_ += bytes;
    if (framing_ == 2) left_ -= bytes;
    if (framing_ != 1) return queue(text);
    std::array<char, 24> size;
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes);
    queue(size.data() + text + "\r\n");
  }
  void endMessage(Args args) {
    if (framing_ == 2) writePiece(left_);
    if (framing_ == 1) {
      std::string text = "0\r\n";
      for (const auto& [name, value] : fieldsOf(args)) text += name + ": " + value + "\r\n";
      queue(text + "\r\n");
    }
    framing_ = 0;
    kind_ = 0;
  }

 private:
  std::string pending_;
  bool is_mute_ = false;
  char kind_ = 0;  // 0: no message is being written
  size_t number_ = 0;
  int framing_ = 0;  // 0: none, 1: chunked, 2: a length, 3: until it closes
  size_t left_ = 0;
  size_t at_ = 0;
};

}  // namespace remora::fuzz
