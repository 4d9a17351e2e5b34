// Every way in which an exchange can fail: what the client gets, what is recorded, and what becomes of the connections.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Way = ScriptedConnector::Way;

const std::string kPostHead = "POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n";

// The client got a reply that describes itself, and the record says the same.
void expectReply(World& world, const std::string& reply, int status, Reason reason) {
  EXPECT_EQ(statusOf(reply), status) << reply;
  EXPECT_EQ(world.last().reason, reason) << tokenOf(world.last().reason);
  EXPECT_EQ(world.last().status, status);
  EXPECT_TRUE(has(reply, "Proxy-Status: remora; error=" + std::string(rowOf(reason).proxy_status))) << reply;
  EXPECT_TRUE(has(reply, "\"reason\":\"" + std::string(tokenOf(reason)) + "\"")) << reply;
  EXPECT_TRUE(has(reply, "Content-Type: application/problem+json\r\n")) << reply;
}

TEST(Timeouts, AHeadThatStaysIncompleteIsAnsweredWith408) {
  World world;
  auto client = world.client();
  client->put("GET / HT");
  world.advance(seconds(9));
  EXPECT_EQ(client->take(), "");
  world.advance(seconds(2));
  const std::string reply = client->take();
  expectReply(world, reply, 408, Reason::kHeaderTimeout);
  EXPECT_TRUE(has(reply, "Connection: close\r\n"));
  world.advance(seconds(2));
  EXPECT_TRUE(client->isEnded());
}

TEST(Timeouts, AHeadThatDripsGetsNoMoreTimeThanOneThatStalls) {
  World world;
  auto client = world.client();
  for (int i = 0; i < 30 && !client->isEnded(); ++i) {
    client->put(i == 0 ? "GET /" : "a");
    world.advance(seconds(1));
  }
  EXPECT_EQ(world.last().reason, Reason::kHeaderTimeout);
  EXPECT_TRUE(client->isEnded());
}

TEST(Timeouts, AConnectionThatNeverSaysAnythingIsClosedWithoutAWord) {
  World world;
  auto client = world.client();
  world.advance(seconds(11));
  EXPECT_TRUE(client->isEnded());
  EXPECT_FALSE(client->isReset());
  EXPECT_EQ(client->take(), "");
  EXPECT_EQ(world.recorded(), 0u);
}

TEST(Timeouts, AnIdleKeepAliveConnectionIsClosedWithoutAWord) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.advance(seconds(59));
  EXPECT_FALSE(client->isEnded());
  world.advance(seconds(2));
  EXPECT_TRUE(client->isEnded());
  EXPECT_EQ(client->take(), "");
  EXPECT_EQ(world.recorded(), 1u);
  EXPECT_EQ(world.core().connections(), 0u);
}

TEST(Timeouts, ARequestBodyThatStallsIsAnsweredWith408AndNotGoneOnWith) {
  World world;
  auto client = world.client();
  client->put(kPostHead + "abc");
  EXPECT_TRUE(world.toApp().ends_with("abc"));
  world.advance(seconds(31));
  expectReply(world, client->take(), 408, Reason::kRequestStalled);
  EXPECT_TRUE(world.app().isEnded());
}

TEST(Timeouts, AClientThatReadsNothingIsCutOff) {
  World world;
  auto client = world.client("in", 1000);
  client->put(kGet);
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x'));
  world.advance(seconds(29));
  EXPECT_FALSE(client->isEnded());
  world.advance(seconds(2));
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kClientStalled);
  EXPECT_EQ(world.last().status, 200);
  EXPECT_TRUE(world.app().isEnded());
}

TEST(Timeouts, AClientThatReadsSlowlyIsServedToTheEnd) {
  World world;
  auto client = world.client("in", 1000);
  client->put(kGet);
  (void)world.toApp();
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x');
  world.app().put(answer);
  std::string got;
  for (int i = 0; i < 100 && got.size() < answer.size(); ++i) {
    world.advance(seconds(20));
    got += client->take(100);
  }
  EXPECT_TRUE(got == answer) << got.size();
  EXPECT_FALSE(client->isReset());
}

TEST(Timeouts, AnApplicationThatReadsNothingIsAnsweredFor) {
  World world;
  world.connector.capacity = 300;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x'));
  world.settle();
  world.advance(seconds(31));
  expectReply(world, client->take(), 504, Reason::kUpstreamStalled);
}

