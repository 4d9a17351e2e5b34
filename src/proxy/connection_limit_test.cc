// A service's limits.connections: who must wait, what for, and who makes room. Of requests and of opaque TCP.
#include <gtest/gtest.h>

#include "proxy/h2_test_app.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using observe::Outcome;

const std::string kPost = "POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc";

struct Few : World {
  explicit Few(const model::ClusterLimits& limits, const std::function<void(model::Config&)>& change = {})
      : World([&](model::Config& config) {
          config.telemetry.recent = 16;
          config.clusters[0].limits = limits;
          if (change) change(config);
        }) {}
  PipeEnd& ask(std::string_view request = kGet) {
    clients.push_back(client());
    clients.back()->put(request);
    settle();
    return *clients.back();
  }
  void answer(size_t i = 0) {
    (void)toApp(i);
    app(i).put(kOk);
    settle();
  }
  bool decided(Outcome outcome, uint16_t argument) const {
    const RecentExchange exchange = last();
    return std::ranges::any_of(exchange.trail.entries(), [&](const auto& entry) {
      return entry.outcome == outcome && entry.argument == argument;
    });
  }
  std::vector<std::unique_ptr<PipeEnd>> clients;
};

void takeTurns(model::Config& config) {
  config.clusters[0].balance = model::Balance::kRoundRobin;
}

// Two endpoints, which get requests in turns, and one connection.
struct OneForTwo : Few {
  OneForTwo() : Few({.connections = 1}, takeTurns) { endpoints({"10.0.0.1", "10.0.0.2"}); }
};

TEST(ConnectionLimit, WhoWaitsGetsTheOneThatIsGivenBack) {
  Few world({.connections = 1});
  PipeEnd& first = world.ask();
  PipeEnd& second = world.ask();
  world.advance(Milliseconds(300));
  EXPECT_EQ(world.appConnections(), 1u);
  world.answer();
  EXPECT_EQ(statusOf(first.take()), 200);
  EXPECT_TRUE(has(world.toApp(), "GET /a")) << "the second's request, on the same connection";
  world.answer();
  EXPECT_EQ(statusOf(second.take()), 200);
  EXPECT_EQ(world.appConnections(), 1u);
  EXPECT_TRUE(world.decided(Outcome::kConnectionsFull, 1));
  EXPECT_TRUE(world.decided(Outcome::kConnectionFree, 300));
}

TEST(ConnectionLimit, WhoWaitsInVainIsToldOfTheLimit) {
  Few world({.pending = 1, .pending_timeout = Milliseconds(250), .connections = 1});
  world.ask();
  PipeEnd& waits = world.ask();
  PipeEnd& too_many = world.ask();
  const std::string refused = too_many.take();
  EXPECT_EQ(statusOf(refused), 503);
  EXPECT_TRUE(has(refused, "connections_full"));
  EXPECT_TRUE(has(refused, "limit 1, 1 others wait, the first for 0 ms"));
  EXPECT_EQ(world.last().detail, 1);
  EXPECT_EQ(waits.take(), "");
  world.advance(Milliseconds(251));
  const std::string late = waits.take();
  EXPECT_TRUE(has(late, "connections_full"));
  EXPECT_TRUE(has(late, "limit 1, it waited 250 ms, no other waits")) << late;
  EXPECT_EQ(world.metrics.connections_overflowed.value(), 2u);
  EXPECT_EQ(world.last().attempts, 1) << "it says nothing of the endpoint, and isn't tried again";
}

TEST(ConnectionLimit, OneThatNobodyUsesMakesRoomForAnotherEndpoint) {
  OneForTwo world;
  world.ask();
  world.answer(0);
  PipeEnd& second = world.ask();
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_TRUE(world.app(0).isEnded());
  EXPECT_NE(world.connector.dialled[0], world.connector.dialled[1]);
  world.answer(1);
  EXPECT_EQ(statusOf(second.take()), 200);
}

