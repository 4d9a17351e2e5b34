// What a client and an application see of ordinary exchanges.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

TEST(Basics, AGetGoesThroughAndItsAnswerComesBack) {
  World world;
  auto client = world.client();
  client->put(kGet);
  const std::string request = world.toApp();
  EXPECT_TRUE(request.starts_with("GET /a HTTP/1.1\r\nHost: shop\r\n")) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\n"));
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
  EXPECT_FALSE(client->isEnded());
  EXPECT_EQ(world.last().status, 200);
  EXPECT_EQ(world.last().reason, Reason::kOk);
}

TEST(Basics, BothConnectionsAreUsedAgain) {
  World world;
  auto client = world.client();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  EXPECT_EQ(world.appConnections(), 1u);
  EXPECT_EQ(world.metrics.upstream_connects.value(), 1u);
  EXPECT_EQ(world.metrics.upstream_reused.value(), 4u);
  EXPECT_EQ(world.metrics.downstream_accepted.value(), 1u);
}

TEST(Basics, PipelinedRequestsAreAnsweredInOrder) {
  World world;
  auto client = world.client();
  client->put(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
      "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(countOf(world.toApp(), " HTTP/1.1\r\n"), 1u);
  world.app().put("HTTP/1.1 200 1\r\nContent-Length: 1\r\n\r\n1");
  const std::string second = world.toApp();
  EXPECT_TRUE(second.starts_with("POST /2 ")) << second;
  EXPECT_TRUE(second.ends_with("\r\n\r\nabc")) << second;
  world.app().put("HTTP/1.1 200 2\r\nContent-Length: 1\r\n\r\n2");
  EXPECT_TRUE(world.toApp().starts_with("GET /3 "));
  world.app().put("HTTP/1.1 200 3\r\nContent-Length: 1\r\n\r\n3");
  world.settle();
  const std::string all = client->take();
  EXPECT_LT(all.find("200 1"), all.find("200 2"));
  EXPECT_LT(all.find("200 2"), all.find("200 3"));
  EXPECT_EQ(world.recorded(), 3u);
}

TEST(Basics, Http10IsClosedAfterItsAnswerUnlessItAsksToGoOn) {
  World world;
  auto client = world.client();
  const std::string answer = world.exchange(*client, "GET / HTTP/1.0\r\n\r\n", kOk);
  EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
  EXPECT_TRUE(client->isEnded());
  auto other = world.client();
  EXPECT_TRUE(has(world.exchange(*other, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", kOk),
                  "Connection: keep-alive\r\n"));
  EXPECT_FALSE(other->isEnded());
}

TEST(Basics, Http10WithoutHostGetsTheEndpointsName) {
  World world;
  auto client = world.client();
  client->put("GET / HTTP/1.0\r\n\r\n");
  const std::string request = world.toApp();
  EXPECT_TRUE(request.starts_with("GET / HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(has(request, "Host: 10.0.0.1:80\r\n")) << request;
}

TEST(Basics, AnswersWithoutABodyAreKnownByMethodAndStatus) {
  World world;
  auto client = world.client();
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(world.exchange(*client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", head), head);
  EXPECT_EQ(world.exchange(*client, kGet, "HTTP/1.1 204 No Content\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n");
  const std::string unchanged = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n";
  EXPECT_EQ(world.exchange(*client, kGet, unchanged), unchanged);
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  EXPECT_EQ(world.appConnections(), 1u);
}

TEST(Basics, ChunkedBodiesAndTrailersGoBothWays) {
  World world;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n");
  world.settle();
  client->put("5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nX-Sum: 8\r\n\r\n");
  const std::string request = world.toApp();
  EXPECT_TRUE(has(request, "Transfer-Encoding: chunked\r\n")) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\n8\r\nhelloabc\r\n0\r\nX-Sum: 8\r\n\r\n")) << request;
  world.app().put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->take(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n");
  EXPECT_EQ(world.last().bytes_received, 8u);
  EXPECT_EQ(world.last().bytes_sent, 2u);
}

TEST(Basics, ABodyUntilCloseBecomesChunkedForHttp11) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\n\r\nabc");
  world.settle();
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_EQ(client->take(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_FALSE(client->isEnded());
}

TEST(Basics, ABodyUntilCloseStaysSoForHttp10) {
  World world;
  auto client = world.client();
  client->put("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  (void)world.toApp();
  world.app().put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->take(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  EXPECT_TRUE(client->isEnded());
  EXPECT_FALSE(client->isReset());
}

TEST(Basics, ExpectIsTheApplicationsToAnswer) {
  World world;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(has(world.toApp(), "Expect: 100-continue\r\n"));
  world.app().put("HTTP/1.1 100 Continue\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->take(), "HTTP/1.1 100 Continue\r\n\r\n");
  client->put("abc");
  EXPECT_EQ(world.toApp(), "abc");
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
}

TEST(Basics, AnExpectationThatIsRefusedEndsTheConnection) {
  World world;
  auto client = world.client();
  const std::string answer =
      world.exchange(*client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
                     "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(statusOf(answer), 413);
  EXPECT_TRUE(has(answer, "Connection: close\r\n"));
  world.advance(std::chrono::seconds(2));
  EXPECT_TRUE(client->isEnded());
}

TEST(Basics, AHundredInterimResponsesArePassedOnAndNotOneMore) {
  const auto answered = [](size_t interims) {
    World world;
    auto client = world.client();
    client->put(kGet);
    (void)world.toApp();
    std::string answer;
    for (size_t i = 0; i < interims; ++i) answer += "HTTP/1.1 103 Early Hints\r\n\r\n";
    world.app().put(answer + kOk);
    world.settle();
    return client->take();
  };
  EXPECT_TRUE(answered(100).ends_with(kOk));
  EXPECT_TRUE(has(answered(101), "502 Bad Gateway"));
}

TEST(Basics, InterimResponsesArePassedOnButNotToHttp10) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.app().put("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nKeep-Alive: x\r\n\r\n" + std::string(kOk));
  world.settle();
  EXPECT_EQ(client->take(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + std::string(kOk));
  auto old = world.client();
  const std::string answer =
      world.exchange(*old, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n" + std::string(kOk));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
}

TEST(Basics, AnEarlyAnswerIsPassedOnWhileTheBodyFlows) {
  World world;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  (void)world.toApp();
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
  client->put("defghij" + std::string(kGet));  // the rest is read and thrown away, and the connection goes on
  EXPECT_TRUE(world.toApp(1).starts_with("GET /a "));
  world.app(1).put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
}

TEST(Basics, AfterAnEarlyAnswerALongBodyIsNotReadToItsEnd) {
  World world;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nabc");
  (void)world.toApp();
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
  world.advance(std::chrono::seconds(3));
  EXPECT_TRUE(client->isEnded());
  EXPECT_TRUE(world.app().isEnded());
}

TEST(Basics, AfterAnEarlyAnswerAStalledBodyEndsTheConnectionAfterASecond) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", kOk), kOk);
  EXPECT_FALSE(client->isEnded());
  world.advance(Milliseconds(2100));
  EXPECT_TRUE(client->isEnded());
}

TEST(Basics, LeadingEmptyLineBeforeARequestIsIgnored) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, "\r\n" + std::string(kGet), kOk), kOk);
  EXPECT_EQ(world.exchange(*client, "\r\n" + std::string(kGet), kOk), kOk);
}

TEST(Basics, TheRecentRingKeepsTheNewest) {
  World world([](model::Config& config) { config.telemetry.recent = 2; });
  auto client = world.client();
  for (const char* path : {"/1", "/2", "/3"}) {
    world.exchange(*client, std::string("GET ") + path + " HTTP/1.1\r\nHost: shop\r\nX-Request-Id: id\r\n\r\n", kOk);
  }
  const auto recent = world.core().recent().copy();
  ASSERT_EQ(recent.size(), 2u);
  EXPECT_EQ(recent[0].target.view(), "/3");
  EXPECT_EQ(recent[1].target.view(), "/2");
  EXPECT_EQ(recent[0].method.view(), "GET");
  EXPECT_EQ(recent[0].host.view(), "shop");
  EXPECT_EQ(recent[0].remote.view(), "192.0.2.7:4711");
  EXPECT_EQ(recent[0].listener.view(), "in");
  EXPECT_EQ(recent[0].route.view(), "all");
  EXPECT_EQ(recent[0].service.view(), "app");
  EXPECT_EQ(recent[0].endpoint.view(), "10.0.0.1:80");
  EXPECT_EQ(recent[0].request_id.view(), "id");
  EXPECT_EQ(recent[0].attempts, 1);
  EXPECT_TRUE(recent[0].reused);
  EXPECT_EQ(recent[0].generation, 1u);
  EXPECT_EQ(recent[0].trail.entries().back().outcome, observe::Outcome::kCompleted);
}

}  // namespace
}  // namespace remora::proxy::test