TEST(Timeouts, ARouteMayBoundHowLongAnApplicationIsSilent) {
  World world([](model::Config& config) { routeOf(config).idle_timeout = seconds(3); });
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.advance(seconds(4));
  expectReply(world, client->take(), 504, Reason::kResponseTimeout);
  EXPECT_FALSE(client->isEnded());
  EXPECT_TRUE(world.app().isEnded());
}

TEST(Timeouts, SilenceInsideABodyCutsTheAnswerVisibly) {
  World world([](model::Config& config) { routeOf(config).idle_timeout = seconds(3); });
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")), 200);
  world.advance(seconds(4));
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kResponseTimeout);
}

TEST(Timeouts, TheExchangesDeadlineIsCarriedNotRestarted) {
  World world([](model::Config& config) { routeOf(config).timeout = seconds(10); });
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  world.connector.script = {Way::kHang};
  auto client = world.client();
  client->put(kGet);
  world.advance(seconds(6));  // five of them until the first endpoint was given up
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_EQ(client->take(), "");
  world.advance(seconds(5));
  expectReply(world, client->take(), 504, Reason::kExchangeTimeout);
  EXPECT_EQ(world.last().attempts, 2);
}

TEST(Timeouts, TheExchangesDeadlineHoldsForItsBodyToo) {
  World world([](model::Config& config) { routeOf(config).timeout = seconds(10); });
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 12; ++i) {
    world.app().put("x");
    world.advance(seconds(1));
  }
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.last().reason, Reason::kExchangeTimeout);
}

TEST(Timeouts, WithoutALimitAnAnswerMayTakeForEver) {
  World world;
  auto client = world.client();
  client->put(kGet);
  world.advance(minutes(60));
  (void)world.toApp();
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
}

TEST(Endpoints, ARefusedConnectionIsAnsweredWith503) {
  for (const Way way : {Way::kRefuseAtOnce, Way::kRefuseLater}) {
    World world;
    world.connector.otherwise = way;
    auto client = world.client();
    client->put(kGet);
    world.settle();
    expectReply(world, client->take(), 503, Reason::kConnectRefused);
    EXPECT_FALSE(client->isEnded());
    EXPECT_EQ(world.metrics.upstream_connect_failures.value(), 1u);
    EXPECT_EQ(world.last().attempts, 1);
  }
}

TEST(Endpoints, AConnectionThatFailsOtherwiseIsAnsweredWith503) {
  World world;
  world.connector.otherwise = Way::kBreakLater;
  auto client = world.client();
  client->put(kGet);
  world.settle();
  expectReply(world, client->take(), 503, Reason::kConnectFailed);
  EXPECT_EQ(world.last().detail, EHOSTUNREACH);
}

TEST(Endpoints, AConnectionThatIsNotMadeInTimeIsAnsweredWith503) {
  World world;
  world.connector.otherwise = Way::kHang;
  auto client = world.client();
  client->put(kGet);
  world.advance(Milliseconds(4900));
  EXPECT_EQ(client->take(), "");
  world.advance(Milliseconds(200));
  expectReply(world, client->take(), 503, Reason::kConnectTimeout);
}

TEST(Endpoints, WithoutADescriptorTheOthersAreServedOn) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.connector.otherwise = Way::kNoDescriptors;
  auto other = world.client();
  client->put("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  world.settle();
  other->put(kGet);
  world.settle();
  expectReply(world, other->take(), 503, Reason::kNoDescriptors);
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
}

TEST(Endpoints, ASecondEndpointIsTriedWhenTheFirstRefuses) {
  World world;
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  world.connector.script = {Way::kRefuseLater};
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_TRUE(world.toApp(1).ends_with("abc"));
  ASSERT_EQ(world.connector.dialled.size(), 2u);
  EXPECT_NE(world.connector.dialled[0], world.connector.dialled[1]);
  world.app(1).put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
  EXPECT_EQ(world.last().attempts, 2);
}

TEST(Endpoints, NotMoreThanThreeAreTried) {
  World world;
  world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
  world.connector.otherwise = Way::kRefuseLater;
  auto client = world.client();
  client->put(kGet);
  world.settle();
  expectReply(world, client->take(), 503, Reason::kConnectRefused);
  EXPECT_EQ(world.connector.dialled.size(), 3u);
}

TEST(Endpoints, NoneAtAllIsSaidSo) {
  World world;
  world.endpoints({});
  auto client = world.client();
  client->put(kGet);
  world.settle();
  expectReply(world, client->take(), 503, Reason::kNoEndpoint);
  auto failed = std::make_shared<upstream::EndpointSet>();
  failed->version = 9;
  failed->dns_failed = true;
  world.core().adoptEndpoints("app", std::move(failed));
  client->put(kGet);
  world.settle();
  expectReply(world, client->take(), 503, Reason::kDnsFailed);
}