TEST(ConnectionLimit, OneOfAnotherEndpointIsClosedForWhoWaits) {
  OneForTwo world;
  world.ask();
  PipeEnd& second = world.ask();
  EXPECT_EQ(world.appConnections(), 1u);
  world.answer(0);
  EXPECT_TRUE(world.app(0).isEnded());
  ASSERT_EQ(world.appConnections(), 2u);
  world.answer(1);
  EXPECT_EQ(statusOf(second.take()), 200);
}

// Who has waited for long goes before those who came later, though that costs a connection.
TEST(ConnectionLimit, NobodyStarvesAtAnotherEndpoint) {
  OneForTwo world;
  world.ask();                   // at the first
  PipeEnd& other = world.ask();  // waits for the second
  world.advance(Milliseconds(20));
  PipeEnd& later = world.ask();  // waits for the first
  world.answer(0);
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_TRUE(world.app(0).isEnded());
  world.answer(1);
  EXPECT_EQ(statusOf(other.take()), 200);
  EXPECT_EQ(later.take(), "");
  ASSERT_EQ(world.appConnections(), 3u);
  world.answer(2);
  EXPECT_EQ(statusOf(later.take()), 200);
}

TEST(ConnectionLimit, WhoGoesAwayGivesItsPlaceBack) {
  Few world({.pending = 1, .connections = 1});
  PipeEnd& first = world.ask();
  world.ask();
  world.clients[1].reset();
  world.settle();
  PipeEnd& third = world.ask();
  world.answer();
  EXPECT_EQ(statusOf(first.take()), 200);
  world.answer();
  EXPECT_EQ(statusOf(third.take()), 200);
}

TEST(ConnectionLimit, ABrokenOnesPlaceIsFree) {
  Few world({.connections = 1});
  world.ask(kPost);
  PipeEnd& second = world.ask();
  (void)world.toApp(0);
  world.connector.apps[0]->resetOnClose();
  world.connector.apps[0].reset();
  world.settle();
  ASSERT_EQ(world.appConnections(), 2u);
  world.answer(1);
  EXPECT_EQ(statusOf(second.take()), 200);
}

// It can't be sent again, so that the race with an application's idle time must not happen to it.
TEST(ConnectionLimit, ABodyThatIsntKeptGetsAFreshOne) {
  Few world({.connections = 1});
  const std::string head = "POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 9000000\r\n\r\n";
  world.ask();
  world.ask(head);
  world.answer(0);
  EXPECT_TRUE(world.app(0).isEnded());
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_TRUE(has(world.toApp(1), "POST /p"));
}

TEST(ConnectionLimit, TheTimeOfATryBeginsAfterTheWait) {
  Few world({.connections = 1}, [](model::Config& config) {
    routeOf(config).retry = model::Retry{.on = model::Retry::kTimeout, .try_timeout = Milliseconds(500)};
  });
  world.ask();
  PipeEnd& second = world.ask();
  world.advance(Milliseconds(400));
  world.answer(0);
  world.advance(Milliseconds(400));
  EXPECT_EQ(second.take(), "");
  world.answer(0);
  EXPECT_EQ(statusOf(second.take()), 200);
  EXPECT_EQ(world.last().attempts, 1);
}

TEST(ConnectionLimit, AWaitWithoutTimeLeavesTheTryItsTime) {
  Few world({.connections = 1}, [](model::Config& config) {
    routeOf(config).retry = model::Retry{.attempts = 0, .on = model::Retry::kTimeout, .try_timeout = Milliseconds(500)};
  });
  world.ask();
  PipeEnd& second = world.ask();
  world.answer(0);
  world.advance(Milliseconds(501));
  EXPECT_EQ(statusOf(second.take()), 504);
}

TEST(ConnectionLimit, AHedgeDoesNotWait) {
  Few world({.connections = 1},
            [](model::Config& config) { routeOf(config).hedge = model::Hedge{.after = Milliseconds(50)}; });
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  PipeEnd& client = world.ask();
  world.advance(Milliseconds(60));
  EXPECT_EQ(world.metrics.hedges.value(), 1u);
  EXPECT_EQ(world.appConnections(), 1u);
  world.answer(0);
  EXPECT_EQ(statusOf(client.take()), 200);
}

