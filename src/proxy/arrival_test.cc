// A connection whose chain depends on its first bytes: they are looked at, and then are still there.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

enum class Default : uint8_t { kTcp, kHttp, kNone };

// A chain for a server name, so that each connection is waited for; what has no such name goes to the default chain.
model::Config waitingConfig(Default otherwise) {
  model::Config config = basicConfig();
  model::Listener& listener = config.listeners[0];
  model::Chain chain;
  chain.name = "named";
  chain.match.server_names = {"a.example"};
  chain.tcp = model::TcpOptions{.cluster = "app"};
  if (otherwise != Default::kHttp) listener.default_chain.http.reset();
  if (otherwise == Default::kTcp) listener.default_chain.tcp = chain.tcp;
  listener.chains.push_back(std::move(chain));
  return config;
}

TEST(Arrivals, WaitForTheFirstByteAndKeepIt) {
  World world(waitingConfig(Default::kTcp));
  auto client = world.client();
  world.settle();
  world.advance(Milliseconds(4'000));
  EXPECT_EQ(world.appConnections(), 0u);
  client->put("hello");
  EXPECT_EQ(world.toApp(), "hello");
  world.app().put("you");
  world.settle();
  EXPECT_EQ(client->take(), "you");
  EXPECT_EQ(world.core().connections(), 1u);
  client->shutdownWrite();
  world.app().shutdownWrite();
  world.settle();
  ASSERT_EQ(world.recorded(), 1u);
  const auto trail = world.last().trail;
  EXPECT_EQ(trail.entries()[1].outcome, observe::Outcome::kChainChosen);
  EXPECT_EQ(trail.entries()[1].argument, 1);  // the default chain, behind one
  EXPECT_EQ(world.metrics.downstream_active.value(), 0);
}

TEST(Arrivals, ASilentClientIsServedByTheDefaultChainWhenDetectionIsOver) {
  World world(waitingConfig(Default::kTcp));
  auto client = world.client();
  world.settle();
  world.advance(Milliseconds(4'999));
  EXPECT_EQ(world.appConnections(), 0u);
  world.advance(Milliseconds(2));
  ASSERT_EQ(world.appConnections(), 1u);
  world.app().put("220 mail\r\n");
  world.settle();
  EXPECT_EQ(client->take(), "220 mail\r\n");
}

TEST(Arrivals, AnEndBeforeAnyByteIsPassedOn) {
  World world(waitingConfig(Default::kTcp));
  auto client = world.client();
  client->shutdownWrite();
  world.settle();
  ASSERT_EQ(world.appConnections(), 1u);
  EXPECT_TRUE(world.app().isEnded());
  world.app().put("late");
  world.app().shutdownWrite();
  world.settle();
  EXPECT_EQ(client->take(), "late");
  EXPECT_EQ(world.last().reason, Reason::kOk);
}

TEST(Arrivals, HttpIsServedWithWhatWasLookedAt) {
  World world(waitingConfig(Default::kHttp));
  auto client = world.client();
  world.settle();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, kOk)), 200);
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, kOk)), 200);
  EXPECT_EQ(world.metrics.tcp.size(), 0u);
}

TEST(Arrivals, WhomNoChainTakesIsReset) {
  World world(waitingConfig(Default::kNone));
  auto client = world.client();
  client->put("hello");
  world.settle();
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kNoRoute);
  EXPECT_EQ(world.appConnections(), 0u);
}

// The connection was there before; it is asked anew with each request.
TEST(Arrivals, AListenerThatBecomesTcpAnswersNoRequestOfBefore) {
  World world;
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, kOk)), 200);
  world.adopt(waitingConfig(Default::kTcp));
  client->put(kGet);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 404);
}

TEST(Arrivals, AResetEndsThemWithoutARecord) {
  World world(waitingConfig(Default::kTcp));
  auto client = world.client();
  world.settle();
  client->resetOnClose();
  client.reset();
  world.settle();
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.appConnections(), 0u);
  EXPECT_EQ(world.recorded(), 0u);
}

TEST(Arrivals, GoWithTheirListenerAndWhenQuietAtADrain) {
  World world(waitingConfig(Default::kTcp));
  auto first = world.client();
  world.settle();
  model::Config other = basicConfig();
  other.listeners[0].name = "other";
  world.adopt(std::move(other));
  EXPECT_EQ(world.core().connections(), 0u);
  world.adopt(waitingConfig(Default::kTcp));
  auto second = world.client();
  world.advance(Milliseconds(1'500));
  world.core().closeQuiet(Milliseconds(1'000));
  EXPECT_EQ(world.core().connections(), 0u);
}

TEST(Arrivals, AreEndedWithTheCore) {
  World world(waitingConfig(Default::kTcp));
  auto client = world.client();
  world.settle();
  world.core().closeAll();
  EXPECT_TRUE(client->isEnded());
}

}  // namespace
}  // namespace remora::proxy::test
