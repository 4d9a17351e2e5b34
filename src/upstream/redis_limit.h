// The question that Redis counts by: GCRA as base/cell_rate.h, in one script, so that however many ask it is exact, by
// Redis' own clock. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "model/rate_limit_service.h"
#include "model/routes.h"
#include "upstream/redis_reply.h"

namespace remora::upstream {

// What of a limit is the same for each question, as Redis takes it.
struct RedisRate {
  explicit RedisRate(const model::RateLimit& limit);

  std::string each;   // microseconds that one costs
  std::string burst;  // microseconds that may be owed
  Duration wait_most;
  uint32_t remaining_most;
};

struct RedisVerdict {
  bool is_allowed = false;
  uint32_t remaining = 0;
  Duration wait{0};  // of a refusal
};

enum class RedisScript : uint8_t {
  kByDigest,  // Redis may have forgotten it, and then says NOSCRIPT
  kWhole,
};
void writeRedisQuestion(std::string& out, std::string_view key, const RedisRate& rate, RedisScript script);
// Nothing when this is no answer to such a question.
std::optional<RedisVerdict> readRedisVerdict(const RedisReply& reply, const RedisRate& rate);

// What a connection begins with; `replies` is how many answers that gives, each a text.
struct RedisHello {
  std::string commands;
  size_t replies = 0;
};
RedisHello redisHello(const model::RateLimitService& service, std::string_view password);

// The key that is counted by: of whoever has the same name and the same value of the same part. Values that are long
// are taken by their SHA-256, so that nobody fills Redis with what he sends.
inline constexpr size_t kLongestRedisValue = 128;
void addRedisValue(std::string& key, size_t part, std::string_view value);

}  // namespace remora::upstream
