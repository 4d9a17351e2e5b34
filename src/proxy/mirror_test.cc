// Copies of requests, which nobody waits for.
#include <gtest/gtest.h>

#include "proxy/mirror.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using std::chrono::seconds;

const std::string kPost = "POST /p?q=1 HTTP/1.1\r\nHost: shop\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc";

struct Mirrored {
  explicit Mirrored(uint32_t percent = 100)
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          config.clusters.emplace_back().name = "shadow";
          routeOf(config).mirrors = {{{"shadow", 1, {}}, percent}};
        }),
        client(world.client()) {
    world.endpoints({"10.9.9.9"}, "shadow");
  }
  World world;
  std::unique_ptr<PipeEnd> client;
};

TEST(Mirror, GetsACopyWhoseAnswerGoesNowhere) {
  Mirrored mirrored;
  World& world = mirrored.world;
  EXPECT_EQ(statusOf(world.exchange(*mirrored.client, kPost, kOk)), 200);
  ASSERT_EQ(world.connector.dialled, (std::vector<std::string>{"10.0.0.1:80", "10.9.9.9:80"}));
  const std::string copy = world.toApp(1);
  EXPECT_TRUE(copy.starts_with("POST /p?q=1 HTTP/1.1\r\nHost: shop\r\n")) << copy;
  EXPECT_TRUE(has(copy, "X-A: 1\r\n"));
  EXPECT_TRUE(copy.ends_with("\r\n\r\nabc"));
  EXPECT_EQ(countOf(copy, "X-Request-Id"), 1u);
  EXPECT_EQ(world.core().mirrors(), 1u);
  world.app(1).put("HTTP/1.1 500 no\r\nContent-Length: 4\r\n\r\noops");
  world.settle();
  EXPECT_EQ(world.core().mirrors(), 0u);
  EXPECT_EQ(mirrored.client->take(), "");
  EXPECT_EQ(world.recorded(), 1u) << "a copy is no request of anybody";
  EXPECT_EQ(world.metrics.mirrored.value(), 1u);
  EXPECT_EQ(world.metrics.mirror_failures.value(), 1u);
}

TEST(Mirror, OneThatHangsHoldsNothingUp) {
  Mirrored mirrored;
  World& world = mirrored.world;
  EXPECT_EQ(statusOf(world.exchange(*mirrored.client, kPost, kOk)), 200);
  world.advance(kMirrorTime);
  world.settle();
  EXPECT_EQ(world.core().mirrors(), 0u) << "it has a time";
  EXPECT_EQ(statusOf(world.exchange(*mirrored.client, kPost, kOk)), 200);
}

TEST(Mirror, OneThatRefusesIsNobodysTrouble) {
  Mirrored mirrored;
  World& world = mirrored.world;
  world.connector.script = {ScriptedConnector::Way::kAccept, ScriptedConnector::Way::kRefuseLater};
  EXPECT_EQ(statusOf(world.exchange(*mirrored.client, kPost, kOk)), 200);
  world.settle();
  EXPECT_EQ(world.core().mirrors(), 0u);
  EXPECT_EQ(world.metrics.mirror_failures.value(), 1u);
}

TEST(Mirror, ABodyTooLongToBeKeptIsNotCopied) {
  Mirrored mirrored;
  World& world = mirrored.world;
  const std::string body(100 << 10, 'x');
  mirrored.client->put("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  for (size_t sent = 0; sent < body.size();) {
    sent += mirrored.client->put(std::string_view(body).substr(sent));
    (void)world.toApp();
  }
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(mirrored.client->take()), 200);
  EXPECT_EQ(world.metrics.mirrors_skipped.value(), 1u);
  EXPECT_EQ(world.appConnections(), 1u);
}

TEST(Mirror, SoManyAtOnceAndNoMore) {
  Mirrored mirrored;
  World& world = mirrored.world;
  for (size_t i = 0; i < kMirrorsMost + 10; ++i) {
    ASSERT_EQ(statusOf(world.exchange(*mirrored.client, kGet, kOk)), 200);
  }
  EXPECT_EQ(world.core().mirrors(), kMirrorsMost);
  EXPECT_EQ(world.metrics.mirrors_skipped.value(), 10u);
}

TEST(Mirror, APercentageIsAChance) {
  Mirrored mirrored(20);
  World& world = mirrored.world;
  world.connector.otherwise = ScriptedConnector::Way::kAccept;
  for (size_t i = 0; i < 500; ++i) ASSERT_EQ(statusOf(world.exchange(*mirrored.client, kGet, kOk)), 200);
  EXPECT_GT(world.metrics.mirrored.value(), 60u);
  EXPECT_LT(world.metrics.mirrored.value(), 140u);
}

}  // namespace
}  // namespace remora::proxy::test
