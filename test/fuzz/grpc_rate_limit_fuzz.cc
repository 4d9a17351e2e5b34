// Any bytes as the answer of a gRPC rate limit service: never past their end, exactly one message, and nobody is sent
// away for longer than the bound.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/grpc.h"
#include "http/grpc_rate_limit.h"
#include "http/protobuf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace remora;
  using namespace remora::http::grpc;
  // In memory of exactly this size, so that the sanitizer sees a step too far. The frame is made here, since a length
  // that fits is hard to come by.
  std::string body;
  const size_t begun = beginFrame(body);
  body.append(reinterpret_cast<const char*>(data), size);
  endFrame(body, begun);
  body.shrink_to_fit();
  const Result<RateLimitAnswer> answer = parseRateLimitAnswer(body);
  (void)parseRateLimitAnswer(std::string_view(body).substr(begun));
  if (!answer) return 0;
  check(!parseRateLimitAnswer(body + '\0'), "a byte more is another body");
  check(!parseRateLimitAnswer(std::string_view(body).substr(0, body.size() - 1)), "as is one less");
  if (answer->wait) check(answer->wait->count() >= 0 && *answer->wait <= kRateLimitWaitMost, "waits are bounded");
  check(answer->window.count() >= 0 && answer->window <= kRateLimitWaitMost, "windows are those of the units");
  // What is said last counts, and what nobody knows changes nothing.
  std::string more = body;
  http::protobuf::addNumber(more, 1, 1);
  http::protobuf::addBytes(more, 3, "x");
  endFrame(more, begun);
  const Result<RateLimitAnswer> allowed = parseRateLimitAnswer(more);
  check(allowed && allowed->is_allowed && allowed->wait == answer->wait, "a last yes is a yes");
  return 0;
}
