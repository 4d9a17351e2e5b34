// Stages of overload with figures that the test gives, and what a core does in each.
#include "proxy/overload.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;

struct Figures {
  uint64_t used = 0;
  uint64_t limit = 0;
  uint64_t descriptors = 0;
  uint64_t descriptors_limit = 1000;
  int looks = 0;  // of memoryNow()
};

class ScriptedMeter final : public OverloadMeter {
 public:
  explicit ScriptedMeter(Figures& figures) : figures_(figures) {}
  OverloadUse memory(Bytes configured) override {
    return {figures_.used, configured.count ? configured.count : figures_.limit};
  }
  OverloadUse descriptors() override { return {figures_.descriptors, figures_.descriptors_limit}; }
  OverloadUse memoryNow() override {
    ++figures_.looks;
    return {figures_.used, figures_.limit};
  }

 private:
  Figures& figures_;
};

class OverloadTest : public testing::Test {
 protected:
  OverloadTest() { figures.limit = 100 * kMiB; }
  OverloadStage at(uint64_t percent) {
    figures.used = percent * kMiB;
    overload.tick(now);
    return overload.stage();
  }

  Figures figures;
  Overload overload{1, std::make_unique<ScriptedMeter>(figures)};
  Instant now{1};
};

TEST_F(OverloadTest, EachStageBeginsAtItsThreshold) {
  EXPECT_EQ(at(84), OverloadStage::kNone);
  EXPECT_EQ(at(85), OverloadStage::kNoKeepAlive);
  EXPECT_EQ(at(88), OverloadStage::kRefuseLow);
  EXPECT_EQ(at(92), OverloadStage::kRefuse);
  EXPECT_EQ(at(97), OverloadStage::kStopAccepting);
  EXPECT_EQ(overload.worst(), OverloadResource::kMemory);
  EXPECT_EQ(overload.words(), "memory 97 of 100 MiB");
}

TEST_F(OverloadTest, AStageEndsOnlyAGapBelowItsThreshold) {
  at(97);
  EXPECT_EQ(at(93), OverloadStage::kStopAccepting);
  EXPECT_EQ(at(91), OverloadStage::kRefuse);
  EXPECT_EQ(at(88), OverloadStage::kRefuse);
  EXPECT_EQ(at(86), OverloadStage::kRefuseLow);
  EXPECT_EQ(at(82), OverloadStage::kNoKeepAlive);
  EXPECT_EQ(at(80), OverloadStage::kNoKeepAlive);
  EXPECT_EQ(at(79), OverloadStage::kNone);
  EXPECT_EQ(at(84), OverloadStage::kNone) << "coming from below, the threshold itself counts";
}

TEST_F(OverloadTest, ZeroIsNever) {
  overload.configure({.disable_http_keepalive = 0,
                      .refuse_low_priority = 0,
                      .stop_accepting_requests = 0,
                      .stop_accepting_connections = 0});
  EXPECT_EQ(at(150), OverloadStage::kNone);
}

TEST_F(OverloadTest, WithoutALimitMemoryIsNotWatched) {
  figures.limit = 0;
  EXPECT_EQ(at(1000), OverloadStage::kNone);
  EXPECT_EQ(overload.piece(), Overload::kMostPiece);
}

TEST_F(OverloadTest, WhatIsConfiguredIsALimit) {
  figures.limit = 0;
  overload.configure({.memory = Bytes{64 * kMiB}});
  EXPECT_EQ(at(60), OverloadStage::kRefuse);
  EXPECT_EQ(overload.words(), "memory 60 of 64 MiB");
}

TEST_F(OverloadTest, WhatIsPromisedToThoseThatRunCountsAsUsed) {
  overload.core(0).promised = 10 * kMiB;
  EXPECT_EQ(at(74), OverloadStage::kNone);
  EXPECT_EQ(at(82), OverloadStage::kRefuse);
}

