// What outlier detection, the circuit breaker, admission control and peak_ewma learn from how a request ended.
#include "proxy/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using observe::Outcome;
using std::chrono::seconds;

const std::string kFailed = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
const std::string kHalf = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
const std::string kGrpcHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";

std::string trailers(int status) {
  return "0\r\ngrpc-status: " + std::to_string(status) + "\r\n\r\n";
}
std::string call(const std::string& more = {}) {
  return "POST /a HTTP/1.1\r\nHost: shop\r\nTE: trailers\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n" +
         more + "\r\n";
}

// A service with two endpoints that is watched in every way that doesn't refuse anything, but for what a test changes.
struct Watched {
  explicit Watched(const std::function<void(model::Config&)>& change = {})
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          config.clusters[0].outlier = model::Outlier{.ejected_most_percent = 100};
          if (change) change(config);
        }) {
    world.endpoints({"10.0.0.1", "10.0.0.2"});
  }
  explicit Watched(const model::CircuitBreaker& breaker)
      : Watched([&](model::Config& config) { config.clusters[0].breaker = breaker; }) {}

  // The connection to the application on which the request arrived.
  size_t ask(const std::string& request = kGet) {
    clients.push_back(world.client("in", client_room));
    clients.back()->put(request);
    world.settle();
    for (size_t i = 0; i < world.appConnections(); ++i) {
      if (world.connector.apps[i] && !world.toApp(i).empty()) return i;
    }
    return SIZE_MAX;
  }
  void answer(size_t i, const std::string& text) {
    world.app(i).put(text);
    world.settle();
  }
  std::string get(const std::string& request, const std::string& text) {
    answer(ask(request), text);
    return clients.back()->take();
  }
  void breakOff(size_t i) {
    if (i >= world.appConnections()) return;  // it was refused
    world.connector.apps[i]->resetOnClose();
    world.connector.apps[i].reset();
    world.settle();
  }
  void getBroken(const std::string& request, const std::string& begun) {
    const size_t i = ask(request);
    answer(i, begun);
    breakOff(i);
  }
  // Half-open, and one request may try it.
  void openAndWait() {
    for (int i = 0; i < 20; ++i) get(kGet, kFailed);
    ASSERT_EQ(world.metrics.breaker_opened.value(), 1u);
    world.advance(seconds(6));
  }
  bool isRefused() { return has(get(kGet, kOk), "breaker_open"); }
  bool lastSays(Outcome outcome) const {
    const auto last = world.last();
    return std::ranges::any_of(last.trail.entries(), [&](const auto& entry) { return entry.outcome == outcome; });
  }
  uint64_t ejections() const { return world.metrics.ejections.value(); }
  uint64_t opened() const { return world.metrics.breaker_opened.value(); }

  World world;
  size_t client_room = 64 << 10;
  std::vector<std::unique_ptr<PipeEnd>> clients;
};

constexpr model::CircuitBreaker kOneProbe{.probes = 1};

TEST(Verdict, AGrpcStatusInTheTrailersIsHeard) {
  for (int status = 0; status < 17; ++status) {
    Watched watched(model::CircuitBreaker{});
    for (int i = 0; i < 25; ++i) watched.get(call(), kGrpcHead + trailers(status));
    const bool is_failure = status == 2 || status == 13 || status == 14 || status == 15;
    EXPECT_EQ(watched.ejections(), is_failure ? 1u : 0u) << status;
    EXPECT_EQ(watched.opened(), is_failure ? 1u : 0u) << status;
  }
}

TEST(Verdict, OfOneThatComesLaterThanTheHeadToo) {
  Watched watched;
  for (int i = 0; i < 12; ++i) {
    const size_t app = watched.ask(call());
    watched.answer(app, kGrpcHead);
    watched.world.advance(seconds(1));
    EXPECT_EQ(watched.ejections(), 0u) << "not yet";
    watched.answer(app, trailers(14));
    if (watched.ejections() > 0) break;
  }
  EXPECT_EQ(watched.ejections(), 1u);
  EXPECT_TRUE(watched.lastSays(Outcome::kEjected));
}

TEST(Verdict, AdmissionControlHearsTheTrailersToo) {
  Watched watched([](model::Config& config) {
    config.clusters[0].outlier.reset();
    config.clusters[0].admission.emplace();
  });
  for (int i = 0; i < 200; ++i) {
    watched.world.advance(Milliseconds(10));
    const size_t app = watched.ask(call());
    if (app != SIZE_MAX) watched.answer(app, kGrpcHead + trailers(8));
  }
  EXPECT_GT(watched.world.metrics.admission_refused.value(), 50u);
}

TEST(Verdict, AGrpcAnswerThatEndsWithoutAStatusIsNone) {
  Watched watched;
  for (int i = 0; i < 12; ++i) watched.get(call(), kGrpcHead + "0\r\n\r\n");
  EXPECT_EQ(watched.ejections(), 1u);
}

