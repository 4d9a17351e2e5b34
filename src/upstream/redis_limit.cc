#include "upstream/redis_limit.h"

#include <fmt/format.h>

#include <algorithm>

#include "tls/digest.h"

namespace remora::upstream {
namespace {

// The state is when all is paid for, in microseconds since November 2023: that leaves a double 1/64 of one. It ends by
// itself once that time has passed, so that Redis keeps only who asked lately. A clock that
// went back, or another rate under the same name, costs no more than this limit's own burst.
constexpr std::string_view kScript = R"(local t = redis.call('TIME')
local now = (t[1] - 1700000000) * 1000000 + t[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = tonumber(redis.call('GET', KEYS[1]) or now) or now
paid = math.min(math.max(paid, now), now + burst)
local owed = paid + each - now
if owed > burst then return {0, 0, math.ceil(owed - burst)} end
redis.call('SET', KEYS[1], string.format('%.3f', paid + each), 'PX', math.max(math.ceil(owed / 1000), 1))
return {1, math.floor((burst - owed) / each), 0})";

std::string_view digest() {
  static const std::string known = tls::sha1Hex(kScript);
  return known;
}

}  // namespace

RedisRate::RedisRate(const model::RateLimit& limit) : remaining_most(std::max(limit.burst, 1U)) {
  using std::chrono::microseconds;
  const double cost = static_cast<double>(microseconds(limit.per).count()) / std::max(limit.requests, 1U);
  each = fmt::format("{:.6f}", cost);
  // A thousandth more, since sums of fractions aren't exact and whole bursts must fit.
  burst = fmt::format("{:.6f}", cost * (remaining_most + 0.001));
  wait_most = std::max<Duration>(limit.per, microseconds(static_cast<int64_t>(cost) + 1));
}

void writeRedisQuestion(std::string& out, std::string_view key, const RedisRate& rate, RedisScript script) {
  beginRedisCommand(out, 6);
  addRedisWord(out, script == RedisScript::kWhole ? "EVAL" : "EVALSHA");
  addRedisWord(out, script == RedisScript::kWhole ? kScript : digest());
  addRedisWord(out, "1");
  addRedisWord(out, key);
  addRedisWord(out, rate.each);
  addRedisWord(out, rate.burst);
}

std::optional<RedisVerdict> readRedisVerdict(const RedisReply& reply, const RedisRate& rate) {
  if (reply.kind != RedisReply::Kind::kNumbers || reply.count != 3) return std::nullopt;
  const auto [is_allowed, remaining, wait, unused] = reply.numbers;
  if (is_allowed < 0 || is_allowed > 1 || remaining < 0 || remaining > rate.remaining_most) return std::nullopt;
  if (wait < 0) return std::nullopt;
  const int64_t micros = std::min<int64_t>(wait, rate.wait_most / std::chrono::microseconds(1));
  return RedisVerdict{is_allowed == 1, static_cast<uint32_t>(remaining), std::chrono::microseconds(micros)};
}

RedisHello redisHello(const model::RateLimitService& service, std::string_view password) {
  RedisHello hello;
  const auto add = [&hello](std::initializer_list<std::string_view> words) {
    beginRedisCommand(hello.commands, words.size());
    for (const std::string_view word : words) addRedisWord(hello.commands, word);
    ++hello.replies;
  };
  if (!password.empty() && service.user.empty()) add({"AUTH", password});
  if (!password.empty() && !service.user.empty()) add({"AUTH", service.user, password});
  if (service.database != 0) add({"SELECT", std::to_string(service.database)});
  add({"PING"});
  return hello;
}

void addRedisValue(std::string& key, size_t part, std::string_view value) {
  key.append(":").append(std::to_string(part));
  if (value.size() <= kLongestRedisValue) {
    key.append("=").append(value);
  } else {
    key.append("#").append(tls::sha256Hex(value));
  }
}

}  // namespace remora::upstream