TEST_F(OverloadTest, APieceIsAsSmallAsWhatIsLeftForThoseThatRun) {
  at(10);
  EXPECT_EQ(overload.piece(), Overload::kMostPiece);
  overload.core(0).promised = 320 * Overload::kExchangeBytes;  // 10 MiB
  at(50);
  EXPECT_EQ(overload.piece(), 40 * kMiB / 640);
  at(99);
  EXPECT_EQ(overload.piece(), Overload::kLeastPiece) << "what was promised";
}

TEST_F(OverloadTest, DescriptorsOnlyEndKeepAlive) {
  figures.descriptors = 1000;
  EXPECT_EQ(at(10), OverloadStage::kNoKeepAlive);
  EXPECT_EQ(overload.worst(), OverloadResource::kDescriptors);
  EXPECT_EQ(overload.words(), "descriptors 1000 of 1000");
}

TEST_F(OverloadTest, ABurstIsMeasuredBeforeItCanPassTheLimit) {
  loop::TestLoop loop;
  OverloadGate gate(overload, 0, loop);
  at(50);
  figures.used = 95 * kMiB;  // since the tick
  int admitted = 0;
  while (gate.ask(Overload::kRequestBytes) < OverloadStage::kRefuse && admitted < 10'000) {
    figures.used += 1;
    ++admitted;
  }
  EXPECT_LE(admitted, 1);
  EXPECT_EQ(figures.looks, 1);
}

