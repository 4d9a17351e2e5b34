// What a service that fails or is slow does to the requests for it: circuit breaker, admission control, the adaptive
// limit, and who goes first.
#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using observe::Outcome;
using std::chrono::seconds;

const std::string kFailed = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";

struct Held {
  explicit Held(const std::function<void(model::Config&)>& change)
      : world([&](model::Config& config) {
          config.telemetry.recent = 8;
          change(config);
        }) {}
  PipeEnd& ask(const std::string& request = kGet) {
    clients.push_back(world.client());
    clients.back()->put(request);
    world.settle();
    return *clients.back();
  }
  // One request on a connection of its own that stays, answered with `answer`; its status.
  int get(const std::string& answer) {
    client->put(kGet);
    world.settle();
    const std::string refused = client->take();
    if (!refused.empty()) return statusOf(refused);
    (void)world.toApp();
    world.app().put(answer);
    world.settle();
    return statusOf(client->take());
  }
  bool lastSays(Outcome outcome) const {
    const auto last = world.last();
    return std::ranges::any_of(last.trail.entries(), [&](const auto& entry) { return entry.outcome == outcome; });
  }
  World world;
  std::vector<std::unique_ptr<PipeEnd>> clients;
  std::unique_ptr<PipeEnd> client = world.client();
};

TEST(ServiceBreaker, OpensAndSaysWhyAndWhenItTriesAgain) {
  Held held([](model::Config& config) { config.clusters[0].breaker.emplace(); });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(held.get(kFailed), 500);
  EXPECT_TRUE(held.lastSays(Outcome::kBreakerChanged));
  EXPECT_EQ(held.world.metrics.breaker_opened.value(), 1u);
  held.client->put(kGet);
  held.world.settle();
  const std::string refused = held.client->take();
  EXPECT_EQ(statusOf(refused), 503);
  EXPECT_TRUE(has(refused, "breaker_open"));
  EXPECT_TRUE(has(refused, "it is open, since 100 % failed; try again in ")) << refused;
  EXPECT_TRUE(has(refused, "Retry-After: "));
  EXPECT_EQ(held.world.last().detail, 100);
  EXPECT_TRUE(held.lastSays(Outcome::kBreakerRefused));
  EXPECT_EQ(held.world.metrics.breaker_refused.value(), 1u);
}

TEST(ServiceBreaker, ProbesCloseItOrOpenItAgain) {
  Held held([](model::Config& config) { config.clusters[0].breaker.emplace().probes = 2; });
  for (int i = 0; i < 20; ++i) held.get(kFailed);
  held.world.advance(seconds(6));
  EXPECT_EQ(held.get(kOk), 200);
  EXPECT_EQ(held.get(kFailed), 500);
  EXPECT_EQ(held.get(kOk), 503) << "open again, and for longer";
  held.world.advance(seconds(6));
  EXPECT_EQ(held.get(kOk), 503);
  held.world.advance(seconds(6));
  EXPECT_EQ(held.get(kOk), 200);
  EXPECT_EQ(held.get(kOk), 200);
  EXPECT_TRUE(held.lastSays(Outcome::kBreakerChanged)) << "closed";
  EXPECT_EQ(held.get(kFailed), 500);
  EXPECT_EQ(held.get(kOk), 200);
  EXPECT_EQ(held.world.metrics.breaker_opened.value(), 2u);
}

TEST(ServiceBreaker, AClientThatGoesAwayIsNoProbe) {
  Held held([](model::Config& config) { config.clusters[0].breaker.emplace().probes = 1; });
  for (int i = 0; i < 20; ++i) held.get(kFailed);
  held.world.advance(seconds(6));
  held.ask();
  PipeEnd& refused = held.ask();
  EXPECT_TRUE(has(refused.take(), "it is half-open"));
  held.clients[0].reset();
  held.world.settle();
  PipeEnd& next = held.ask();
  held.world.app(held.world.appConnections() - 1).put(kOk);
  held.world.settle();
  EXPECT_EQ(statusOf(next.take()), 200);
  EXPECT_TRUE(held.lastSays(Outcome::kBreakerChanged)) << "closed";
}

// Twenty-five calls that all run out of time; was the breaker opened by them?
bool opensByTimeouts(Milliseconds of_the_route, const std::string& of_the_caller) {
  Held held([&](model::Config& config) {
    config.clusters[0].breaker.emplace();
    routeOf(config).timeout = of_the_route;
  });
  const std::string call = "POST /a HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n" +
                           of_the_caller + "\r\n";
  for (int i = 0; i < 25; ++i) {
    held.ask(call);
    held.world.advance(Milliseconds(30));
  }
  EXPECT_GE(held.world.appConnections(), 20u);
  return held.world.metrics.breaker_opened.value() > 0;
}

