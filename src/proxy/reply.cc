#include "proxy/reply.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/grpc_status.h"
#include "http/grpc.h"
#include "proxy/forwarding.h"
#include "proxy/rate_limit.h"
#include "proxy/refuse_overload.h"
#include "route/rewrite.h"

namespace remora::proxy {
namespace {

using observe::Outcome;
using Id = http::HeaderId;

enum class BodyKind : uint8_t { kJson, kText, kGrpc };

// Plain text for those who name it and not JSON; gRPC for its clients; JSON for everybody else.
BodyKind kindFor(const Exchange& exchange) {
  if (!exchange.request.headers) return BodyKind::kJson;
  if (exchange.is_grpc) return BodyKind::kGrpc;
  const std::string_view accept = exchange.request.headers->valueOf(Id::kAccept);
  const bool wants_text = accept.find("text/") != std::string_view::npos;
  return wants_text && accept.find("json") == std::string_view::npos ? BodyKind::kText : BodyKind::kJson;
}

// The received request id may hold any visible byte.
std::string jsonText(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// With what held it back, where something did.
std::string sentenceOf(const Exchange& exchange, const ReasonRow& row) {
  if (std::string overload = overloadWords(exchange); !overload.empty()) return overload;
  std::string sentence(row.sentence);
  const bool is_held_back = row.reason == Reason::kRequestsFull || row.reason == Reason::kPendingTimeout ||
                            row.reason == Reason::kConnectionsFull || row.reason == Reason::kBreakerOpen ||
                            row.reason == Reason::kAdmissionRefused;
  if (is_held_back && !exchange.held_back.empty()) sentence += ": " + exchange.held_back;
  return sentence;
}

std::string bodyOf(const Exchange& exchange, const ReasonRow& row, BodyKind kind) {
  const std::string_view id = exchange.record.request_id;
  if (kind == BodyKind::kGrpc) return {};
  if (kind == BodyKind::kText) {
    return fmt::format("{} {}\nremora: {} ({})\nrequest id: {}\n", row.status, http::phraseOf(row.status),
                       sentenceOf(exchange, row), row.token, id);
  }
  return fmt::format(
      "{{\"type\":\"about:blank\",\"title\":\"{}\",\"status\":{},\"detail\":\"{}\",\"reason\":\"{}\","
      "\"request_id\":\"{}\"}}\n",
      http::phraseOf(row.status), row.status, jsonText(sentenceOf(exchange, row)), row.token, jsonText(id));
}

struct Reply {
  uint16_t status = 0;
  std::vector<std::pair<std::string_view, std::string>> fields;
  std::string body;

  void add(std::string_view name, std::string value) { fields.emplace_back(name, std::move(value)); }
};

Reply describeFailure(const Exchange& exchange, const ReasonRow& row) {
  const BodyKind kind = kindFor(exchange);
  Reply reply;
  reply.status = kind == BodyKind::kGrpc ? 200 : row.status;
  reply.body = bodyOf(exchange, row, kind);
  reply.add("Proxy-Status",
            fmt::format("remora; error={}; details=\"{}\"",
                        row.proxy_status.empty() ? "proxy_internal_error" : row.proxy_status, row.token));
  switch (kind) {
    case BodyKind::kJson:
      reply.add("Content-Type", "application/problem+json");
      break;
    case BodyKind::kText:
      reply.add("Content-Type", "text/plain; charset=utf-8");
      break;
    case BodyKind::kGrpc:
      reply.add("Content-Type", "application/grpc");
      reply.add("grpc-status", std::to_string(row.grpc));
      reply.add("grpc-message",
                http::grpc::encodeMessage(fmt::format("{} ({})", sentenceOf(exchange, row), row.token)));
      break;
  }
  if (row.reason == Reason::kRateLimited) {
    for (auto& [name, value] : rateLimitFields(exchange)) reply.add(name, std::move(value));
  }
  if (row.reason == Reason::kOverloaded) reply.add("Retry-After", "1");
  if (row.reason == Reason::kBreakerOpen) {
    reply.add("Retry-After", std::to_string(secondsUp(exchange.limit_told.wait.value_or(Duration(0)))));
  }
  if (row.status == 405) reply.add("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
  if (!exchange.record.request_id.empty()) reply.add("X-Request-Id", std::string(exchange.record.request_id));
  return reply;
}

// As gRPC's own map has it (statuses of HTTP that no gRPC server sent).
uint8_t grpcOf(uint16_t status) {
  switch (status) {
    case 400:
      return kGrpcInternal;
    case 401:
      return kGrpcUnauthenticated;
    case 403:
      return kGrpcPermissionDenied;
    case 404:
      return kGrpcUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kGrpcUnavailable;
    default:
      return kGrpcUnknown;
  }
}

// A fault's status is the configuration's, that of all others the table's.
ReasonRow rowFor(const Failure& failure) {
  ReasonRow row = rowOf(failure.reason);
  if (failure.reason != Reason::kFaultInjected) return row;
  row.status = static_cast<uint16_t>(failure.detail);
  row.grpc = grpcOf(row.status);
  return row;
}

loop::Task<void> send(Exchange& exchange, Reply reply) {
  const bool is_head = exchange.request.method == http::Method::kHead;
  const bool has_body = reply.status != 204 && reply.status != 304;
  HeadWriter out = exchange.headTowardsClient();
  out.statusLine(reply.status, http::phraseOf(reply.status));
  for (const auto& [name, value] : reply.fields) out.field(name, value);
  if (has_body) {
    out.open("Content-Length");
    out.putNumber(reply.body.size());
    out.close();
  }
  if (!out.isHttp2() && !exchange.keeps_connection) {
    out.field("Connection", "close");
    exchange.downstream->stream().writeThrough();
  } else if (!out.isHttp2() && exchange.request.minor == 0) {
    out.field("Connection", "keep-alive");
  }
  out.finish();
  exchange.record.status = reply.status;
  exchange.beginAnswer(out, http::Framing::kLength);
  exchange.head_sent = true;
  const std::string_view body = is_head || !has_body ? std::string_view() : std::string_view(reply.body);
  const bool through = co_await exchange.answer->push({body.data(), body.size()}, http::End::kLast);
  if (!through) {
    const net::Patience patience{.stall = exchange.timeouts().write_stall, .stalled = Failure{Reason::kClientStalled}};
    co_await exchange.answer->drained(patience);
  }
  co_return loop::done;
}

}  // namespace

loop::Task<void> endFailed(Exchange& exchange, Failure failure) {
  const ReasonRow row = rowFor(failure);
  exchange.record.reason = failure.reason;
  exchange.record.detail = failure.detail;
  exchange.record.decide(Outcome::kFailed, {}, static_cast<uint16_t>(failure.reason), exchange.core.now());
  exchange.uploads.cancel();
  exchange.lease = {};
  if (row.side == Side::kDownstream) exchange.core.metrics().protocol_errors_downstream.add();
  if (failure.reason == Reason::kBadResponse) exchange.core.metrics().protocol_errors_upstream.add();
  if (exchange.head_sent || row.status == 0) {
    // Cut short visibly: a FIN would look like the end to a client that reads until it.
    exchange.downstream->stream().resetOnClose();
    exchange.keeps_connection = false;
    co_return std::unexpected(failure);
  }
  // After a failure of the client's framing nothing that follows may be trusted (RFC 9112 section 9.6).
  exchange.keeps_connection = row.side != Side::kDownstream && exchange.mayKeepConnection();
  exchange.needs_linger = !exchange.keeps_connection;
  exchange.ensureRequestId();
  if (exchange.is_grpc) exchange.noteGrpcStatus(row.grpc, row.token);
  co_await send(exchange, describeFailure(exchange, row));
  co_return loop::done;
}

loop::Task<void> answerHere(Exchange& exchange) {
  const model::Route& route = exchange.plan.route();
  Reply reply;
  if (const auto* redirect = std::get_if<model::Redirect>(&route.action)) {
    const std::string_view location = co_await route::redirectLocation(
        exchange.plan.choice,
        {.scheme = exchange.request.scheme,
         .host = exchange.request.host,
         .target = {.path = exchange.request.path, .raw_path = exchange.request.raw_path}},
        exchange.targetMemory(static_cast<size_t>(exchange.limits().target.count) * 2));
    reply.status = redirect->status;
    reply.add("Location", std::string(location));
    exchange.record.reason = Reason::kRedirect;
    exchange.record.decide(Outcome::kRedirected, exchange.plan.choice.route->rule, reply.status, exchange.core.now());
  } else {
    const auto& answer = std::get<model::DirectAnswer>(route.action);
    reply.status = answer.status;
    reply.body = answer.body;
    if (!answer.body.empty()) {
      reply.add("Content-Type", answer.content_type);
    }
    exchange.record.reason = Reason::kDirectAnswer;
    exchange.record.decide(Outcome::kAnswered, exchange.plan.choice.route->rule, reply.status, exchange.core.now());
  }
  for (const auto* changes : {&route.response_headers.set, &route.response_headers.add}) {
    for (const auto& [name, value] : *changes) reply.add(name, value);
  }
  exchange.keeps_connection = exchange.mayKeepConnection();
  exchange.needs_linger = !exchange.keeps_connection && !exchange.isRequestRead();
  co_await send(exchange, std::move(reply));
  co_return loop::done;
}

std::string_view noDescriptorsReply() {
  return "HTTP/1.1 503 Service Unavailable\r\nProxy-Status: remora; error=proxy_internal_error; "
         "details=\"no_descriptors\"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 61\r\nConnection: "
         "close\r\nRetry-After: 1\r\n\r\n"
         "remora: no file descriptor is left (no_descriptors); later..\n";
}

std::string_view overloadedReply() {
  return "HTTP/1.1 503 Service Unavailable\r\nProxy-Status: remora; error=proxy_internal_response; "
         "details=\"overloaded\"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 84\r\nConnection: "
         "close\r\nRetry-After: 1\r\n\r\n"
         "remora: it has as many connections as limits.connections allows (overloaded); later\n";
}

}  // namespace remora::proxy