TEST_F(OverloadTest, WithMuchLeftTheSystemIsSeldomAsked) {
  loop::TestLoop loop;
  OverloadGate gate(overload, 0, loop);
  at(10);
  for (int i = 0; i < 10'000; ++i) gate.ask(Overload::kRequestBytes);
  EXPECT_LE(figures.looks, 25) << "48 KiB each, of a quarter of 82 MiB";
}

TEST_F(OverloadTest, ALoopThatIsLateForAWhileIsOverload) {
  loop::TestLoop loop;
  OverloadGate gate(overload, 0, loop);
  gate.promise(1);
  loop.advance(std::chrono::seconds(1));
  EXPECT_EQ(overload.tick(loop.loop().now()), Overload::kTick);
  EXPECT_EQ(overload.use(OverloadResource::kLoopDelay).used, 0u) << "on time";
  gate.takeBack(1);
  loop.advance(std::chrono::seconds(1));
  EXPECT_EQ(loop.loop().timers().size(), 0u) << "while nothing runs it sleeps";
  EXPECT_EQ(overload.tick(loop.loop().now() + std::chrono::seconds(60)), Overload::kCalmTick);
  EXPECT_EQ(overload.stage(), OverloadStage::kNone);
}

TEST_F(OverloadTest, OneLateTurnIsNoneButFiveAre) {
  overload.core(0).pulse_due = 1;
  overload.core(0).late_nanos = std::chrono::nanoseconds(Milliseconds(490)).count();
  EXPECT_EQ(at(10), OverloadStage::kStopAccepting);
  EXPECT_EQ(overload.worst(), OverloadResource::kLoopDelay);
  EXPECT_EQ(overload.words(), "event loop 490 of 500 ms late");
  overload.core(0).late_nanos = 0;
  EXPECT_EQ(at(10), OverloadStage::kNone);
}

TEST_F(OverloadTest, ACoreThatIsNotHeardOfIsLate) {
  overload.core(0).pulse_due = 1;
  now = Instant{1} + Milliseconds(400);
  EXPECT_EQ(at(10), OverloadStage::kNone);
  now = Instant{1} + Milliseconds(501);
  EXPECT_EQ(at(10), OverloadStage::kStopAccepting);
}

class OverloadedCoreTest : public OverloadTest {
 protected:
  World world{basicConfig(), &overload};
};

TEST_F(OverloadedCoreTest, FirstConnectionsAreNotKept) {
  const auto client = world.client();
  EXPECT_TRUE(has(world.exchange(*client, kGet, kOk), "200 OK"));
  at(86);
  const std::string answer = world.exchange(*client, kGet, kOk, 0);
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
  EXPECT_EQ(world.metrics.overload_closed.value(), 1u);
}

// A route of low priority, which the header raises, with a mirror and a hedge.
class LowPriorityUnderOverloadTest : public OverloadTest {
 protected:
  LowPriorityUnderOverloadTest() {
    world.endpoints({"10.0.0.1", "10.0.0.2"});
    world.endpoints({"10.9.9.9"}, "shadow");
  }
  // Its answer so far.
  std::string ask(const std::string& priority) {
    clients.push_back(world.client());
    clients.back()->put("GET /a HTTP/1.1\r\nHost: shop\r\nX-Priority: " + priority + "\r\n\r\n");
    world.settle();
    return clients.back()->take();
  }
  bool lastSays(observe::Outcome outcome) const {
    const auto last = world.last();
    return std::ranges::any_of(last.trail.entries(), [&](const auto& entry) { return entry.outcome == outcome; });
  }
  static model::Config config() {
    model::Config config = basicConfig();
    config.telemetry.recent = 4;
    config.clusters.emplace_back().name = "shadow";
    model::Route& route = routeOf(config);
    route.priority = {.is = model::Priority::kLow, .header = "x-priority", .may_raise = true};
    route.mirrors = {{{"shadow", 1, {}}, 100}};
    route.hedge = {.after = Milliseconds(50)};
    return config;
  }

  World world{config(), &overload};
  std::vector<std::unique_ptr<PipeEnd>> clients;
};

TEST_F(LowPriorityUnderOverloadTest, IsRefusedBeforeOthersAndTold) {
  at(88);
  const std::string refused = ask("low");
  EXPECT_EQ(statusOf(refused), 503);
  EXPECT_TRUE(has(refused, "overloaded: memory 88 of 100 MiB; low priority is refused first")) << refused;
  EXPECT_TRUE(has(refused, "Retry-After: 1\r\n"));
  EXPECT_EQ(world.last().reason, Reason::kOverloaded);
  EXPECT_TRUE(lastSays(observe::Outcome::kLowRefused));
  EXPECT_EQ(world.appConnections(), 0u);
  EXPECT_EQ(ask("normal"), "");
  EXPECT_EQ(ask("high"), "");
  EXPECT_EQ(world.appConnections(), 2u);
  EXPECT_EQ(world.metrics.overload_refused.value(), 1u);
  EXPECT_EQ(world.metrics.overload_low_refused.value(), 1u);
}

TEST_F(LowPriorityUnderOverloadTest, ThenAllAreRefusedAlike) {
  at(93);
  for (const std::string priority : {"low", "normal", "high"}) {
    const std::string refused = ask(priority);
    EXPECT_EQ(statusOf(refused), 503);
    EXPECT_FALSE(has(refused, "low priority")) << refused;
    EXPECT_TRUE(lastSays(observe::Outcome::kOverloaded));
  }
  EXPECT_EQ(world.metrics.overload_refused.value(), 3u);
  EXPECT_EQ(world.metrics.overload_low_refused.value(), 0u);
}

TEST_F(LowPriorityUnderOverloadTest, FirstNothingIsMirroredOrHedged) {
  at(86);
  ask("low");
  world.advance(Milliseconds(50));
  EXPECT_EQ(world.appConnections(), 1u) << "no second attempt";
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(clients[0]->take()), 200);
  EXPECT_EQ(world.appConnections(), 1u) << "no copy";
  EXPECT_TRUE(lastSays(observe::Outcome::kUnhedged));
  EXPECT_TRUE(lastSays(observe::Outcome::kUnmirrored));
  EXPECT_EQ(world.metrics.overload_unhedged.value(), 1u);
  EXPECT_EQ(world.metrics.overload_unmirrored.value(), 1u);
  EXPECT_EQ(world.metrics.mirrors_skipped.value(), 0u);
}

