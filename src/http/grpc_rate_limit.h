// Envoy's rate limit service: envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit, its question and its answer.
// Header fields that an answer asks for are passed over, as is all that nobody here knows. Pure; any thread.
// Source: rls.proto and ratelimit.proto of Envoy's API, version 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"

namespace remora::http::grpc {

inline constexpr std::string_view kRateLimitPath = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
// Of an answer with its frame; an honest one has about 40, and what header fields it asks for.
inline constexpr size_t kRateLimitAnswerBytesMost = 16 << 10;
// Nobody is sent away for longer, whatever the answer says.
inline constexpr Duration kRateLimitWaitMost = std::chrono::hours(24 * 366);

// Texts must be UTF-8, and neither may be empty: else the whole question is refused.
struct RateLimitEntry {
  std::string_view key;
  std::string_view value;
};

using RateLimitDescriptor = std::span<const RateLimitEntry>;

// Appends the question, with its frame, for one request: whether one of its descriptors is over its limit.
void writeRateLimitQuestion(std::string& out, std::string_view domain,
                            std::span<const RateLimitDescriptor> descriptors);

struct RateLimitAnswer {
  bool is_allowed = false;
  // Of a refusal, where the answer says so: until when, and so many in each window.
  std::optional<Duration> wait;
  uint32_t requests = 0;
  Duration window{0};
};
// Of the whole body of an answer. Fails with kBadResponse where it isn't exactly one such message, says neither yes nor
// no, or what can't be.
Result<RateLimitAnswer> parseRateLimitAnswer(std::string_view body);

}  // namespace remora::http::grpc
