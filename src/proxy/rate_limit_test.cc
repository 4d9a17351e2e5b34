// Requests that come too soon.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using std::chrono::seconds;

struct Limited {
  explicit Limited(const model::RateLimit& limit)
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          routeOf(config).rate_limit = limit;
        }) {
    client = world.client();
  }
  std::string ask(const std::string& request = kGet) {
    client->put(request);
    world.settle();
    if (!world.connector.apps.empty() && !world.toApp().empty()) world.app().put(kOk);
    world.settle();
    return client->take();
  }
  World world;
  std::unique_ptr<PipeEnd> client;
};

TEST(RateLimit, ARefusalSaysWhenToComeAgain) {
  Limited limited({.requests = 2, .per = seconds(10), .burst = 2});
  EXPECT_EQ(statusOf(limited.ask()), 200);
  EXPECT_EQ(statusOf(limited.ask()), 200);
  const std::string answer = limited.ask();
  EXPECT_EQ(statusOf(answer), 429);
  EXPECT_TRUE(has(answer, "Retry-After: 5\r\n")) << answer;
  EXPECT_TRUE(has(answer, "RateLimit-Policy: \"route\";q=2;w=10\r\n"));
  EXPECT_TRUE(has(answer, "RateLimit: \"route\";r=0;t=5\r\n"));
  EXPECT_TRUE(has(answer, "rate_limited"));
  EXPECT_FALSE(has(answer, "Connection: close")) << "it may come again";
  EXPECT_EQ(limited.world.metrics.rate_limited.value(), 1u);
  EXPECT_EQ(limited.world.last().reason, Reason::kRateLimited);
  limited.world.advance(seconds(5));
  EXPECT_EQ(statusOf(limited.ask()), 200);
}

TEST(RateLimit, ForGrpcItIsResourceExhausted) {
  Limited limited({.requests = 1, .per = seconds(10), .burst = 1});
  const std::string call =
      "POST /a HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(statusOf(limited.ask()), 200);
  EXPECT_TRUE(has(limited.ask(call), "grpc-status: 8\r\n"));
}

TEST(RateLimit, AShadowOnlyTells) {
  Limited limited({.requests = 1, .per = seconds(10), .burst = 1, .shadow = true});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(statusOf(limited.ask()), 200);
  EXPECT_EQ(limited.world.metrics.rate_limited_shadow.value(), 2u);
  EXPECT_EQ(limited.world.metrics.rate_limited.value(), 0u);
}

TEST(RateLimit, EachValueOfTheKeyIsCountedByItself) {
  model::RateLimit limit{.requests = 1, .per = seconds(10), .burst = 1};
  limit.key.push_back({model::HashKey::Kind::kHeader, "x-user"});
  Limited limited(limit);
  const auto of = [](const std::string& user) { return "GET /a HTTP/1.1\r\nHost: a\r\nX-User: " + user + "\r\n\r\n"; };
  EXPECT_EQ(statusOf(limited.ask(of("a"))), 200);
  EXPECT_EQ(statusOf(limited.ask(of("b"))), 200);
  EXPECT_EQ(statusOf(limited.ask(of("a"))), 429);
  EXPECT_EQ(statusOf(limited.ask(kGet)), 200);
  EXPECT_EQ(statusOf(limited.ask(kGet)), 429) << "those without one together";
}

}  // namespace
}  // namespace remora::proxy::test