TEST_F(LowPriorityUnderOverloadTest, WithoutOverloadAllOfItHappens) {
  at(10);
  ask("low");
  world.advance(Milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  world.app(1).put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(clients[0]->take()), 200);
  EXPECT_EQ(world.metrics.mirrored.value(), 1u);
  EXPECT_EQ(world.metrics.overload_refused.value(), 0u);
}

TEST_F(OverloadedCoreTest, ThenRequestsAreRefusedAndTold) {
  at(93);
  const auto client = world.client();
  client->put("GET /a HTTP/1.1\r\nHost: shop\r\nAccept: application/json\r\n\r\n");
  world.settle();
  const std::string answer = client->take();
  EXPECT_EQ(statusOf(answer), 503);
  EXPECT_TRUE(has(answer, "Retry-After: 1\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\"detail\":\"overloaded: memory 93 of 100 MiB\"")) << answer;
  EXPECT_TRUE(has(answer, "details=\"overloaded\"")) << answer;
  EXPECT_EQ(world.appConnections(), 0u);
  EXPECT_EQ(world.last().reason, Reason::kOverloaded);
  EXPECT_EQ(world.last().route.view(), "all");
  EXPECT_EQ(world.metrics.overload_refused.value(), 1u);
}

TEST_F(OverloadedCoreTest, AHeadThatGrowsIsRefusedBeforeItIsComplete) {
  const auto client = world.client();
  client->put("GET /a HTTP/1.1\r\nHost: shop\r\nX: " + std::string(20'000, 'x'));
  at(93);
  world.settle();
  const std::string answer = client->take();
  EXPECT_EQ(statusOf(answer), 503) << answer;
  EXPECT_TRUE(has(answer, "overloaded: memory 93 of 100 MiB")) << answer;
}

TEST_F(OverloadedCoreTest, NearTheEndNoHeadIsReadAtAll) {
  at(98);
  const auto client = world.client();
  client->put(kGet);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 503);
  EXPECT_EQ(world.metrics.overload_refused.value(), 1u);
  EXPECT_EQ(world.last().reason, Reason::kOverloaded);
}

TEST_F(OverloadedCoreTest, WhatWasAdmittedRunsToItsEnd) {
  const auto client = world.client();
  client->put(kGet);
  world.settle();
  at(99);
  world.app().put(kOk);
  world.settle();
  const std::string answer = client->take();
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhi")) << answer;
}

TEST_F(OverloadedCoreTest, WhenItIsOverEverythingIsServedAgain) {
  at(99);
  at(10);
  const auto client = world.client();
  const std::string answer = world.exchange(*client, kGet, kOk);
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_FALSE(has(answer, "Connection: close")) << answer;
}

TEST_F(OverloadedCoreTest, WhatRunsIsPromisedMemoryAndGivesItBack) {
  const auto client = world.client();
  client->put(kGet);
  world.settle();
  EXPECT_EQ(overload.core(0).promised, Overload::kExchangeBytes);
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(overload.core(0).promised, 0);
}

TEST_F(OverloadedCoreTest, ABodyThatMayBeSentAgainIsPromisedItsMemory) {
  auto client = world.client();
  client->put("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 60000\r\n\r\n");
  world.settle();
  EXPECT_EQ(overload.core(0).promised, Overload::kExchangeBytes + (64 << 10));
  client.reset();
  world.settle();
  EXPECT_EQ(overload.core(0).promised, 0);
}

TEST_F(OverloadedCoreTest, QuietConnectionsAndSpareMemoryGoFirst) {
  const auto client = world.client();
  world.exchange(*client, kGet, kOk);
  EXPECT_EQ(world.core().spareExchanges(), 1u);
  world.core().giveMemoryBack();
  EXPECT_EQ(world.core().connections(), 1u) << "it may be about to send its next request";
  EXPECT_EQ(world.core().spareExchanges(), 0u);
  world.advance(std::chrono::seconds(2));
  world.core().giveMemoryBack();
  EXPECT_EQ(world.core().connections(), 0u);
}

}  // namespace
}  // namespace remora::proxy::test
