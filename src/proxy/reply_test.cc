// What remora answers by itself: failures that describe themselves in the form that the client wants, redirects, direct
// answers; and how traffic is split.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

// The reply to `fields` where no application is reachable.
std::string refused(std::string_view request) {
  World world;
  world.connector.otherwise = ScriptedConnector::Way::kRefuseLater;
  auto client = world.client();
  client->put(request);
  world.settle();
  return client->take();
}
std::string get(std::string_view fields) {
  return refused("GET /a HTTP/1.1\r\nHost: shop\r\nX-Request-Id: abc\"\\\xe9\r\n" + std::string(fields) + "\r\n");
}

TEST(Replies, AFailureIsDescribedInJson) {
  const std::string reply = get("");
  EXPECT_EQ(reply.substr(0, reply.find("\r\n")), "HTTP/1.1 503 Service Unavailable");
  EXPECT_TRUE(has(reply, "Proxy-Status: remora; error=connection_refused; details=\"connect_refused\"\r\n")) << reply;
  EXPECT_TRUE(has(reply, "Content-Type: application/problem+json\r\n"));
  EXPECT_TRUE(has(reply, "\"status\":503,"));
  EXPECT_TRUE(has(reply, "\"reason\":\"connect_refused\",\"request_id\":\"abc\\\"\\\\\\u00e9\"}\n")) << reply;
  EXPECT_TRUE(has(reply, "X-Request-Id: abc\"\\\xe9\r\n")) << reply;
  const size_t body = reply.size() - reply.find("\r\n\r\n") - 4;
  EXPECT_TRUE(has(reply, "Content-Length: " + std::to_string(body) + "\r\n")) << reply;
  for (const std::string_view inside : {"10.0.0.1", "app\""}) EXPECT_FALSE(has(reply, inside)) << reply;
}

TEST(Replies, ThoseWhoWantTextGetText) {
  const std::string reply = get("Accept: text/html,*/*\r\n");
  EXPECT_TRUE(has(reply, "Content-Type: text/plain; charset=utf-8\r\n")) << reply;
  EXPECT_TRUE(has(reply, "\r\n\r\n503 Service Unavailable\nremora: ")) << reply;
  EXPECT_TRUE(has(reply, "request id: abc"));
  EXPECT_TRUE(has(get("Accept: application/json, text/html\r\n"), "problem+json"));
}

TEST(Replies, GrpcGetsItsStatusInTheHead) {
  const std::string reply = get("Content-Type: application/grpc+proto\r\n");
  EXPECT_EQ(statusOf(reply), 200);
  EXPECT_TRUE(has(reply, "Content-Type: application/grpc\r\ngrpc-status: 14\r\ngrpc-message: ")) << reply;
  EXPECT_TRUE(has(reply, "(connect_refused)\r\n"));
  EXPECT_TRUE(reply.ends_with("\r\n\r\n"));
}

TEST(Replies, ToHeadThereIsNoBody) {
  const std::string reply = refused("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(statusOf(reply), 503);
  EXPECT_TRUE(reply.ends_with("\r\n\r\n")) << reply;
  EXPECT_FALSE(has(reply, "Content-Length: 0"));
}

// Also one that was refused before its id was read: people search for it.
TEST(Replies, EveryReplyHasARequestId) {
  World world;
  for (const std::string_view request : {"NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/3.0\r\n\r\n"}) {
    auto client = world.client();
    client->put(request);
    world.settle();
    const std::string reply = client->take();
    EXPECT_TRUE(has(reply, "X-Request-Id: ")) << reply;
    EXPECT_FALSE(has(reply, "\"request_id\":\"\"")) << reply;
    EXPECT_FALSE(world.last().request_id.view().empty());
  }
}

// A refused method names what may be used (RFC 9110 section 15.5.6).
TEST(Replies, ARefusedMethodNamesTheOthers) {
  EXPECT_TRUE(has(refused("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), "Allow: GET"));
}

model::Config answering(std::variant<model::Forward, model::Redirect, model::DirectAnswer> action) {
  return World::changed([&](model::Config& config) { routeOf(config).action = std::move(action); });
}

TEST(Actions, ARedirectIsTheRoutesOwn) {
  World world(answering(model::Redirect{.status = 308, .scheme = "https", .host = "other"}));
  auto client = world.client();
  client->put("GET /a?b=c HTTP/1.1\r\nHost: shop:8080\r\n\r\n");
  world.settle();
  const std::string reply = client->take();
  EXPECT_EQ(statusOf(reply), 308) << reply;
  EXPECT_TRUE(has(reply, "Location: https://other/a?b=c\r\n")) << reply;
  EXPECT_FALSE(has(reply, "Proxy-Status"));
  EXPECT_EQ(world.last().reason, Reason::kRedirect);
  EXPECT_FALSE(client->isEnded());
}

TEST(Actions, ADirectAnswerIsTheRoutesOwn) {
  World world(answering(model::DirectAnswer{.status = 418, .body = "short and stout"}));
  auto client = world.client();
  client->put(kGet + "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  world.settle();
  const std::string head =
      "HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 15\r\n\r\n";
  EXPECT_EQ(client->take(), head + "short and stout" + head);
  EXPECT_EQ(world.last().reason, Reason::kDirectAnswer);
  EXPECT_EQ(world.appConnections(), 0u);
}

TEST(Actions, TheBodyOfAnAnsweredRequestIsReadBeforeTheNext) {
  World world(answering(model::DirectAnswer{.body = "ok"}));
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
  client->put("cde" + kGet);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
  EXPECT_EQ(world.recorded(), 2u);
}

TEST(Actions, TrafficIsSplitByWeight) {
  World world([](model::Config& config) {
    routeOf(config).action = model::Forward{{{"app", 3, {}}, {"canary", 1, {}}}};
    config.clusters.emplace_back().name = "canary";
    config.telemetry.recent = 400;
  });
  world.endpoints({"10.0.0.9"}, "canary");
  auto client = world.client();
  for (int i = 0; i < 400; ++i) {
    client->put(kGet);
    world.settle();
    for (size_t app = 0; app < world.appConnections(); ++app) {
      if (!world.toApp(app).empty()) world.app(app).put(kOk);
    }
    world.settle();
    ASSERT_EQ(client->take(), kOk);
  }
  size_t canary = 0;
  for (const RecentExchange& exchange : world.core().recent().copy()) canary += exchange.service.view() == "canary";
  EXPECT_GT(canary, 70u);
  EXPECT_LT(canary, 130u);
}

}  // namespace
}  // namespace remora::proxy::test