TEST(ConnectionLimit, AReloadThatLowersItHolds) {
  Few world({});
  for (int i = 0; i < 3; ++i) world.ask();
  ASSERT_EQ(world.appConnections(), 3u);
  world.adopt(World::changed([](model::Config& config) {
    config.telemetry.recent = 16;
    config.clusters[0].limits.connections = 1;
  }));
  world.answer(0);
  world.answer(1);
  world.answer(2);
  EXPECT_TRUE(world.app(0).isEnded());
  EXPECT_TRUE(world.app(1).isEnded());
  EXPECT_FALSE(world.app(2).isEnded());
  EXPECT_EQ(world.metrics.upstream_idle.value(), 1);
}

TEST(ConnectionLimit, AReloadThatRaisesItIsHeardByWhoWaits) {
  for (const uint32_t raised : {2u, 0u}) {
    Few world({.connections = 1});
    world.ask();
    world.ask();
    ASSERT_EQ(world.appConnections(), 1u);
    world.adopt(World::changed([&](model::Config& config) { config.clusters[0].limits.connections = raised; }));
    world.settle();
    EXPECT_EQ(world.appConnections(), 2u) << raised;
  }
}

TEST(ConnectionLimit, AllThatIsUnusedMakesRoomWhereTheLimitIsLower) {
  Few world({}, takeTurns);
  for (int i = 0; i < 4; ++i) world.ask();
  for (size_t i = 0; i < 4; ++i) world.answer(i);
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  const auto change = [](model::Config& config) {
    takeTurns(config);
    config.clusters[0].limits.connections = 2;
  };
  world.adopt(World::changed(change));
  world.ask();
  world.ask();
  world.settle();  // what the core asks itself for by mail
  ASSERT_EQ(world.appConnections(), 5u);
  EXPECT_TRUE(has(world.toApp(4), "GET /a"));
}

TEST(ConnectionLimit, OfTcpToo) {
  Few world({.pending_timeout = Milliseconds(250), .connections = 1}, [](model::Config& config) {
    model::Chain& chain = config.listeners[0].default_chain;
    chain.protocol = model::Protocol::kTcp;
    chain.http.reset();
    chain.tcp = model::TcpOptions{.cluster = "app"};
    config.route_tables.clear();
  });
  world.ask("one");
  PipeEnd& second = world.ask("two");
  PipeEnd& third = world.ask("three");
  EXPECT_EQ(world.appConnections(), 1u);
  world.advance(Milliseconds(100));
  world.clients[0]->resetOnClose();
  world.clients[0].reset();
  world.settle();
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_EQ(world.toApp(1), "two");
  EXPECT_FALSE(second.isEnded());
  world.advance(Milliseconds(200));
  EXPECT_TRUE(third.isEnded());
  EXPECT_EQ(world.last().reason, Reason::kConnectionsFull);
}

// Over HTTP/2 a connection has room for more streams, and who waits gets one of these.
struct FewHttp2 : Few {
  explicit FewHttp2(uint32_t streams)
      : Few({.pending_timeout = Milliseconds(5000), .connections = 1}, [](model::Config& config) {
          config.clusters[0].protocol = model::Protocol::kHttp2;
          takeTurns(config);
        }) {
    http::H2Bounds bounds;
    bounds.http2.streams = streams;
    connector.on_connect = [this, bounds](PipeEnd&, PipeEnd& theirs) {
      apps.push_back(std::make_unique<H2App>(theirs, bounds));
    };
  }
  ~FewHttp2() { apps.clear(); }
  std::vector<std::unique_ptr<H2App>> apps;
};