TEST(Verdict, WhoCallsItGrpcDoesntMakeItSo) {
  Watched watched;
  for (int i = 0; i < 12; ++i) watched.get(call(), kOk);
  EXPECT_EQ(watched.ejections(), 0u);
}

TEST(Verdict, AnAnswerThatBreaksOffCountsThoughItsHeadWasGood) {
  for (const bool is_grpc : {false, true}) {
    Watched watched(model::CircuitBreaker{});
    for (int i = 0; i < 25; ++i) watched.getBroken(is_grpc ? call() : kGet, is_grpc ? kGrpcHead : kHalf);
    EXPECT_EQ(watched.ejections(), 1u);
    EXPECT_EQ(watched.opened(), 1u);
  }
}

TEST(Verdict, AClientThatGoesAwayInTheMiddleIsNobodysFault) {
  for (const bool is_grpc : {false, true}) {
    Watched watched(model::CircuitBreaker{});
    for (int i = 0; i < 25; ++i) {
      watched.answer(watched.ask(is_grpc ? call() : kGet), is_grpc ? kGrpcHead : kHalf);
      watched.clients.clear();
      watched.world.settle();
    }
    EXPECT_EQ(watched.world.last().reason, Reason::kClientReset);
    EXPECT_EQ(watched.ejections(), 0u);
    EXPECT_EQ(watched.opened(), 0u);
  }
}

TEST(Verdict, AProbeIsHeldUntilTheTrailersHaveCome) {
  for (const int status : {0, 14}) {
    Watched watched(kOneProbe);
    watched.openAndWait();
    const size_t app = watched.ask(call());
    watched.answer(app, kGrpcHead);
    EXPECT_TRUE(watched.isRefused()) << "nothing is known yet";
    watched.answer(app, trailers(status));
    EXPECT_EQ(watched.isRefused(), status == 14);
    EXPECT_EQ(watched.opened(), status == 14 ? 2u : 1u);
  }
}

TEST(Verdict, AClientThatGoesAwayBeforeTheTrailersGivesItsProbeBack) {
  Watched watched(kOneProbe);
  watched.openAndWait();
  watched.answer(watched.ask(call()), kGrpcHead);
  EXPECT_TRUE(watched.isRefused());
  watched.clients[watched.clients.size() - 2].reset();
  watched.world.settle();
  EXPECT_FALSE(watched.isRefused());
}

TEST(Verdict, AStreamThatRunsForLongIsGoodUntilItBreaksOff) {
  Watched watched(kOneProbe);
  watched.openAndWait();
  const size_t app = watched.ask(call());
  watched.answer(app, kGrpcHead);
  watched.world.advance(kRunsWell - Milliseconds(1));
  EXPECT_TRUE(watched.isRefused());
  watched.world.advance(Milliseconds(1));
  EXPECT_FALSE(watched.isRefused()) << "a stream isn't waited for without end";
  for (int i = 0; i < 19; ++i) {
    const size_t other = watched.ask(call());
    watched.answer(other, kGrpcHead);
    watched.world.advance(kRunsWell);
    watched.breakOff(other);
  }
  EXPECT_EQ(watched.opened(), 1u) << "each was good, and then it wasn't";
}

TEST(Verdict, ALongAnswerOfPlainHttpIsAwaitedNoLonger) {
  Watched watched(kOneProbe);
  watched.openAndWait();
  watched.answer(watched.ask(), kHalf);
  EXPECT_TRUE(watched.isRefused());
  watched.world.advance(kRunsWell);
  EXPECT_FALSE(watched.isRefused());
}

// An application gives up on a client that reads too slowly.
TEST(Verdict, WhoReadsSlowlyMakesNoEndpointLookIll) {
  for (const bool is_slow : {false, true}) {
    Watched watched;
    watched.client_room = is_slow ? 512 : 64 << 10;
    for (int i = 0; i < 12; ++i) {
      const size_t app = watched.ask();
      watched.answer(app, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + std::string(8000, 'x'));
      watched.world.advance(kSlowReader + Milliseconds(100));
      if (is_slow) {  // it reads on, which is when its proxy learns of the end
        for (int more = 0; more < 40; ++more) {
          if (more == 5) watched.breakOff(app);
          (void)watched.clients.back()->take();
          watched.world.settle();
        }
      } else {
        watched.breakOff(app);
      }
    }
    EXPECT_EQ(watched.world.last().reason, Reason::kResponseTruncated);
    EXPECT_EQ(watched.ejections(), is_slow ? 0u : 1u);
  }
}

// The reset that follows an answer to a request which is still on its way may destroy that answer.
TEST(Verdict, WhatIsRefusedBeforeItWasSentWholeTellsNothing) {
  Watched watched;
  for (int i = 0; i < 12; ++i) {
    watched.getBroken("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 9000\r\n\r\nbegun",
                      "HTTP/1.1 413 Too much\r\nContent-Length: 10\r\n\r\nhalf");
  }
  EXPECT_EQ(watched.ejections(), 0u);
}

