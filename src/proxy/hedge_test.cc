// A second attempt beside one that takes long.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using std::chrono::milliseconds;

struct Hedged {
  explicit Hedged(const model::Hedge& hedge = {.after = milliseconds(50)},
                  const std::function<void(model::Config&)>& change = {})
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          routeOf(config).hedge = hedge;
          if (change) change(config);
        }),
        client(world.client()) {
    world.endpoints({"10.0.0.1", "10.0.0.2"});
  }
  // For so long that both attempts are under way.
  void ask(std::string_view request = kGet) {
    client->put(request);
    world.advance(milliseconds(50));
  }
  void breakOff(size_t i) {
    (void)world.toApp(i);
    world.app(i).resetOnClose();
    world.connector.apps[i].reset();
    world.settle();
  }
  std::string answered(std::string_view answer, size_t i) {
    world.app(i).put(answer);
    world.settle();
    return client->take();
  }
  World world;
  std::unique_ptr<PipeEnd> client;
};

TEST(Hedge, TheSecondIsHeardWhenItAnswersFirst) {
  Hedged hedged;
  World& world = hedged.world;
  hedged.client->put(kGet);
  world.advance(milliseconds(49));
  EXPECT_EQ(world.appConnections(), 1u);
  world.advance(milliseconds(1));
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_NE(world.connector.dialled[0], world.connector.dialled[1]);
  EXPECT_TRUE(has(world.toApp(1), "GET /a HTTP/1.1\r\nHost: shop\r\n"));
  world.app(1).put(kOk);
  world.settle();
  const std::string answer = hedged.client->take();
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhi"));
  EXPECT_TRUE(world.app(0).isEnded()) << "the loser is cancelled at once";
  EXPECT_EQ(world.metrics.hedges.value(), 1u);
  EXPECT_EQ(world.metrics.hedges_won.value(), 1u);
  EXPECT_EQ(world.last().attempts, 2);
  EXPECT_EQ(std::string(world.last().endpoint.view()), world.connector.dialled[1]);
}

TEST(Hedge, TheFirstIsHeardWhenItAnswersFirst) {
  Hedged hedged;
  World& world = hedged.world;
  hedged.ask();
  ASSERT_EQ(world.appConnections(), 2u);
  (void)world.toApp(1);
  world.app(0).put("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
  world.settle();
  world.app(0).put("whole");
  world.settle();
  EXPECT_TRUE(hedged.client->take().ends_with("firstwhole"));
  EXPECT_TRUE(world.app(1).isEnded());
  EXPECT_EQ(world.metrics.hedges_won.value(), 0u);
}

TEST(Hedge, ABodyGoesWithBoth) {
  Hedged hedged;
  World& world = hedged.world;
  hedged.ask("PUT /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_TRUE(world.toApp(0).ends_with("\r\n\r\nbody"));
  EXPECT_TRUE(world.toApp(1).ends_with("\r\n\r\nbody"));
  world.app(1).put("HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  world.settle();
  world.app(1).put("0\r\n\r\n");
  world.settle();
  const std::string answer = hedged.client->take();
  EXPECT_EQ(statusOf(answer), 201);
  EXPECT_TRUE(answer.ends_with("2\r\nhi\r\n0\r\n\r\n")) << answer;
}

TEST(Hedge, WhenOneFailsTheOtherIsWaitedFor) {
  Hedged hedged;
  hedged.ask();
  hedged.breakOff(1);
  EXPECT_EQ(hedged.client->take(), "");
  EXPECT_EQ(statusOf(hedged.answered(kOk, 0)), 200);
}

TEST(Hedge, WhenTheFirstFailsTheSecondIsHeard) {
  Hedged hedged;
  hedged.ask();
  hedged.breakOff(0);
  EXPECT_EQ(statusOf(hedged.answered(kOk, 1)), 200);
}

TEST(Hedge, AClientThatGoesAwayEndsBoth) {
  Hedged hedged;
  World& world = hedged.world;
  hedged.ask();
  ASSERT_EQ(world.appConnections(), 2u);
  hedged.client.reset();
  world.settle();
  EXPECT_TRUE(world.app(0).isEnded());
  EXPECT_TRUE(world.app(1).isEnded());
}

TEST(Hedge, OnlyWhatMayBeSentTwice) {
  Hedged hedged;
  World& world = hedged.world;
  hedged.client->put("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody");
  world.advance(milliseconds(500));
  EXPECT_EQ(world.appConnections(), 1u);
}

TEST(Hedge, HasABudget) {
  Hedged hedged({.after = milliseconds(1), .percent = 10, .floor = 0});
  World& world = hedged.world;
  for (int i = 0; i < 100; ++i) {
    auto client = world.client();
    client->put(kGet);
    world.advance(milliseconds(5));
    for (auto& app : world.connector.apps) {
      if (app) app->put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 200);
  }
  EXPECT_EQ(world.metrics.hedges.value(), 10u);
  EXPECT_EQ(world.metrics.hedges_denied.value(), 90u);
}

TEST(Hedge, WithoutATimeItComesAfterTheRoutesOwnP95) {
  Hedged hedged(model::Hedge{});
  World& world = hedged.world;
  for (int i = 0; i < 50; ++i) {
    hedged.client->put(kGet);
    world.settle();
    EXPECT_EQ(world.metrics.hedges.value(), 0u) << "nothing is known yet, or it answers in time";
    world.advance(milliseconds(10));
    const std::string first = world.toApp(0);
    world.app(first.empty() ? 1 : 0).put(kOk);
    world.settle();
    ASSERT_EQ(statusOf(hedged.client->take()), 200) << i;
  }
  hedged.client->put(kGet);
  world.advance(milliseconds(30));
  EXPECT_EQ(world.metrics.hedges.value(), 1u);
}

}  // namespace
}  // namespace remora::proxy::test
