// A question and its answer over one stream of an HTTP/2 session, which nobody used before: the final head of any
// answer, and a unary gRPC call. Destroying the task leaves the stream as it is: whoever owns it resets it by
// destroying it. Belongs to the stream's core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "http/h2_stream.h"
#include "http/message.h"
#include "loop/task.h"

namespace remora::upstream {

// Interim heads are passed over, up to a bound. Fails with kResponseTimeout at `until`.
loop::Task<http::Response> readFinalHead(http::H2Stream& stream, http::Method method, Deadline until);

// All of it outlives the call.
struct GrpcCall {
  std::string_view path;
  std::string_view authority;
  std::string_view scheme;
  std::string_view user_agent;
  std::string_view question;  // with its frame
  size_t answer_most = 0;     // bytes of the answer with its frame; a longer one fails with kBadResponse
  Deadline until = Deadline::never();
  std::span<char> scratch;  // only used within a turn
};

struct GrpcReply {
  uint16_t status = 0;  // of HTTP; nothing else was read when it isn't 200
  bool is_grpc = false;
  std::optional<uint32_t> grpc_status;  // nothing: there was none, or it isn't known
  std::string body;                     // with its frame, when grpc_status is 0
};

// Fails where there was no answer, with kResponseTimeout at `until`.
loop::Task<GrpcReply> callGrpc(http::H2Stream& stream, const GrpcCall& call);

}  // namespace remora::upstream