TEST(Clients, AFinWhileTheAnswerIsAwaitedCancelsTheAttempt) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  client->shutdownWrite();
  world.settle();
  EXPECT_TRUE(world.app().isEnded());
  EXPECT_EQ(world.last().reason, Reason::kClientGone);
  EXPECT_EQ(world.last().status, 0);
  EXPECT_EQ(world.core().connections(), 0u);
}

TEST(Clients, AFinTogetherWithTheRequestCancelsWhetherItHasABodyOrNot) {
  for (const std::string& request : {kGet, kPostHead + "0123456789"}) {
    World world;
    auto client = world.client();
    client->put(request);
    client->shutdownWrite();
    world.settle();
    EXPECT_EQ(world.core().connections(), 0u) << request;
    EXPECT_EQ(world.last().reason, Reason::kClientGone) << request;
  }
}

TEST(Clients, AFinWhileConnectingCancelsWhetherTheRequestHasABodyOrNot) {
  for (const std::string& request : {kGet, kPostHead + "0123456789"}) {
    World world;
    world.connector.otherwise = Way::kHang;
    auto client = world.client();
    client->put(request);
    world.settle();
    client->shutdownWrite();
    world.settle();
    if (PipeEnd* const remora = world.app().other()) remora->settleConnect(0);
    world.settle();
    EXPECT_EQ(world.core().connections(), 0u) << request;
    EXPECT_EQ(world.last().reason, Reason::kClientGone) << request;
  }
}

TEST(Clients, AFinMayMeanThatAnAnswerIsWanted) {
  for (const std::string_view request :
       {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}) {
    World world;
    auto client = world.client();
    client->put(request);
    client->shutdownWrite();
    (void)world.toApp();
    world.app().put(kOk);
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 200);
    EXPECT_TRUE(client->isEnded());
  }
  World world([](model::Config& config) { httpOf(config).client_fin = model::ClientFin::kAnswer; });
  auto client = world.client();
  client->put(kGet);
  client->shutdownWrite();
  (void)world.toApp();
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
}

TEST(Clients, AResetAlwaysCancelsTheAttemptAtOnce) {
  for (const model::ClientFin fin : {model::ClientFin::kCancel, model::ClientFin::kAnswer}) {
    World world([&](model::Config& config) { httpOf(config).client_fin = fin; });
    auto client = world.client();
    client->put(kPostHead + "abc");
    (void)world.toApp();
    client->resetOnClose();
    client.reset();
    world.settle();
    EXPECT_TRUE(world.app().isEnded());
    EXPECT_EQ(world.last().reason, Reason::kClientReset);
    EXPECT_EQ(world.recorded(), 1u);
    EXPECT_EQ(world.metrics.upstream_active.value(), 0);
  }
}

TEST(Clients, AResetWhileTheAnswerFlowsIsRecorded) {
  World world;
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")), 200);
  client->resetOnClose();
  client.reset();
  world.settle();
  EXPECT_EQ(world.last().reason, Reason::kClientReset);
  EXPECT_EQ(world.last().status, 200);
  EXPECT_TRUE(world.app().isEnded());
}

TEST(Clients, AFinInsideABodyEndsTheAttemptWithoutAnEnd) {
  World world;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  EXPECT_TRUE(has(world.toApp(), "3\r\nhel\r\n"));
  client->shutdownWrite();
  world.settle();
  EXPECT_FALSE(has(world.toApp(), "0\r\n"));
  EXPECT_TRUE(world.app().isEnded());
  EXPECT_EQ(world.last().reason, Reason::kClientGone);
}

TEST(Routing, WithoutARouteOrAServiceNothingIsAsked) {
  World world([](model::Config& config) {
    model::Route lost = routeOf(config);
    routeOf(config).match.path = {model::PathMatch::Kind::kExact, "/a"};
    lost.name = "lost";
    lost.match.path = {model::PathMatch::Kind::kExact, "/lost"};
    lost.action = model::Forward{{{"nobody", 1, {}}}};
    config.route_tables[0].hosts[0].routes.push_back(lost);
  });
  auto client = world.client();
  client->put("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  world.settle();
  expectReply(world, client->take(), 404, Reason::kNoRoute);
  client->put("GET /lost HTTP/1.1\r\nHost: a\r\n\r\n");
  world.settle();
  expectReply(world, client->take(), 503, Reason::kNoService);
  EXPECT_EQ(world.last().route.view(), "lost");
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
}

}  // namespace
}  // namespace remora::proxy::test
