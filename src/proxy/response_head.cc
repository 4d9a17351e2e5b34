#include "proxy/response_head.h"

#include <algorithm>
#include <utility>

#include "http/h2_validate.h"
#include "http/validate.h"
#include "proxy/forwarding.h"

namespace remora::proxy {
namespace {

// Before one final response.
constexpr int kInterimsMost = 100;

loop::Task<void> passInterim(Exchange& exchange, const http::Response& response) {
  if (exchange.request.major == 1 && exchange.request.minor == 0)
    co_return loop::done;  // HTTP/1.0 doesn't know them (RFC 9110 section 15.2)
  if (exchange.holds_interims) co_return loop::done;
  exchange.continue_sent |= response.status == 100;
  HeadWriter out = exchange.headTowardsClient();
  writeInterimHead(response, out);
  if (http::H2Stream* const h2 = exchange.downstream->h2()) {
    co_await h2->sendHead(exchange.core.headFields(), http::End::kMore);
    co_return loop::done;
  }
  http::MessageWriter writer(exchange.downstream->stream(), http::Framing::kNone, Failure{Reason::kClientReset});
  writer.begin(out.text());
  const bool through = co_await writer.push({}, http::End::kMore);
  if (!through) {
    co_await writer.drained(exchange.patience(exchange.timeouts().write_stall, Failure{Reason::kClientStalled}));
  }
  co_return loop::done;
}

bool isInterim(const http::RawResponse& raw) {
  return raw.status < 200 && raw.status != 101;
}

// Passes interim heads on, from the one that was just parsed (`length` bytes) to the first that is final or incomplete.
// Leaves the bytes from there on in exchange.response_bytes; returns the length of the final head, or 0.
loop::Task<size_t> passInterims(Exchange& exchange, std::string_view bytes, size_t length) {
  http::H1ResponseParser& parser = exchange.response_parser;
  for (int passed = 0; passed < kInterimsMost; ++passed) {
    const http::Response interim = co_await http::validateResponse(parser.response(), exchange.request.method);
    std::string rest(bytes.substr(length));  // the client may make us wait, and the shared memory doesn't keep
    co_await passInterim(exchange, interim);
    parser.reset();
    exchange.response_bytes = std::move(rest);
    bytes = exchange.response_bytes;
    if (bytes.empty()) co_return 0;
    length = co_await parser.feed(bytes);
    if (length == 0 || !isInterim(parser.response())) co_return length;
  }
  co_return fail(Reason::kBadResponse);
}

Result<void> takeResponse(Exchange& exchange) {
  const auto checked = http::validateResponse(exchange.response_parser.response(), exchange.request.method);
  if (!checked) return std::unexpected(checked.error());
  exchange.response = *checked;
  return {};
}

// The upload may have failed while an interim response was on its way to the client.
Result<void> uploadOutcome(const Exchange& exchange) {
  const bool is_ours = rowOf(exchange.upload_failure.reason).side != Side::kUpstream;
  if (exchange.upload == Exchange::Upload::kFailed && is_ours) return std::unexpected(exchange.upload_failure);
  return {};
}

// What comes with the head must be kept where the client has no window for it.
size_t headRoom(Exchange& exchange) {
  constexpr size_t kLeast = 4096;
  const size_t all = exchange.core.bodyScratch().size();
  http::H2Stream* const client = exchange.downstream->h2();
  return client ? std::clamp(client->windowLeft(), kLeast, all) : all;
}

loop::Task<void> readH1Response(Exchange& exchange, net::Patience patience) {
  Core& core = exchange.core;
  net::Stream& stream = exchange.lease.stream();
  for (;;) {
    co_await uploadOutcome(exchange);
    co_await net::ReadWait(stream, patience);
    const net::IoResult read = stream.read(core.scratch().first(headRoom(exchange)));
    if (read.isBlocked()) continue;
    if (read.error) {
      co_return std::unexpected(
          stream.brokenBy().value_or(Failure{Reason::kUpstreamReset, Reached::kMaybe, read.error}));
    }
    if (read.isEnd()) co_return fail(Reason::kUpstreamClosed, Reached::kMaybe);
    exchange.response_begun = true;
    std::span<char> bytes = core.scratch().first(read.bytes);
    if (exchange.keeps_response || !exchange.response_bytes.empty()) {
      exchange.response_bytes.append(bytes.data(), bytes.size());
      bytes = exchange.response_bytes;
    }
    http::H1ResponseParser& parser = exchange.response_parser;
    size_t length = co_await parser.feed({bytes.data(), bytes.size()});
    if (length && isInterim(parser.response())) {
      length = co_await passInterims(exchange, {bytes.data(), bytes.size()}, length);
      bytes = exchange.response_bytes;
    }
    if (length == 0) {
      if (bytes.data() != exchange.response_bytes.data()) exchange.response_bytes.assign(bytes.data(), bytes.size());
      continue;
    }
    exchange.response_rest = bytes.subspan(length);
    co_return takeResponse(exchange);
  }
}

loop::Task<void> readH2Response(Exchange& exchange, net::Patience patience) {
  http::H2Stream& stream = *exchange.lease.h2();
  exchange.response_rest = {};
  for (int interims = 0; interims <= kInterimsMost;) {
    const http::RawResponse* const raw = stream.takeResponse();
    if (!raw) {
      if (stream.hasError()) co_return std::unexpected(*stream.brokenBy());
      co_await uploadOutcome(exchange);
      co_await net::ReadWait(stream, patience);
      continue;
    }
    exchange.response_begun = true;
    if (stream.headFailure()) co_return std::unexpected(*stream.headFailure());
    exchange.response = co_await http::validateH2Response(*raw, exchange.request.method);
    if (exchange.response.status >= 200) co_return loop::done;
    ++interims;
    co_await passInterim(exchange, exchange.response);
  }
  co_return fail(Reason::kBadResponse);
}

}  // namespace

Result<void> readKeptResponse(Exchange& exchange) {
  exchange.response_parser.reset();
  const Result<size_t> length = exchange.response_parser.feed(exchange.response_bytes);
  if (!length) return std::unexpected(length.error());
  exchange.response_rest = std::span(exchange.response_bytes).subspan(*length);
  return takeResponse(exchange);
}

loop::Task<void> readResponse(Exchange& exchange) {
  const net::Patience patience =
      exchange.tryPatience(exchange.plan.idle_timeout, Failure{Reason::kResponseTimeout, Reached::kMaybe, 0});
  if (exchange.lease.h2()) return readH2Response(exchange, patience);
  return readH1Response(exchange, patience);
}

}  // namespace remora::proxy