TEST(ConnectionLimit, AStreamThatEndsIsForWhoWaits) {
  FewHttp2 world(1);
  PipeEnd& first = world.ask();
  PipeEnd& second = world.ask();
  PipeEnd& third = world.ask();
  ASSERT_EQ(world.apps.size(), 1u);
  H2App& app = *world.apps[0];
  ASSERT_EQ(app.requests.size(), 1u);
  app.answer(0);
  world.settle();
  EXPECT_EQ(statusOf(first.take()), 200);
  ASSERT_EQ(app.requests.size(), 2u);
  app.answer(1);
  world.settle();
  EXPECT_EQ(statusOf(second.take()), 200);
  ASSERT_EQ(app.requests.size(), 3u);
  app.answer(2);
  world.settle();
  EXPECT_EQ(statusOf(third.take()), 200);
  EXPECT_EQ(world.apps.size(), 1u);
}

TEST(ConnectionLimit, AStreamIsAsGoodForABodyThatIsntKept) {
  FewHttp2 world(1);
  PipeEnd& first = world.ask();
  PipeEnd& upload = world.ask("POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 9000000\r\n\r\n");
  world.apps[0]->answer(0);
  world.settle();
  EXPECT_EQ(statusOf(first.take()), 200);
  ASSERT_EQ(world.apps.size(), 1u);
  ASSERT_EQ(world.apps[0]->requests.size(), 2u);
  world.apps[0]->answer(1, "413");
  world.settle();
  EXPECT_EQ(statusOf(upload.take()), 413);
}

TEST(ConnectionLimit, AnHttp2ConnectionMakesRoomForAnotherEndpoint) {
  FewHttp2 world(100);
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  PipeEnd& first = world.ask();
  PipeEnd& second = world.ask();
  ASSERT_EQ(world.apps.size(), 1u);
  world.apps[0]->answer(0);
  world.settle();
  EXPECT_EQ(statusOf(first.take()), 200);
  ASSERT_EQ(world.apps.size(), 2u);
  world.apps[1]->answer(0);
  world.settle();
  EXPECT_EQ(statusOf(second.take()), 200);
}

// A connection that is neither full nor idle must give way as well, and what runs on it must not suffer.
TEST(ConnectionLimit, AnHttp2ConnectionTakesNoMoreWhenOthersWaitLonger) {
  FewHttp2 world(100);
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  PipeEnd& first = world.ask();
  PipeEnd& other = world.ask();  // for the second endpoint
  world.advance(Milliseconds(20));
  PipeEnd& later = world.ask();
  ASSERT_EQ(world.apps.size(), 1u);
  EXPECT_EQ(world.apps[0]->requests.size(), 1u);
  world.apps[0]->answer(0);
  world.settle();
  EXPECT_EQ(statusOf(first.take()), 200);
  ASSERT_EQ(world.apps.size(), 2u);
  world.apps[1]->answer(0);
  world.settle();
  EXPECT_EQ(statusOf(other.take()), 200);
  ASSERT_EQ(world.apps.size(), 3u);
  world.apps[2]->answer(0);
  world.settle();
  EXPECT_EQ(statusOf(later.take()), 200);
  EXPECT_EQ(world.metrics.replays.value(), 0u);
}

TEST(ConnectionLimit, AStreamThatNeverEndsDoesntKeepTheOthersOut) {
  FewHttp2 world(100);
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  world.ask();  // never answered
  PipeEnd& other = world.ask();
  world.advance(Milliseconds(20));
  PipeEnd& later = world.ask();
  world.advance(Milliseconds(900));
  EXPECT_EQ(world.apps[0]->requests.size(), 1u);
  world.advance(Milliseconds(200));
  ASSERT_EQ(world.apps[0]->requests.size(), 2u) << "nobody had anything of its yielding";
  world.apps[0]->answer(1);
  world.settle();
  EXPECT_EQ(statusOf(later.take()), 200);
  world.advance(Milliseconds(5000));
  EXPECT_TRUE(has(other.take(), "connections_full"));
}

}  // namespace
}  // namespace remora::proxy::test