// Twelve calls that run out of time, or end shortly before; is an endpoint left out for it?
bool ejectsByTime(Milliseconds of_the_route, const std::string& request, const std::string& answer = {}) {
  Watched watched([&](model::Config& config) {
    httpOf(config).deadline_header = "x-millis";
    routeOf(config).timeout = of_the_route;
  });
  for (int i = 0; i < 12; ++i) {
    const size_t app = watched.ask(request);
    watched.world.advance(Milliseconds(15));
    if (answer == "reset") {
      watched.breakOff(app);
    } else if (!answer.empty()) {
      watched.answer(app, answer);
    }
    watched.world.advance(Milliseconds(30));
  }
  return watched.ejections() > 0;
}

TEST(Verdict, TimesThatCallersSetThemselvesEjectNobody) {
  const std::string with_header = "GET /a HTTP/1.1\r\nHost: shop\r\nX-Millis: 20\r\n\r\n";
  const std::string too_late = "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n";
  EXPECT_TRUE(ejectsByTime(Milliseconds(20), kGet)) << "the route's own";
  EXPECT_TRUE(ejectsByTime(Milliseconds(20), call()));
  EXPECT_FALSE(ejectsByTime(Milliseconds(0), call("grpc-timeout: 20m\r\n")));
  EXPECT_FALSE(ejectsByTime(Milliseconds(25), call("grpc-timeout: 20m\r\n")));
  EXPECT_FALSE(ejectsByTime(Milliseconds(0), call("grpc-timeout: 1m\r\n")));
  EXPECT_FALSE(ejectsByTime(Milliseconds(0), with_header));
  EXPECT_FALSE(ejectsByTime(Milliseconds(0), with_header, "reset")) << "it was told of the time, and kept to it";
  EXPECT_FALSE(ejectsByTime(Milliseconds(0), with_header, too_late));
  EXPECT_TRUE(ejectsByTime(Milliseconds(0), kGet, "reset"));
  EXPECT_TRUE(ejectsByTime(Milliseconds(0), kGet, too_late));
  EXPECT_TRUE(ejectsByTime(Milliseconds(0), "GET /a HTTP/1.1\r\nHost: shop\r\nX-Millis: 1000\r\n\r\n", "reset"))
      << "long before";
}

TEST(Verdict, WaitingForAConnectionIsNoEndpointsFault) {
  Watched watched([](model::Config& config) {
    config.clusters[0].limits.connections = 1;
    routeOf(config).timeout = Milliseconds(20);
  });
  for (int i = 0; i < 12; ++i) watched.ask();
  watched.world.advance(Milliseconds(20));
  EXPECT_EQ(watched.world.last().reason, Reason::kExchangeTimeout);
  EXPECT_EQ(watched.world.appConnections(), 1u);
  EXPECT_EQ(watched.ejections(), 0u) << "one of them was asked";
}

TEST(Verdict, TheEndpointThatLosesToItsHedgeIsKnownToBeSlow) {
  Watched watched([](model::Config& config) {
    config.clusters[0].balance = model::Balance::kPeakEwma;
    routeOf(config).hedge = model::Hedge{.after = Milliseconds(50), .percent = 100, .floor = 100};
  });
  World& world = watched.world;
  std::string slow;
  for (int i = 0; i < 20; ++i) {
    const size_t first = watched.ask();
    if (slow.empty()) slow = world.connector.dialled.at(first);
    if (world.connector.dialled.at(first) == slow) world.advance(Milliseconds(50));
    world.advance(Milliseconds(10));  // the other one isn't quick either, but for one that nobody knows
    for (size_t app = 0; app < world.appConnections(); ++app) {
      if (world.connector.dialled[app] != slow && !world.app(app).isEnded()) watched.answer(app, kOk);
    }
    ASSERT_EQ(statusOf(watched.clients.back()->take()), 200);
  }
  EXPECT_EQ(world.metrics.hedges_won.value(), 1u) << "once is enough to know it";
}

// Whoever sends a body slowly must not make a service look ill that gives up on it, nor keep others from trying it.
TEST(Verdict, AServiceThatWaitsForTheClientIsntBlamed) {
  const std::string begun = "POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nabc";
  for (const bool breaks_off : {true, false}) {
    Watched watched([](model::Config& config) {
      routeOf(config).retry = model::Retry{.attempts = 0, .on = 0, .try_timeout = Milliseconds(500)};
    });
    for (int i = 0; i < 25; ++i) {
      const size_t app = watched.ask(begun);
      if (breaks_off) {
        watched.breakOff(app);
      } else {
        watched.world.advance(Milliseconds(501));
      }
      watched.clients.back().reset();
      watched.world.settle();
    }
    EXPECT_EQ(watched.ejections(), 0u) << breaks_off;
  }
}

TEST(Verdict, ASlowUploadGivesTheProbeBack) {
  Watched watched(kOneProbe);
  watched.openAndWait();
  watched.ask("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(watched.isRefused());
  watched.world.advance(seconds(5));
  EXPECT_FALSE(watched.isRefused());
}

}  // namespace
}  // namespace remora::proxy::test
