// A service's limits.requests: who must wait, for how long, and what who waits in vain is told.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

struct Limited {
  explicit Limited(const model::ClusterLimits& limits)
      : world([&](model::Config& config) {
          config.telemetry.recent = 8;
          config.clusters[0].limits = limits;
        }) {}
  PipeEnd& ask() {
    clients.push_back(world.client());
    clients.back()->put(kGet);
    world.settle();
    return *clients.back();
  }
  World world;
  std::vector<std::unique_ptr<PipeEnd>> clients;
};

TEST(ServiceLimits, OneMoreWaitsUntilOneEnds) {
  Limited limited({.requests = 2});
  PipeEnd& first = limited.ask();
  limited.ask();
  PipeEnd& third = limited.ask();
  EXPECT_EQ(limited.world.appConnections(), 2u);
  limited.world.advance(Milliseconds(300));
  limited.world.app(0).put(kOk);
  limited.world.settle();
  EXPECT_EQ(statusOf(first.take()), 200);
  (void)limited.world.toApp(0);
  limited.world.app(0).put(kOk);
  limited.world.settle();
  EXPECT_EQ(statusOf(third.take()), 200);
  const auto last = limited.world.last();
  EXPECT_TRUE(std::ranges::any_of(last.trail.entries(), [](const auto& entry) {
    return entry.outcome == observe::Outcome::kPending && entry.argument == 300;
  }));
}

TEST(ServiceLimits, WhoWaitsInVainIsToldOfTheLimit) {
  Limited limited({.requests = 1, .pending = 1, .pending_timeout = Milliseconds(250)});
  limited.ask();
  PipeEnd& waits = limited.ask();
  PipeEnd& too_many = limited.ask();
  const std::string refused = too_many.take();
  EXPECT_EQ(statusOf(refused), 503);
  EXPECT_TRUE(has(refused, "requests_full"));
  EXPECT_EQ(limited.world.last().detail, 1);
  EXPECT_EQ(waits.take(), "");
  limited.world.advance(Milliseconds(251));
  const std::string late = waits.take();
  EXPECT_EQ(statusOf(late), 503);
  EXPECT_TRUE(has(late, "pending_timeout"));
  EXPECT_EQ(limited.world.metrics.requests_overflowed.value(), 2u);
}

TEST(ServiceLimits, WhoGoesAwayGivesItsPlaceBack) {
  Limited limited({.requests = 1});
  limited.ask();
  PipeEnd& next = limited.ask();
  limited.clients[0].reset();
  limited.world.settle();
  ASSERT_EQ(limited.world.appConnections(), 2u);
  limited.world.app(1).put(kOk);
  limited.world.settle();
  EXPECT_EQ(statusOf(next.take()), 200);
}

}  // namespace
}  // namespace remora::proxy::test
