#include "snapshot/rate_limiter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace remora::snapshot {
namespace {

using std::chrono::seconds;

const Instant kStart{1'000'000'000'000};

TEST(RateLimiter, ABurstThenTheRate) {
  RateLimiter limiter({.requests = 10, .per = seconds(1), .burst = 5});
  for (uint32_t i = 0; i < 5; ++i) {
    const auto verdict = limiter.ask({}, kStart);
    EXPECT_TRUE(verdict.is_allowed);
    EXPECT_EQ(verdict.remaining, 4 - i);
  }
  const auto refused = limiter.ask({}, kStart);
  EXPECT_FALSE(refused.is_allowed);
  EXPECT_EQ(refused.wait, Milliseconds(100));
  EXPECT_FALSE(limiter.ask({}, kStart + Milliseconds(99)).is_allowed);
  EXPECT_TRUE(limiter.ask({}, kStart + Milliseconds(100)).is_allowed);
  EXPECT_FALSE(limiter.ask({}, kStart + Milliseconds(100)).is_allowed);
}

// Within 1 % over 10 s, however it is asked.
TEST(RateLimiter, OverTenSecondsItIsWithinAHundredth) {
  for (const uint32_t rate : {7U, 100U, 5000U}) {
    RateLimiter limiter({.requests = rate, .per = seconds(1), .burst = std::max(rate / 200, 1U)});
    uint32_t allowed = 0;
    for (Instant now = kStart; now < kStart + seconds(10); now = now + Duration(41'000)) {
      allowed += limiter.ask({}, now).is_allowed;
    }
    EXPECT_NEAR(allowed, rate * 10, rate * 10 * 0.01 + 1);
  }
}

TEST(RateLimiter, EachKeyHasItsOwn) {
  model::RateLimit limit{.requests = 10, .per = seconds(1), .burst = 2};
  limit.key.push_back({model::HashKey::Kind::kSource, {}});
  RateLimiter limiter(limit);
  for (uint64_t key = 1; key < 1000; ++key) {
    const uint64_t hash = key * 0x9e3779b97f4a7c15ULL;
    EXPECT_TRUE(limiter.ask(hash, kStart).is_allowed);
    EXPECT_TRUE(limiter.ask(hash, kStart).is_allowed);
    EXPECT_FALSE(limiter.ask(hash, kStart).is_allowed);
  }
}

TEST(RateLimiter, KeysThatAreMadeUpPushOutThoseThatAreNearlyPaidFor) {
  model::RateLimit limit{.requests = 1, .per = seconds(100), .burst = 3, .keys_most = 1024};
  limit.key.push_back({model::HashKey::Kind::kSource, {}});
  RateLimiter limiter(limit);
  const uint64_t loud = 0x123456789abcdef1ULL;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.ask(loud, kStart).is_allowed);
  for (uint64_t key = 1; key < 100'000; ++key) limiter.ask(key * 0x9e3779b97f4a7c15ULL, kStart);
  EXPECT_FALSE(limiter.ask(loud, kStart).is_allowed) << "it owes most, and is kept longest";
}

TEST(RateLimiter, CoresShareItWithThreads) {
  for (const bool has_key : {false, true}) {
    model::RateLimit limit{.requests = 1000, .per = seconds(1), .burst = 1000};
    if (has_key) limit.key.push_back({model::HashKey::Kind::kSource, {}});
    RateLimiter limiter(limit);
    std::atomic<int> allowed{0};
    std::vector<std::thread> cores;
    for (int core = 0; core < 4; ++core) {
      cores.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) allowed += limiter.ask(42, kStart).is_allowed;
      });
    }
    for (std::thread& core : cores) core.join();
    EXPECT_EQ(allowed, 1000);
  }
}

TEST(RateLimiters, AReloadKeepsWhatWasCounted) {
  RateLimiters limiters;
  const model::RateLimit limit{.requests = 1, .per = seconds(10), .burst = 1};
  const auto first = limiters.of("main/a", limit);
  EXPECT_TRUE(first->ask({}, kStart).is_allowed);
  EXPECT_EQ(limiters.of("main/a", limit), first);
  EXPECT_NE(limiters.of("main/b", limit), first);
  EXPECT_NE(limiters.of("main/a", {.requests = 2, .per = seconds(10), .burst = 1}), first) << "another limit";
}

}  // namespace
}  // namespace remora::snapshot
