#include "upstream/grpc_call.h"

#include <algorithm>
#include <array>

#include "http/grpc.h"
#include "http/h2_validate.h"
#include "http/validate.h"

namespace remora::upstream {
namespace {

// Before the final head; more of them is no answer.
constexpr int kInterimsMost = 10;

constexpr Failure kLate{Reason::kResponseTimeout};

loop::Task<void> sendQuestion(http::H2Stream& stream, const GrpcCall& call) {
  const std::string timeout =
      http::grpc::timeoutText(std::max(call.until.instant() - stream.loop().now(), Duration(0)));
  const std::array<http::HeadField, 8> fields{{{":method", "POST"},
                                               {":scheme", call.scheme},
                                               {":authority", call.authority},
                                               {":path", call.path},
                                               {"te", "trailers"},
                                               {"content-type", "application/grpc"},
                                               {"grpc-timeout", timeout},
                                               {"user-agent", call.user_agent}}};
  co_await stream.sendHead(fields, http::End::kMore);
  for (std::string_view rest = call.question;;) {
    const iovec piece{const_cast<char*>(rest.data()), rest.size()};
    const net::IoResult wrote = stream.writeLast({&piece, 1});
    if (wrote.error && !wrote.isBlocked()) {
      co_return std::unexpected(stream.brokenBy().value_or(Failure{Reason::kUpstreamReset, Reached::kMaybe}));
    }
    rest.remove_prefix(wrote.bytes);
    if (rest.empty()) co_return loop::done;
    co_await net::WriteWait(stream, call.until, kLate);
  }
}

// The whole of a small body; longer ones fail.
loop::Task<std::string> readBody(http::H2Stream& stream, const GrpcCall& call) {
  std::string body;
  for (;;) {
    const net::IoResult read = stream.read(call.scratch);
    if (read.isBlocked()) {
      co_await net::ReadWait(stream, call.until, kLate);
      continue;
    }
    if (read.error) {
      co_return std::unexpected(
          stream.brokenBy().value_or(Failure{Reason::kUpstreamReset, Reached::kMaybe, read.error}));
    }
    if (read.bytes == 0) co_return body;
    if (body.size() + read.bytes > call.answer_most) co_return fail(Reason::kBadResponse);
    body.append(call.scratch.data(), read.bytes);
  }
}

}  // namespace

loop::Task<http::Response> readFinalHead(http::H2Stream& stream, http::Method method, Deadline until) {
  for (int interims = 0; interims <= kInterimsMost;) {
    const http::RawResponse* const raw = stream.takeResponse();
    if (!raw) {
      if (stream.hasError()) co_return std::unexpected(*stream.brokenBy());
      co_await net::ReadWait(stream, until, kLate);
      continue;
    }
    if (stream.headFailure()) co_return std::unexpected(*stream.headFailure());
    const http::Response response = co_await http::validateH2Response(*raw, method);
    if (response.status >= 200) co_return response;
    ++interims;
  }
  co_return fail(Reason::kBadResponse);
}

loop::Task<GrpcReply> callGrpc(http::H2Stream& stream, const GrpcCall& call) {
  co_await sendQuestion(stream, call);
  GrpcReply reply;
  const http::Response response = co_await readFinalHead(stream, http::Method::kPost, call.until);
  reply.status = response.status;
  reply.is_grpc = http::grpc::isGrpc(*response.headers);
  if (reply.status != 200 || !reply.is_grpc) co_return reply;
  const std::string_view early = response.headers->valueOf(http::HeaderId::kGrpcStatus);
  reply.grpc_status = http::grpc::parseStatus(early);
  if (!early.empty() && reply.grpc_status != 0u) co_return reply;
  reply.body = co_await readBody(stream, call);
  reply.grpc_status = http::grpc::parseStatus(stream.trailers().valueOf(http::HeaderId::kGrpcStatus));
  co_return reply;
}

}  // namespace remora::upstream
