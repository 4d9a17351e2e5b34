#include "upstream/check_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/grpc_status.h"
#include "http/grpc_health.h"
#include "http/h1_parser.h"
#include "http/h2_session.h"
#include "http/validate.h"
#include "tls/detail.h"
#include "upstream/dial.h"
#include "upstream/grpc_call.h"

namespace remora::upstream {
namespace {

constexpr std::string_view kUserAgent = "remora-health-check";
// Before the final answer; more of them is no answer.
constexpr int kInterimsMost = 10;

Finding well() {
  return {.kind = Finding::Kind::kWell, .why = {}};
}

Finding ill(std::string why) {
  return {.kind = Finding::Kind::kIll, .why = std::move(why)};
}

// What is said over HTTP/2, for as long as one question takes.
struct Http2Client final : http::H2Session::Owner {
  Http2Client(net::Stream& transport, std::span<char> scratch, const http::H2Bounds& bounds)
      : session(http::H2Session::Role::kClient, transport, scratch, bounds, *this) {
    session.start();
  }
  void onRequest(std::unique_ptr<http::H2Stream>) override {}  // a client gets none
  void onSessionChange() override {}

  http::H2Session session;
};

// One check while it runs; it lives in the coroutine's frame.
struct Check {
  CheckMeans means;
  const CheckSettings& settings;
  const Endpoint& endpoint;
  tls::SessionCache& sessions;
  Deadline until;
  std::string host{};  // Host, :authority
  std::unique_ptr<net::Stream> stream{};
  bool is_http2 = false;

  net::ReadWait readable(net::Stream& from) const { return {from, until, Failure{Reason::kResponseTimeout}}; }
  net::WriteWait writable(net::Stream& to) const { return {to, until, Failure{Reason::kResponseTimeout}}; }
  bool isGrpc() const { return settings.check.kind == model::HealthCheck::Kind::kGrpc; }
};

loop::Task<void> connect(Check& check) {
  const CheckSettings& settings = check.settings;
  const bool is_tcp = settings.check.kind == model::HealthCheck::Kind::kTcp;
  const Dial how{.loop = check.means.loop,
                 .connector = check.means.connector,
                 .endpoint = check.endpoint,
                 .address = addressOf(check.endpoint, settings.check.port),
                 .protocol = settings.protocol,
                 .tls = settings.tls,
                 .cipher_memory = &check.means.cipher_memory,
                 .sessions = &check.sessions,
                 .carries = is_tcp ? tls::Carries::kBytes : tls::Carries::kHttp};
  Connected connected = co_await dial(how, {.overall = check.until, .overdue = Failure{Reason::kConnectTimeout}});
  check.stream = std::move(connected.stream);
  check.is_http2 = connected.is_http2;
  co_return loop::done;
}

loop::Task<void> send(Check& check, std::string_view text) {
  net::Stream& stream = *check.stream;
  while (!text.empty()) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    const net::IoResult wrote = stream.write({&piece, 1});
    text.remove_prefix(wrote.bytes);
    if (wrote.error && !wrote.isBlocked()) co_return fail(Reason::kUpstreamReset, Reached::kMaybe, wrote.error);
    if (!text.empty()) co_await check.writable(stream);
  }
  stream.flush();
  co_return loop::done;
}

// 0: the end.
loop::Task<size_t> receive(Check& check, net::Stream& stream) {
  for (;;) {
    const net::IoResult read = stream.read(check.means.scratch);
    if (read.isBlocked()) {
      co_await check.readable(stream);
      continue;
    }
    if (read.error) {
      co_return std::unexpected(
          stream.brokenBy().value_or(Failure{Reason::kUpstreamReset, Reached::kMaybe, read.error}));
    }
    co_return read.bytes;
  }
}

// What of the final head decides, and how much of a body follows that is of known length.
struct Answer {
  uint16_t status = 0;
  uint64_t rest = 0;  // bytes that are to come
};

// Final heads only; interim ones are passed over.
loop::Task<Answer> readHttp1Answer(Check& check, http::Method method) {
  http::H1ResponseParser parser({.head_bytes = kCheckHeadMost});
  std::string bytes;
  for (int interims = 0; interims <= kInterimsMost;) {
    const size_t length = bytes.empty() ? 0 : co_await parser.feed(bytes);
    if (length == 0) {
      const size_t received = co_await receive(check, *check.stream);
      if (received == 0) co_return fail(Reason::kUpstreamClosed, Reached::kMaybe);
      bytes.append(check.means.scratch.data(), received);
      continue;
    }
    const http::Response response = co_await http::validateResponse(parser.response(), method);
    if (response.status >= 200) {
      Answer answer{.status = response.status};
      const uint64_t here = bytes.size() - length;
      if (response.body.framing == http::Framing::kLength) answer.rest = response.body.length;
      if (response.body.framing == http::Framing::kChunked || response.body.framing == http::Framing::kUntilClose) {
        answer.rest = kCheckBodyMost;
      }
      answer.rest -= std::min(answer.rest, here);
      co_return answer;
    }
    ++interims;
    bytes.erase(0, length);
    parser.reset();
  }
  co_return fail(Reason::kBadResponse);
}

std::string textOf(const std::vector<model::HealthCheck::Statuses>& statuses) {
  std::string text;
  for (const auto& [first, last] : statuses) {
    if (!text.empty()) text += ", ";
    text += first == last ? fmt::format("{}", first) : fmt::format("{}..{}", first, last);
  }
  return text;
}

Finding judge(const model::HealthCheck& check, uint16_t status) {
  const bool is_well = std::ranges::any_of(
      check.statuses, [&](const auto& range) { return status >= range.first && status <= range.second; });
  if (is_well) return well();
  return ill(fmt::format("{} {} was answered with status {}, not {}", check.method, check.path, status,
                         textOf(check.statuses)));
}

loop::Task<Finding> askHttp1(Check& check) {
  const model::HealthCheck& options = check.settings.check;
  const std::string head =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                  options.method, options.path, check.host, kUserAgent);
  co_await send(check, head);
  const Answer answer = co_await readHttp1Answer(check, http::methodOf(options.method));
  // Not by more than a bound, and whatever comes of it: the status has told already.
  for (uint64_t left = std::min<uint64_t>(answer.rest, kCheckBodyMost); left > 0;) {
    const Result<size_t> received = co_await loop::asResult(receive(check, *check.stream));
    if (!received || *received == 0) break;
    left -= std::min<uint64_t>(left, *received);
  }
  co_return judge(options, answer.status);
}

