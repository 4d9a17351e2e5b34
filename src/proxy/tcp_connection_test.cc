// Opaque TCP: one connection, one connection to the application, and every byte as it is.
#include <gtest/gtest.h>

#include "observe/metrics_render.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using Way = ScriptedConnector::Way;

// Of the trail, without times: "received chain_chosen/0 ...".
std::string trailOf(const RecentExchange& exchange) {
  std::string text;
  for (const observe::TrailEntry& entry : exchange.trail.entries()) {
    text += std::string(text.empty() ? "" : " ") + std::string(observe::nameOf(entry.outcome));
    if (entry.argument) text += "/" + std::to_string(entry.argument);
  }
  return text;
}

void serveTcp(model::Config& config, Milliseconds idle = Milliseconds(60'000)) {
  model::Chain& chain = config.listeners[0].default_chain;
  chain.protocol = model::Protocol::kTcp;
  chain.http.reset();
  chain.tcp = model::TcpOptions{.cluster = "app", .idle = idle};
  config.route_tables.clear();
}

struct TcpWorld : World {
  TcpWorld() : World([](model::Config& config) { serveTcp(config); }) {}
  const observe::RequestSeries& series() { return metrics.tcp.at(0); }
};

TEST(Tcp, TheServerMaySpeakFirst) {
  TcpWorld world;
  auto client = world.client();
  world.settle();
  ASSERT_EQ(world.appConnections(), 1u);
  EXPECT_EQ(world.connector.dialled[0], "10.0.0.1:80");
  world.app().put("220 mail\r\n");
  world.settle();
  EXPECT_EQ(client->take(), "220 mail\r\n");
  client->put("HELO");
  EXPECT_EQ(world.toApp(), "HELO");
  client->put(std::string("\0\xff\r\n\r\n", 6));
  EXPECT_EQ(world.toApp(), std::string("\0\xff\r\n\r\n", 6));
  EXPECT_EQ(world.metrics.tcp_active.value(), 1);
  EXPECT_EQ(world.recorded(), 0u);  // not before its end
}

TEST(Tcp, EachSideEndsByItself) {
  TcpWorld world;
  auto client = world.client();
  client->put("question");
  client->shutdownWrite();
  EXPECT_EQ(world.toApp(), "question");
  EXPECT_TRUE(world.app().isEnded());
  EXPECT_FALSE(client->isEnded());
  world.app().put("answer");
  world.settle();
  EXPECT_EQ(client->take(), "answer");
  world.app().shutdownWrite();
  world.settle();
  EXPECT_TRUE(client->isEnded());
  EXPECT_FALSE(client->isReset());
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.metrics.tcp_active.value(), 0);
  EXPECT_EQ(world.metrics.upstream_active.value(), 0);
}

TEST(Tcp, TheApplicationMayEndFirst) {
  TcpWorld world;
  auto client = world.client();
  world.settle();
  world.app().put("bye");
  world.app().shutdownWrite();
  world.settle();
  EXPECT_EQ(client->take(), "bye");
  EXPECT_TRUE(client->isEnded());
  client->put("more");
  EXPECT_EQ(world.toApp(), "more");
  EXPECT_EQ(world.core().connections(), 1u);
  client->shutdownWrite();
  world.settle();
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.last().reason, Reason::kOk);
}

// As `printf x | nc`: all of it was there, and ended, before the endpoint answered.
TEST(Tcp, AnEarlyEndIsPassedOnBehindItsBytes) {
  TcpWorld world;
  PipeEnd* ours = nullptr;
  world.connector.on_connect = [&ours](PipeEnd& end, PipeEnd&) { (ours = &end)->startConnecting(); };
  auto client = world.client();
  client->put("x");
  client->shutdownWrite();
  world.settle();
  EXPECT_EQ(world.core().connections(), 1u);
  ours->settleConnect(0);
  EXPECT_EQ(world.toApp(), "x");
  EXPECT_TRUE(world.app().isEnded());
  world.app().put("y");
  world.app().shutdownWrite();
  world.settle();
  EXPECT_EQ(client->take(), "y");
  EXPECT_EQ(world.last().reason, Reason::kOk);
}

