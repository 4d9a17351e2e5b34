#include "proxy/request_copy.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/forwarding.h"

namespace remora::proxy {
namespace {

using Id = http::HeaderId;

// The request to read; what is written is nobody's.
class CopyStream final : public net::Stream {
 public:
  CopyStream(loop::Loop& loop, std::string text) : Stream(loop), text_(std::move(text)) { may_read_ = true; }

  net::IoResult read(std::span<char> into) override {
    const size_t bytes = std::min(into.size(), text_.size() - at_);
    if (bytes == 0) {
      may_read_ = false;
      return {0, EAGAIN};
    }
    std::memcpy(into.data(), text_.data() + at_, bytes);
    at_ += bytes;
    return {bytes, 0};
  }
  net::IoResult write(std::span<const iovec> pieces) override {
    size_t bytes = 0;
    for (const iovec& piece : pieces) bytes += piece.iov_len;
    return {bytes, 0};
  }
  void shutdownWrite() override {}
  void resetOnClose() override {}

 private:
  const std::string text_;
  size_t at_ = 0;
};

// Of its connection, or written anew with the copy.
bool isLeftOut(const http::Field& field) {
  switch (field.id) {
    case Id::kHost:
    case Id::kContentLength:
    case Id::kTransferEncoding:
    case Id::kConnection:
    case Id::kKeepAlive:
    case Id::kUpgrade:
    case Id::kHttp2Settings:
    case Id::kXRequestId:
      return true;
    default:
      return ascii::equalsIgnoreCase(field.name, "expect");
  }
}

void putField(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

Connection::Origin originOf(const Exchange& exchange, std::string text) {
  const Connection& from = exchange.downstream->connection();
  return {.transport = std::make_unique<CopyStream>(exchange.core.loop(), std::move(text)),
          .peer = from.peer(),
          .listener = from.listenerRef(),
          .tls = nullptr};
}

}  // namespace

// As HTTP/1.1, whatever it came as.
std::optional<std::string> RequestCopy::textOf(Exchange& exchange) {
  const http::Request& request = exchange.request;
  const std::optional<std::string> body = exchange.request_body->copyOfWhole();
  if (!body || !request.upgrade.empty()) return std::nullopt;
  std::string text;
  text.append(request.method_text).append(" ").append(exchange.record.target);
  text.append(request.host.empty() ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  if (!request.host.empty()) putField(text, "Host", request.host);
  const Nominations nominated(*request.headers);
  for (const http::Field& field : *request.headers) {
    if (field.id == Id::kTraceparent && exchange.listener->http.trace_context) continue;
    if (!isLeftOut(field) && (field.id == Id::kTe || !isHopByHop(field, nominated)))
      putField(text, field.name, field.value);
  }
  if (exchange.listener->http.trace_context) putField(text, "traceparent", exchange.traceparentToSend());
  if (!exchange.record.request_id.empty()) putField(text, "X-Request-Id", exchange.record.request_id);
  if (request.body.framing != http::Framing::kNone) putField(text, "Content-Length", std::to_string(body->size()));
  text.append("\r\n").append(*body);
  return text;
}

RequestCopy::RequestCopy(const Exchange& exchange, std::string text, uint32_t cluster)
    : Connection(exchange.core, originOf(exchange, std::move(text))),
      Downstream(*this, transport(), nullptr),
      snapshot_(exchange.snapshot),
      listener_(exchange.listener),
      plan_(exchange.plan),
      deadline_(exchange.deadline),
      scheme_(exchange.request.scheme == "https" ? "https" : "http") {
  plan_.cluster = cluster;
}

RequestCopy::~RequestCopy() {
  serving_.destroy();
  if (exchange_) core_.giveExchange(std::move(exchange_));
}

void RequestCopy::start() {
  core_.loop().post(*this);
}

void RequestCopy::run() {
  if (serving_) {
    if (serving_.isEnded()) onEnd();
    return;
  }
  exchange_ = core_.takeExchange();
  serving_ = serve(*exchange_);
  serving_.start(*this);
}

loop::Task<void> RequestCopy::serve(Exchange& exchange) {
  exchange.attach(*this);
  const Exchange::HeadRead head = co_await exchange.readHead();
  if (head != Exchange::HeadRead::kHead) co_return fail(Reason::kInternal);
  exchange.begin(0);
  exchange.is_copy = true;
  co_await exchange.checkRequest();
  exchange.request.scheme = exchange.record.scheme = scheme_;
  exchange.snapshot = snapshot_;
  exchange.listener = listener_;
  exchange.plan = plan_;
  exchange.deadline = deadline_;
  co_await carry(exchange);
  co_return loop::done;
}

}  // namespace remora::proxy