http::H2Bounds boundsOf(const Check& check) {
  model::Http2Options http2 = check.settings.http2;
  http2.stream_window = Bytes{kCheckHeadMost};
  http2.connection_window = Bytes{kCheckBodyMost};
  return {.http2 = http2, .head = {.bytes = kCheckHeadMost}};
}

loop::Task<Finding> askHttp2(Check& check, http::H2Stream& stream) {
  const model::HealthCheck& options = check.settings.check;
  const std::array<http::HeadField, 5> fields{{{":method", options.method},
                                               {":scheme", check.settings.tls ? "https" : "http"},
                                               {":authority", check.host},
                                               {":path", options.path},
                                               {"user-agent", kUserAgent}}};
  co_await stream.sendHead(fields, http::End::kLast);
  const http::Response response = co_await readFinalHead(stream, http::methodOf(options.method), check.until);
  co_return judge(options, response.status);
}

Finding judgeGrpcStatus(const model::HealthCheck& check, std::optional<uint32_t> status) {
  if (!status) return ill("its answer has no grpc-status: is it a gRPC server?");
  if (status == kGrpcUnimplemented) return ill("it has no grpc.health.v1.Health service (UNIMPLEMENTED)");
  if (status == kGrpcNotFound) {
    return ill(fmt::format("its health service doesn't know '{}' (NOT_FOUND)", check.grpc_service));
  }
  return ill(fmt::format("its health service failed with {}", grpcStatusName(*status)));
}