TEST(Tcp, WhatASlowReaderDoesNotTakeIsNotRead) {
  TcpWorld world;
  world.connector.capacity = 100;
  auto client = world.client("in", 100);
  world.settle();
  std::string sent;
  for (int i = 0; i < 2000; ++i) sent += std::to_string(i) + ",";
  size_t put = 0;
  // Nobody takes anything: what remora holds is bounded by one piece, read at once.
  for (int i = 0; i < 50; ++i) {
    put += world.app().put(std::string_view(sent).substr(put));
    world.settle();
  }
  EXPECT_LE(put, 300u);
  EXPECT_GT(put, 100u);
  std::string got;
  for (int i = 0; i < 2000 && got.size() < sent.size(); ++i) {
    put += world.app().put(std::string_view(sent).substr(put));
    world.settle();
    got += client->take(37);
  }
  EXPECT_EQ(got, sent);
}

TEST(Tcp, BothWaysAtOnceNothingIsLost) {
  TcpWorld world;
  world.connector.capacity = 64;
  auto client = world.client("in", 64);
  world.settle();
  std::string up;
  std::string down;
  for (int i = 0; i < 1500; ++i) (i % 2 ? up : down) += std::to_string(i * 7919) + ";";
  std::string got_up;
  std::string got_down;
  size_t put_up = 0;
  size_t put_down = 0;
  for (int i = 0; i < 3000; ++i) {
    put_up += client->put(std::string_view(up).substr(put_up));
    put_down += world.app().put(std::string_view(down).substr(put_down));
    world.settle();
    got_up += world.app().take(11);
    got_down += client->take(13);
  }
  EXPECT_EQ(got_up, up);
  EXPECT_EQ(got_down, down);
}

TEST(TcpEndpoints, ARefusalIsFollowedByAnother) {
  TcpWorld world;
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  world.connector.script = {Way::kRefuseLater};
  auto client = world.client();
  world.settle();
  ASSERT_EQ(world.connector.dialled.size(), 2u);
  EXPECT_NE(world.connector.dialled[0], world.connector.dialled[1]);
  client->put("hi");
  EXPECT_EQ(world.toApp(1), "hi");
  EXPECT_EQ(world.metrics.upstream_connects.value(), 2u);
  EXPECT_EQ(world.metrics.upstream_connect_failures.value(), 1u);
}

TEST(TcpEndpoints, NotMoreThanThreeAreTriedAndThenTheClientIsReset) {
  TcpWorld world;
  world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
  world.connector.otherwise = Way::kRefuseAtOnce;
  auto client = world.client();
  world.settle();
  EXPECT_EQ(world.connector.dialled.size(), 3u);
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kConnectRefused);
  EXPECT_EQ(world.last().detail, ECONNREFUSED);
  EXPECT_EQ(world.last().attempts, 3);
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.series().requests(0, Reason::kConnectRefused), 1u);
}

TEST(TcpEndpoints, OneThatIsSilentIsGivenItsTime) {
  TcpWorld world;
  world.connector.otherwise = Way::kHang;
  auto client = world.client();
  world.settle();
  world.advance(Milliseconds(4'999));
  EXPECT_FALSE(client->isReset());
  world.advance(Milliseconds(2));
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kConnectTimeout);
}

TEST(TcpEndpoints, NoneIsAReset) {
  TcpWorld world;
  world.endpoints({});
  auto client = world.client();
  world.settle();
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kNoEndpoint);
}

TEST(TcpEndpoints, AClientThatResetsIsNotWaitedFor) {
  TcpWorld world;
  world.connector.otherwise = Way::kHang;
  auto client = world.client();
  world.settle();
  client->resetOnClose();
  client.reset();
  world.settle();
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.last().reason, Reason::kClientReset);
  EXPECT_TRUE(world.app().isEnded());
}