TEST(ServiceBreaker, TimesThatCallersSetThemselvesTellNothing) {
  EXPECT_TRUE(opensByTimeouts(Milliseconds(20), ""));
  EXPECT_FALSE(opensByTimeouts(Milliseconds(0), "grpc-timeout: 20m\r\n"));
  EXPECT_FALSE(opensByTimeouts(Milliseconds(25), "grpc-timeout: 20m\r\n"));
}

TEST(ServiceAdmission, RefusesAShareByChance) {
  Held held([](model::Config& config) { config.clusters[0].admission.emplace(); });
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    held.world.advance(Milliseconds(10));
    held.client->put(kGet);
    held.world.settle();
    std::string answer = held.client->take();
    if (answer.empty()) {
      (void)held.world.toApp();
      held.world.app().put(kFailed);
      held.world.settle();
      answer = held.client->take();
      EXPECT_EQ(statusOf(answer), 500);
    } else {
      ++refused;
      EXPECT_TRUE(has(answer, "admission_refused")) << answer;
      EXPECT_TRUE(has(answer, "100 % failed, so ")) << answer;
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_LT(refused, 340) << "a fifth must pass, and the first do";
  EXPECT_EQ(held.world.metrics.admission_refused.value(), static_cast<uint64_t>(refused));
}

TEST(AdaptiveConcurrency, OneMoreWaitsAndIsToldOfTheAdaptiveLimit) {
  Held held([](model::Config& config) {
    config.clusters[0].adaptive.emplace().min = 2;
    config.clusters[0].limits.pending = 0;
  });
  held.ask();
  held.ask();
  const std::string refused = held.ask().take();
  EXPECT_EQ(statusOf(refused), 503);
  EXPECT_TRUE(has(refused, "adaptive limit 2, no other waits")) << refused;
  EXPECT_TRUE(held.lastSays(Outcome::kAdaptiveLimited));
}

TEST(AdaptiveConcurrency, GrowsWithAnswers) {
  Held held([](model::Config& config) { config.clusters[0].adaptive.emplace().min = 1; });
  for (int i = 0; i < 100; ++i) {
    held.client->put(kGet);
    held.world.settle();
    held.world.advance(Milliseconds(10));
    (void)held.world.toApp();
    held.world.app().put(kOk);
    held.world.settle();
    EXPECT_EQ(statusOf(held.client->take()), 200);
  }
  EXPECT_GT(held.world.metrics.adaptive_limit_changes.value(), 0u);
  held.ask();
  held.ask();
  EXPECT_EQ(held.world.metrics.requests_overflowed.value(), 0u);
  EXPECT_GE(held.world.appConnections(), 2u) << "two at once, though one is the least";
}

std::string withPriority(std::string_view priority) {
  return "GET /a HTTP/1.1\r\nHost: shop\r\nX-Priority: " + std::string(priority) + "\r\n\r\n";
}

struct Prioritised : Held {
  explicit Prioritised(bool may_raise, uint32_t pending = 2)
      : Held([=](model::Config& config) {
          config.clusters[0].limits = {.requests = 5, .pending = pending};
          routeOf(config).priority = {.header = "x-priority", .may_raise = may_raise};
        }) {}
};

TEST(Priorities, LowOnesHaveAShareOnly) {
  Prioritised held(false);
  for (int i = 0; i < 5; ++i) held.ask(withPriority("low"));
  EXPECT_EQ(held.world.appConnections(), 4u) << "80 % of 5";
  held.ask(withPriority("normal"));
  EXPECT_EQ(held.world.appConnections(), 5u);
}

TEST(Priorities, AHigherOneGoesFirstAndTakesTheLowestPlace) {
  Prioritised held(true);
  for (int i = 0; i < 5; ++i) held.ask();
  PipeEnd& first_low = held.ask(withPriority("low"));
  PipeEnd& second_low = held.ask(withPriority("low"));
  PipeEnd& high = held.ask(withPriority("high"));
  const std::string displaced = second_low.take();
  EXPECT_EQ(statusOf(displaced), 503);
  EXPECT_TRUE(has(displaced, "requests_full"));
  EXPECT_TRUE(held.lastSays(Outcome::kDisplaced));
  EXPECT_EQ(held.world.metrics.requests_displaced.value(), 1u);
  (void)held.world.toApp(0);
  held.world.app(0).put(kOk);
  held.world.settle();
  held.world.app(0).put(kOk);
  held.world.settle();
  EXPECT_EQ(statusOf(high.take()), 200);
  EXPECT_EQ(first_low.take(), "") << "still";
}

TEST(Priorities, AHeaderRaisesNothingUnlessItMay) {
  Prioritised held(false, 1);
  for (int i = 0; i < 5; ++i) held.ask();
  PipeEnd& waits = held.ask();
  EXPECT_EQ(statusOf(held.ask(withPriority("high")).take()), 503);
  EXPECT_EQ(waits.take(), "");
}

}  // namespace
}  // namespace remora::proxy::test
