// What must still be there, and what must not be believed any more: endpoints and listeners that a reload takes away
// under an exchange, bodies kept for a replay, memory used again for the next exchange.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

// The endpoint's name must outlive the endpoint: DNS may take it away while an exchange is under way.
TEST(Lifetime, AnEndpointThatGoesAwayMidExchangeIsStillNamedInTheRecord) {
  World world;
  world.endpoints({"10.111.112.113"});
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.endpoints({"10.0.0.2"});
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
  EXPECT_EQ(world.last().endpoint.view(), "10.111.112.113:80");
}

TEST(Lifetime, AnEndpointThatGoesAwayDuringATunnelIsStillNamedInTheRecord) {
  World world;
  world.endpoints({"10.111.112.113"});
  auto client = world.client();
  client->put("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  (void)world.toApp();
  world.app().put("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  world.settle();
  world.endpoints({"10.0.0.2"});
  world.app().shutdownWrite();
  client->shutdownWrite();
  world.settle();
  EXPECT_EQ(world.last().status, 101);
  EXPECT_EQ(world.last().endpoint.view(), "10.111.112.113:80");
}

TEST(Lifetime, AnEndpointThatGoesAwayUnderAnUnansweredExchangeIsStillNamedInTheRecord) {
  World world;
  world.endpoints({"10.111.112.113"});
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.endpoints({"10.0.0.2"});
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 502);
  EXPECT_EQ(world.last().endpoint.view(), "10.111.112.113:80");
}

model::Config twoListeners() {
  model::Config config = basicConfig();
  config.listeners.push_back(config.listeners[0]);
  config.listeners[1].name = "second";
  config.listeners[1].address.port = 8081;
  config.route_tables.push_back(config.route_tables[0]);
  config.route_tables[1].name = "other";
  config.route_tables[1].hosts[0].routes[0].name = "of second";
  config.listeners[1].default_chain.http->route_table = "other";
  return config;
}

TEST(Lifetime, AListenerRemovedMidExchangeEndsItsConnectionsAfterTheAnswer) {
  World world(twoListeners());
  auto client = world.client("second");
  client->put(kGet);
  (void)world.toApp();
  world.adopt(basicConfig());
  world.app().put(kOk);
  world.settle();
  const std::string answer = client->take();
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_TRUE(has(answer, "Connection: close\r\n"));
  EXPECT_TRUE(client->isEnded());
  EXPECT_EQ(world.last().route.view(), "of second");
}

// The head with "keep-alive" is out already when the listener goes.
TEST(Lifetime, AListenerRemovedWhileABodyFlowsServesNoFurtherRequest) {
  World world(twoListeners());
  auto client = world.client("second");
  client->put(kGet);
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
  world.settle();
  world.adopt(basicConfig());
  client->put(kGet);
  world.app().put("i");
  world.settle();
  world.advance(Milliseconds(10));
  EXPECT_EQ(client->take(), kOk);
  EXPECT_TRUE(client->isEnded());
  EXPECT_EQ(world.recorded(), 1u);
  EXPECT_EQ(world.toApp(), "");
}

TEST(Lifetime, ARemovedListenersConnectionIsNeverServedByTheOneThatTookItsPlace) {
  model::Config config = twoListeners();
  World world(config);
  auto client = world.client("in");
  client->put(kGet + std::string(kGet));
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
  world.settle();
  config.listeners.erase(config.listeners.begin());
  world.adopt(config);  // "second" is now at the place that "in" had
  world.app().put("i");
  world.advance(Milliseconds(10));
  EXPECT_EQ(client->take(), kOk);
  EXPECT_TRUE(client->isEnded());
  EXPECT_EQ(world.recorded(), 1u);
  EXPECT_EQ(world.toApp(), "");
}

TEST(Lifetime, AllListenersMayGoWhileAnExchangeRuns) {
  World world;
  auto client = world.client();
  client->put(kGet + std::string(kGet));
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
  world.settle();
  model::Config none = basicConfig();
  none.listeners.clear();
  world.adopt(none);
  world.app().put("i");
  world.advance(Milliseconds(10));
  EXPECT_EQ(client->take(), kOk);
  EXPECT_TRUE(client->isEnded());
}

// A body that is sent again and answered early must still be sent whole, or not at all: an application that goes on
// reading would take the next request for the rest of the body.
TEST(Lifetime, ABodyBeingSentAgainIsNeverSentWithAHole) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  // The pooled connection takes a PUT whole and then turns out to be dead.
  client->put("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nAAA");
  EXPECT_TRUE(world.toApp().ends_with("AAA"));
  client->put("BBB");
  EXPECT_EQ(world.toApp(), "BBB");
  world.connector.on_connect = [](PipeEnd&, PipeEnd& theirs) { theirs.inbox_most = 10; };  // reads little at a time
  world.connector.apps[0].reset();
  world.settle();
  ASSERT_EQ(world.appConnections(), 2u);
  std::string second = world.app(1).take();
  EXPECT_EQ(second.size(), 10u);
  world.app(1).put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");  // answers at once, and goes on reading
  world.settle();
  client->put("CCC");
  for (int i = 0; i < 200; ++i) second += world.toApp(1);
  world.app(1).put("i");
  for (int i = 0; i < 20; ++i) second += world.toApp(1);
  const size_t body_at = second.find("\r\n\r\n");
  ASSERT_NE(body_at, std::string::npos) << second;
  const std::string body = second.substr(body_at + 4);
  EXPECT_TRUE(std::string_view("AAABBBCCC").starts_with(body)) << body;
  // Used again only if it got the whole body.
  if (body.size() < 9) {
    client->put(kGet);
    world.settle();
    EXPECT_FALSE(has(world.app(1).take(), "GET /a"));
  }
}

