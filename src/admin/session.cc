#include "admin/session.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "admin/words.h"
#include "http/message_body.h"
#include "http/message_writer.h"

namespace remora::admin {
namespace {

constexpr size_t kReadBytes = 4 << 10;

// Every status that a page or a refusal of the parser can have.
std::string_view phraseOf(uint16_t status) {
  static constexpr std::array<std::pair<uint16_t, std::string_view>, 16> kPhrases = {{
      {200, "OK"},
      {202, "Accepted"},
      {400, "Bad Request"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
  }};
  for (const auto& [known, phrase] : kPhrases) {
    if (known == status) return phrase;
  }
  return {};
}

bool mayHaveBody(const http::Request& request) {
  return request.method == http::Method::kPost;
}

bool announcesBody(const http::BodyPlan& body) {
  return body.framing == http::Framing::kChunked || (body.framing == http::Framing::kLength && body.length > 0);
}

constexpr bool isForm(std::string_view content_type) {
  const std::string_view type = ascii::trim(content_type.substr(0, content_type.find(';')));
  return ascii::equalsIgnoreCase(type, "application/x-www-form-urlencoded");
}

PageRequest pageRequestOf(const http::Request& request, std::string body) {
  PageRequest asked;
  asked.method = request.method;
  asked.path = request.path;
  if (asked.path.size() > 1 && asked.path.ends_with('/')) asked.path.pop_back();
  asked.params = parseParams(request.query);
  asked.accept = request.headers->valueOf(http::HeaderId::kAccept);
  asked.content_type = request.headers->valueOf(http::HeaderId::kContentType);
  asked.body = std::move(body);
  // `curl -d level=debug` is how people post.
  if (isForm(asked.content_type)) {
    for (auto& pair : parseParams(ascii::trim(asked.body))) asked.params.push_back(std::move(pair));
  }
  return asked;
}

}  // namespace

Session::Session(loop::Loop& loop, Answerer& answerer, std::unique_ptr<net::Stream> stream, Guard guard,
                 loop::Runnable& on_end, SessionLimits limits)
    : loop_(loop),
      answerer_(answerer),
      stream_(std::move(stream)),
      guard_(guard),
      on_end_(on_end),
      limits_(limits),
      parser_({.head_bytes = limits.head_bytes}),
      idle_since_(loop.now()),
      serving_(serve()) {}

loop::Task<void> Session::serve() {
  while (!closes_) {
    const Result<size_t> head = co_await loop::asResult(readHead());
    if (head && *head == 0) break;  // closed, or silent for too long
    Result<http::Request> request = std::unexpected(head ? Failure{} : head.error());
    if (head) {
      const http::RawRequest& raw = parser_.request();
      storage_.resize(raw.target.size() + raw.headers.valueOf(http::HeaderId::kHost).size());
      next_at_ = *head;
      request = http::validateRequest(raw, {}, storage_);
    }
    // From here on the client may be waiting for an answer, whatever comes.
    closes_ = !request || !request->keep_alive;
    const Result<Page> page = co_await loop::asResult(request ? pageFor(*request) : failedPage(request.error()));
    const bool is_last = closes_;
    co_await send(page ? *page : Page{.status = 500, .body = "a bug in the admin side; please report it\n"},
                  request ? &*request : nullptr);
    if (is_last) {
      co_await linger();
      break;
    }
    has_served_ = true;
    buffer_.erase(0, next_at_);
    buffer_ += std::exchange(surplus_, {});
    next_at_ = 0;
    parser_.reset();
    if (buffer_.empty()) buffer_.shrink_to_fit();
  }
  co_return loop::done;
}

loop::Task<size_t> Session::readHead() {
  Deadline until = Deadline::after(loop_.now(), has_served_ ? limits_.idle : limits_.header);
  bool has_begun = false;
  idle_since_ = loop_.now();
  for (;;) {
    if (!buffer_.empty()) {
      const size_t length = co_await parser_.feed(buffer_);
      if (length) co_return length;
      if (parser_.hasBegun() && !std::exchange(has_begun, true)) until = Deadline::after(loop_.now(), limits_.header);
    }
    const net::IoResult read = readSome();
    if (read.bytes) continue;
    if (!read.isBlocked()) co_return 0;
    is_idle_ = !has_begun;
    const Result<void> more = co_await loop::asResult(net::ReadWait(*stream_, until, Failure{Reason::kHeaderTimeout}));
    is_idle_ = false;
    if (!more && !has_begun) co_return 0;
    co_await more;
  }
}

net::IoResult Session::readSome() {
  std::array<char, kReadBytes> chunk;
  const net::IoResult read = stream_->read(chunk);
  buffer_.append(chunk.data(), read.bytes);
  return read;
}

loop::Task<Page> Session::pageFor(const http::Request& request) {
  if (auto refusal = refuseStranger(request, guard_)) {
    closes_ = true;
    co_return sayingPage(pageRequestOf(request, {}), 403, *refusal);
  }
  std::string body;
  if (announcesBody(request.body)) {
    if (!mayHaveBody(request)) {
      closes_ = true;
      co_return sayingPage(pageRequestOf(request, {}), 400, "only a POST may have a body here");
    }
    const Result<std::optional<std::string>> read = co_await loop::asResult(readBody(request));
    if (!read) {
      closes_ = true;
      co_return co_await failedPage(read.error());
    }
    if (!*read) {
      closes_ = true;
      co_return sayingPage(pageRequestOf(request, {}), 413,
                           fmt::format("the body is larger than {} bytes", limits_.body_bytes));
    }
    body = std::move(**read);
  }
  co_return co_await answerer_.answer(pageRequestOf(request, std::move(body)));
}

// Nothing when it is larger than allowed.
loop::Task<std::optional<std::string>> Session::readBody(const http::Request& request) {
  if (request.body.length > limits_.body_bytes) co_return std::optional<std::string>();
  if (request.expects_continue) co_await sendAll("HTTP/1.1 100 Continue\r\n\r\n", {});
  const auto scratch = std::make_unique<std::array<char, kReadBytes>>();
  http::MessageBody body(request.body, {}, *stream_, *scratch,
                         {Reason::kBadChunk, Reason::kClientGone, Reason::kClientReset});
  const size_t used = co_await body.begin(std::span(buffer_).subspan(next_at_));
  const net::Patience patience{.overall = Deadline::after(loop_.now(), limits_.body),
                               .overdue = Failure{Reason::kRequestStalled}};
  std::string text;
  for (;;) {
    const http::Pull pull = co_await body.pull();
    if (text.size() + pull.data.size() > limits_.body_bytes) co_return std::optional<std::string>();
    text.append(pull.data.data(), pull.data.size());
    if (pull.state == http::Pull::State::kLast) break;
    if (pull.state == http::Pull::State::kWait) co_await body.arrival(patience);
  }
  next_at_ += used;
  surplus_ = std::move(body.surplus());
  co_return std::optional(std::move(text));
}

// What the client's own message broke. A failure without a status ends the session instead.
loop::Task<Page> Session::failedPage(Failure failure) {
  const ReasonRow& row = rowOf(failure.reason);
  if (row.status == 0) co_return std::unexpected(failure);
  co_return Page{.status = row.status, .body = fmt::format("{} ({})\n", row.sentence, row.token)};
}

loop::Task<void> Session::send(const Page& page, const http::Request* request) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\n",
      page.status, phraseOf(page.status), httpDate(loop_.clock().wallNanos()), page.content_type, page.body.size());
  if (!page.allow.empty()) head += "Allow: " + page.allow + "\r\n";
  if (closes_) {
    head += "Connection: close\r\n";
  } else if (request && request->minor == 0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  const bool is_head = request && request->method == http::Method::kHead;
  co_await sendAll(std::move(head), is_head ? std::string_view() : std::string_view(page.body));
  co_return loop::done;
}

loop::Task<void> Session::sendAll(std::string head, std::string_view body) {
  http::MessageWriter writer(*stream_, http::Framing::kLength, Failure{Reason::kClientReset});
  writer.begin(head);
  if (!co_await writer.push({body.data(), body.size()}, http::End::kLast)) {
    co_await writer.drained({.stall = limits_.write_stall, .stalled = Failure{Reason::kClientStalled}});
  }
  co_return loop::done;
}

// Closing over unread bytes sends a reset that may destroy the answer on its way (RFC 9112 section 9.6).
loop::Task<void> Session::linger() {
  constexpr Duration kLongest = std::chrono::seconds(1);
  constexpr size_t kMost = 64 << 10;
  stream_->shutdownWrite();
  const Deadline until = Deadline::after(loop_.now(), kLongest);
  for (size_t thrown = 0; thrown < kMost;) {
    co_await net::ReadWait(*stream_, until, Failure{Reason::kClientStalled});
    buffer_.clear();
    const net::IoResult read = readSome();
    if (!read.bytes && !read.isBlocked()) break;
    thrown += read.bytes;
  }
  co_return loop::done;
}

}  // namespace remora::admin
