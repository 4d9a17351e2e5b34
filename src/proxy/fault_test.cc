// What goes wrong on purpose, and what a caller has no more time for.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using std::chrono::milliseconds;

struct Faulty {
  explicit Faulty(const model::Fault& fault)
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          routeOf(config).fault = fault;
        }),
        client(world.client()) {}
  World world;
  std::unique_ptr<PipeEnd> client;
};

TEST(Fault, AnAbortAnswersInsteadOfTheService) {
  Faulty faulty({.abort = 418});
  faulty.client->put(kGet);
  faulty.world.settle();
  const std::string answer = faulty.client->take();
  EXPECT_EQ(statusOf(answer), 418);
  EXPECT_TRUE(has(answer, "fault_injected")) << answer;
  EXPECT_FALSE(has(answer, "Connection: close"));
  EXPECT_EQ(faulty.world.appConnections(), 0u);
  EXPECT_EQ(faulty.world.last().reason, Reason::kFaultInjected);
  EXPECT_EQ(faulty.world.metrics.faults_aborted.value(), 1u);
}

TEST(Fault, ForGrpcTheStatusIsTranslated) {
  Faulty faulty({.abort = 429});
  faulty.client->put("POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");
  faulty.world.settle();
  const std::string answer = faulty.client->take();
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_TRUE(has(answer, "grpc-status: 14\r\n")) << answer;
}

TEST(Fault, ADelayComesBeforeTheRequestGoesOn) {
  Faulty faulty({.delay = milliseconds(300)});
  faulty.client->put(kGet);
  faulty.world.advance(milliseconds(299));
  EXPECT_EQ(faulty.world.appConnections(), 0u);
  faulty.world.advance(milliseconds(1));
  EXPECT_TRUE(has(faulty.world.toApp(), "GET /a HTTP/1.1\r\n"));
  faulty.world.app().put(kOk);
  faulty.world.settle();
  EXPECT_EQ(statusOf(faulty.client->take()), 200);
  EXPECT_EQ(faulty.world.metrics.faults_delayed.value(), 1u);
}

TEST(Fault, ADelayEndsWithTheRoutesTimeout) {
  World world([](model::Config& config) {
    routeOf(config).fault = {.delay = milliseconds(300)};
    routeOf(config).timeout = milliseconds(100);
  });
  auto client = world.client();
  client->put(kGet);
  world.advance(milliseconds(100));
  EXPECT_EQ(statusOf(client->take()), 504);
  EXPECT_EQ(world.appConnections(), 0u);
}

TEST(Fault, OnlyRequestsWithItsHeader) {
  Faulty faulty({.abort = 503, .header = "x-fault"});
  EXPECT_EQ(statusOf(faulty.world.exchange(*faulty.client, kGet, kOk)), 200);
  faulty.client->put("GET /a HTTP/1.1\r\nHost: a\r\nX-Fault: 1\r\n\r\n");
  faulty.world.settle();
  EXPECT_EQ(statusOf(faulty.client->take()), 503);
}

TEST(Fault, APercentageIsAChance) {
  Faulty faulty({.abort = 503, .abort_percent = 30});
  int aborted = 0;
  for (int i = 0; i < 1000; ++i) {
    faulty.client->put(kGet);
    faulty.world.settle();
    if (!faulty.world.toApp().starts_with("(")) faulty.world.app().put(kOk);
    faulty.world.settle();
    aborted += statusOf(faulty.client->take()) == 503;
  }
  EXPECT_GT(aborted, 240);
  EXPECT_LT(aborted, 360);
}

struct Hurried {
  explicit Hurried(milliseconds timeout = milliseconds(0))
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          httpOf(config).deadline_header = "x-deadline-ms";
          routeOf(config).timeout = timeout;
        }),
        client(world.client()) {}
  std::string ask(const std::string& millis) {
    client->put("GET /a HTTP/1.1\r\nHost: a\r\nX-Deadline-Ms: " + millis + "\r\n\r\n");
    return world.toApp();
  }
  World world;
  std::unique_ptr<PipeEnd> client;
};

TEST(DeadlineHeader, IsHeededAndSentOn) {
  Hurried hurried;
  EXPECT_TRUE(has(hurried.ask("250"), "x-deadline-ms: 250\r\n"));
  hurried.world.advance(milliseconds(250));
  EXPECT_EQ(statusOf(hurried.client->take()), 504);
  EXPECT_EQ(hurried.world.last().reason, Reason::kExchangeTimeout);
}

TEST(DeadlineHeader, TheStrictestHolds) {
  Hurried hurried(milliseconds(100));
  const std::string sent = hurried.ask("250");
  EXPECT_TRUE(has(sent, "x-deadline-ms: 100\r\n")) << sent;
  EXPECT_EQ(countOf(sent, "eadline"), 1u) << sent;
}

TEST(DeadlineHeader, ExpiredWorkIsRefused) {
  Hurried hurried;
  (void)hurried.ask("0");
  const std::string answer = hurried.client->take();
  EXPECT_EQ(statusOf(answer), 504);
  EXPECT_TRUE(has(answer, "deadline_expired")) << answer;
  EXPECT_EQ(hurried.world.appConnections(), 0u);
  EXPECT_EQ(hurried.world.metrics.deadlines_expired.value(), 1u);
}

TEST(DeadlineHeader, NonsenseIsNeitherHeededNorSentOn) {
  for (const char* text : {"soon", "-1", "", "1e3", "18446744073709551616"}) {
    Hurried hurried;
    EXPECT_FALSE(has(hurried.ask(text), "eadline")) << text;
    hurried.world.app().put(kOk);
    hurried.world.settle();
    EXPECT_EQ(statusOf(hurried.client->take()), 200);
  }
}

}  // namespace
}  // namespace remora::proxy::test