// The memory of an exchange is used again; nothing of the one before may show.
TEST(Lifetime, ARefusedRequestAfterAHeadRequestIsAnsweredWithABody) {
  World world;
  auto first = world.client();
  EXPECT_EQ(statusOf(world.exchange(*first, "HEAD /secret HTTP/1.1\r\nHost: a\r\n\r\n", kOk.substr(0, 38))), 200);
  first.reset();
  world.settle();
  auto second = world.client();
  second->put("NONSENSE\r\n\r\n");
  world.settle();
  const std::string answer = second->take();
  EXPECT_EQ(statusOf(answer), 400);
  EXPECT_TRUE(has(answer, "bad_request_line\"")) << answer;
  EXPECT_TRUE(answer.ends_with("}\n")) << answer;
}

TEST(Lifetime, ARefusedRequestIsNotRecordedWithThePreviousOnesTexts) {
  World world;
  auto first = world.client();
  const std::string long_head = "GET /secret HTTP/1.1\r\nHost: a\r\nx: " + std::string(20'000, 'x') + "\r\n\r\n";
  EXPECT_EQ(world.exchange(*first, long_head, kOk), kOk);
  first.reset();
  world.settle();
  auto second = world.client();
  second->put("NONSENSE\r\n\r\n");
  world.settle();
  EXPECT_EQ(world.last().reason, Reason::kBadRequestLine);
  EXPECT_EQ(world.last().method.view(), "");
  EXPECT_EQ(world.last().target.view(), "");
}

TEST(Lifetime, AnExchangeIsRecordedOnce) {
  {
    World world;
    auto client = world.client();
    client->put("GET / HTTP/1.1\r\n\r\n");  // 400, then the connection lingers
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 400);
    EXPECT_EQ(world.recorded(), 1u);
    world.core().closeAll();
    EXPECT_EQ(world.recorded(), 1u);
  }
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", kOk), kOk);
  EXPECT_EQ(world.recorded(), 1u);  // and the rest of the body is drained
  world.core().closeAll();
  EXPECT_EQ(world.recorded(), 1u);
}

}  // namespace
}  // namespace remora::proxy::test