TEST(TcpTimes, SilenceInBothDirectionsEndsIt) {
  TcpWorld world;
  auto client = world.client();
  world.settle();
  world.advance(Milliseconds(59'000));
  client->put("a");
  EXPECT_EQ(world.toApp(), "a");
  world.advance(Milliseconds(59'000));
  world.app().put("b");
  world.settle();
  world.advance(Milliseconds(59'999));
  EXPECT_EQ(world.core().connections(), 1u);
  world.advance(Milliseconds(2));
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.last().reason, Reason::kTcpIdle);
  EXPECT_TRUE(client->isReset());
  EXPECT_TRUE(world.app().isReset());
}

TEST(TcpTimes, ZeroIsNoLimit) {
  World world([](model::Config& config) { serveTcp(config, Milliseconds(0)); });
  auto client = world.client();
  world.settle();
  world.advance(std::chrono::hours(100));
  client->put("a");
  EXPECT_EQ(world.toApp(), "a");
}

TEST(TcpTimes, WhoTakesAPieceSlowlyIsNotIdle) {
  World world([](model::Config& config) { serveTcp(config, Milliseconds(10'000)); });
  auto client = world.client("in", 10);
  world.settle();
  world.app().put(std::string(100, 'x'));
  world.settle();
  std::string got;
  for (int i = 0; i < 20; ++i) {
    got += client->take(5);
    world.settle();
    world.advance(Milliseconds(6'000));
  }
  EXPECT_EQ(got.size(), 100u);
}

TEST(TcpTimes, AClientThatTakesNothingIsCutOff) {
  TcpWorld world;
  auto client = world.client("in", 10);
  world.settle();
  world.app().put(std::string(100, 'x'));
  world.settle();
  world.advance(Milliseconds(30'001));
  EXPECT_EQ(world.core().connections(), 0u);
  EXPECT_EQ(world.last().reason, Reason::kClientStalled);
  EXPECT_TRUE(world.app().isReset());
}

TEST(TcpTimes, AnApplicationThatTakesNothingIsCutOff) {
  TcpWorld world;
  world.connector.capacity = 10;
  auto client = world.client();
  client->put(std::string(100, 'x'));
  world.settle();
  world.advance(Milliseconds(30'001));
  EXPECT_EQ(world.last().reason, Reason::kUpstreamStalled);
  EXPECT_TRUE(client->isReset());
}

TEST(TcpResets, OfTheClientArePassedOn) {
  TcpWorld world;
  auto client = world.client();
  client->put("a");
  EXPECT_EQ(world.toApp(), "a");
  client->resetOnClose();
  client.reset();
  world.settle();
  EXPECT_TRUE(world.app().isReset());
  EXPECT_EQ(world.last().reason, Reason::kClientReset);
}

TEST(TcpResets, OfTheApplicationArePassedOn) {
  TcpWorld world;
  auto client = world.client();
  world.settle();
  world.app().resetOnClose();
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kUpstreamReset);
}

// Neither is read: the other side takes nothing.
TEST(TcpResets, AreSeenOfASideThatIsHeldUp) {
  {
    TcpWorld world;
    world.connector.capacity = 10;
    auto client = world.client();
    client->put(std::string(100, 'x'));
    world.settle();
    client->resetOnClose();
    client.reset();
    world.settle();
    EXPECT_EQ(world.last().reason, Reason::kClientReset);
    EXPECT_TRUE(world.app().isReset());
  }
  TcpWorld world;
  auto client = world.client("in", 10);
  world.settle();
  world.app().put(std::string(100, 'x'));
  world.settle();
  client->shutdownWrite();
  world.settle();
  world.app().resetOnClose();
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_EQ(world.last().reason, Reason::kUpstreamReset);
  EXPECT_TRUE(client->isReset());
}

TEST(TcpLife, DrainingLeavesItUntilTheGraceTimeEnds) {
  TcpWorld world;
  auto client = world.client();
  world.settle();
  world.core().startDraining();
  world.advance(Milliseconds(20'000));
  world.core().closeQuiet(Milliseconds(1'000));
  client->put("still");
  EXPECT_EQ(world.toApp(), "still");
  world.core().closeAll();
  world.settle();
  EXPECT_TRUE(client->isReset());
  EXPECT_TRUE(world.app().isReset());
  EXPECT_EQ(world.last().reason, Reason::kDraining);
  EXPECT_EQ(world.last().bytes_received, 5u);
  EXPECT_EQ(world.recorded(), 1u);
}

TEST(TcpLife, AReloadWithoutItsListenerAndServiceLeavesItAndItsConfigurationGoes) {
  TcpWorld world;
  auto client = world.client();
  client->put("a");
  EXPECT_EQ(world.toApp(), "a");
  const long before = (*world.core().snapshot())->rules.use_count();
  model::Config other = basicConfig();
  other.listeners[0].name = "other";
  other.clusters[0].name = "else";
  other.route_tables[0].hosts[0].routes[0].action = model::Forward{{{"else", 1, {}}}};
  world.adopt(std::move(other));
  EXPECT_EQ((*world.core().snapshot())->rules.use_count(), before);
  client->put("b");
  EXPECT_EQ(world.toApp(), "b");
  client->shutdownWrite();
  world.app().shutdownWrite();
  world.settle();
  EXPECT_EQ(world.last().listener.view(), "in");
  EXPECT_EQ(world.last().service.view(), "app");
  EXPECT_EQ(world.last().reason, Reason::kOk);
}

// The connection to the endpoint was under way.
TEST(TcpLife, AReloadWhileConnectingChangesNothing) {
  TcpWorld world;
  PipeEnd* ours = nullptr;
  world.connector.on_connect = [&ours](PipeEnd& end, PipeEnd&) { (ours = &end)->startConnecting(); };
  auto client = world.client();
  world.settle();
  model::Config other = basicConfig();
  other.listeners.clear();
  other.clusters.clear();
  world.adopt(std::move(other));
  ours->settleConnect(0);
  client->put("a");
  EXPECT_EQ(world.toApp(), "a");
}

TEST(TcpLife, ItIsRecordedOnceWithBothCounts) {
  TcpWorld world;
  auto client = world.client();
  client->put("12345");
  EXPECT_EQ(world.toApp(), "12345");
  world.advance(Milliseconds(1'500));
  world.app().put("123");
  world.app().shutdownWrite();
  client->shutdownWrite();
  world.settle();
  ASSERT_EQ(world.recorded(), 1u);
  const RecentExchange last = world.last();
  EXPECT_EQ(last.bytes_received, 5u);
  EXPECT_EQ(last.bytes_sent, 3u);
  EXPECT_EQ(last.status, 0);
  EXPECT_EQ(last.duration, Duration(Milliseconds(1'500)));
  EXPECT_EQ(last.endpoint.view(), "10.0.0.1:80");
  EXPECT_EQ(last.remote.view(), "192.0.2.7:4711");
  EXPECT_EQ(last.method.view(), "");
  EXPECT_EQ(trailOf(last), "received chain_chosen endpoint_chosen connected/1 completed");
}

TEST(TcpLife, ItIsNoRequestToTheMetrics) {
  TcpWorld world;
  auto client = world.client();
  client->put("12345");
  client->shutdownWrite();
  world.settle();
  (void)world.toApp();
  world.app().put("123");
  world.app().shutdownWrite();
  world.settle();
  EXPECT_EQ(world.metrics.requests.size(), 0u);
  const observe::CoreMetrics* const cores[] = {&world.metrics};
  const std::string text = observe::renderPrometheus(cores, {});
  const std::string labels = R"({direction="inbound",listener="in",service="app")";
  EXPECT_TRUE(has(text, "remora_tcp_connections_total" + labels + ",reason=\"ok\"} 1\n")) << text;
  EXPECT_TRUE(has(text, "remora_tcp_received_bytes_total" + labels + "} 5\n")) << text;
  EXPECT_TRUE(has(text, "remora_tcp_sent_bytes_total" + labels + "} 3\n")) << text;
  EXPECT_TRUE(has(text, "remora_tcp_connections_active 0\n")) << text;
  EXPECT_FALSE(has(text, "remora_requests_total{")) << text;
}

}  // namespace
}  // namespace remora::proxy::test