loop::Task<Finding> askGrpc(Check& check, http::H2Stream& stream) {
  const model::HealthCheck& options = check.settings.check;
  const std::string question = http::grpc::healthQuestion(options.grpc_service);
  const GrpcCall call{.path = http::grpc::kHealthPath,
                      .authority = check.host,
                      .scheme = check.settings.tls ? "https" : "http",
                      .user_agent = kUserAgent,
                      .question = question,
                      .answer_most = http::grpc::kHealthAnswerBytesMost,
                      .until = check.until,
                      .scratch = check.means.scratch};
  const GrpcReply reply = co_await callGrpc(stream, call);
  if (reply.status != 200) co_return ill(fmt::format("the gRPC health call got status {}", reply.status));
  if (!reply.is_grpc) co_return ill("its answer isn't gRPC: is it a gRPC server?");
  if (reply.grpc_status != 0u) co_return judgeGrpcStatus(options, reply.grpc_status);
  const http::grpc::ServingStatus status = co_await http::grpc::parseHealthAnswer(reply.body);
  if (status == http::grpc::kServing) co_return well();
  co_return ill(fmt::format("it says that {} is {}",
                            options.grpc_service.empty() ? "the server" : "'" + options.grpc_service + "'",
                            http::grpc::nameOf(status)));
}

loop::Task<Finding> askOverHttp2(Check& check) {
  // The session goes before its transport, and the stream before the session.
  Http2Client client(*check.stream, check.means.scratch, boundsOf(check));
  Result<Finding> found = fail(Reason::kUpstreamClosed, Reached::kNo);
  if (const std::unique_ptr<http::H2Stream> stream = client.session.openStream()) {
    found = co_await loop::asResult(check.isGrpc() ? askGrpc(check, *stream) : askHttp2(check, *stream));
  }
  if (!found && client.session.endReason() == http::H2End::kBadPeer) found = ill("what it sends isn't HTTP/2");
  if (!client.session.isEnded()) client.session.end(http::H2Error::kNone);
  client.session.flush();
  co_return found;
}

loop::Task<Finding> ask(Check& check) {
  co_await connect(check);
  if (check.settings.check.kind == model::HealthCheck::Kind::kTcp) co_return well();
  if (check.is_http2) co_return co_await loop::asResult(askOverHttp2(check));
  if (check.isGrpc()) co_return ill("it settled on HTTP/1.1 (ALPN), and gRPC needs HTTP/2");
  co_return co_await loop::asResult(askHttp1(check));
}

std::string timeText(Milliseconds time) {
  return time.count() % 1000 ? fmt::format("{} ms", time.count()) : fmt::format("{} s", time.count() / 1000);
}

std::string wordsOf(const Failure& failure, Milliseconds timeout) {
  switch (failure.reason) {
    case Reason::kConnectTimeout:
      return "no connection within " + timeText(timeout);
    case Reason::kResponseTimeout:
      return "connected, but no answer within " + timeText(timeout);
    case Reason::kConnectRefused:
      return "it refuses connections: is the application listening there?";
    case Reason::kUpstreamClosed:
      return "it closed the connection before it answered";
    case Reason::kUpstreamReset:
      return "it reset the connection before it answered";
    case Reason::kUpstreamTls:
    case Reason::kUpstreamCertificate:
      return fmt::format("{} ({})", rowOf(failure.reason).sentence, tls::describeTlsDetail(failure));
    case Reason::kBadResponse:
      return "its answer is malformed";
    case Reason::kResponseTooLarge:
      return "its answer is too long for a health check";
    case Reason::kConnectFailed:
      return fmt::format("connecting failed: {}", std::strerror(failure.detail));
    default:
      return std::string(rowOf(failure.reason).sentence);
  }
}

Finding findingOf(const Failure& failure, const CheckSettings& settings) {
  const bool is_ours = rowOf(failure.reason).side == Side::kUs;
  return {.kind = is_ours ? Finding::Kind::kNothing : Finding::Kind::kIll,
          .why = wordsOf(failure, settings.check.timeout)};
}

}  // namespace

loop::Task<Finding> checkEndpoint(CheckMeans means, std::shared_ptr<const CheckSettings> settings,
                                  const Endpoint& endpoint, tls::SessionCache& sessions) {
  Check check{.means = means,
              .settings = *settings,
              .endpoint = endpoint,
              .sessions = sessions,
              .until = Deadline::after(means.loop.now(), settings->check.timeout)};
  check.host = settings->check.host.empty() ? authorityOf(endpoint, settings->check.port) : settings->check.host;
  Result<Finding> found = co_await loop::asResult(ask(check));
  if (found) co_return std::move(*found);
  co_return findingOf(found.error(), *settings);
}

}  // namespace remora::upstream
