// A core over time: reloads under traffic, draining, what it counts and what it logs.
#include "proxy/core.h"

#include <gtest/gtest.h>

#include "net/log_target.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using std::chrono::seconds;

TEST(Reload, AnExchangeKeepsTheConfigurationItBeganWith) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.adopt(World::changed([](model::Config& config) {
    routeOf(config).name = "new";
    routeOf(config).action = model::DirectAnswer{.body = "new"};
    config.clusters.clear();
  }));
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client->take(), kOk);
  EXPECT_EQ(world.last().generation, 1u);
  EXPECT_EQ(world.last().route.view(), "all");
  client->put(kGet);
  world.settle();
  EXPECT_TRUE(client->take().ends_with("new"));
  EXPECT_EQ(world.last().generation, 2u);
}

TEST(Reload, ConnectionsSurviveItOnBothSides) {
  World world;
  auto client = world.client();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
    world.adopt(basicConfig());
    world.endpoints({"10.0.0.1", "10.0.0.2"});
    world.endpoints({"10.0.0.1"});
  }
  EXPECT_EQ(world.appConnections(), 1u);
}

TEST(Reload, IdleConnectionsToAnEndpointThatIsGoneAreClosed) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.endpoints({"10.0.0.2"});
  EXPECT_TRUE(world.app().isEnded());
  EXPECT_EQ(world.metrics.upstream_idle.value(), 0);
  EXPECT_EQ(world.exchange(*client, kGet, kOk, 1), kOk);
}

TEST(Reload, IdleConnectionsToAServiceThatIsGoneAreClosed) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.adopt(World::changed([](model::Config& config) { config.clusters.clear(); }));
  EXPECT_TRUE(world.app().isEnded());
}

TEST(Reload, AnIdleConnectionOfARemovedListenerIsClosedAtOnce) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  model::Config config = basicConfig();
  config.listeners[0].name = "renamed";
  world.adopt(config);
  EXPECT_TRUE(client->isEnded());
  EXPECT_EQ(world.core().connections(), 0u);
}

TEST(Draining, AnswersSayCloseAndQuietConnectionsAreClosed) {
  World world;
  auto busy = world.client();
  auto quiet = world.client();
  EXPECT_EQ(world.exchange(*quiet, kGet, kOk), kOk);
  busy->put(kGet);
  world.settle();
  world.core().startDraining();
  world.core().closeQuiet(seconds(1));
  EXPECT_FALSE(quiet->isEnded());
  world.advance(Milliseconds(1100));
  world.core().closeQuiet(seconds(1));
  EXPECT_TRUE(quiet->isEnded());
  EXPECT_FALSE(busy->isEnded());
  (void)world.toApp();
  world.app().put(kOk);
  world.settle();
  EXPECT_TRUE(has(busy->take(), "Connection: close\r\n"));
  EXPECT_TRUE(busy->isEnded());
  EXPECT_EQ(world.core().connections(), 0u);
}

TEST(Draining, ANewConnectionIsStillAnsweredOnce) {
  World world;
  world.core().startDraining();
  auto client = world.client();
  EXPECT_TRUE(has(world.exchange(*client, kGet, kOk), "Connection: close\r\n"));
  EXPECT_TRUE(client->isEnded());
}

TEST(Draining, AtTheEndOfTheGraceTheRestIsCutAndRecorded) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.core().closeAll();
  EXPECT_EQ(world.last().reason, Reason::kDraining);
  EXPECT_EQ(world.last().status, 0);
  EXPECT_TRUE(world.app().isEnded());
  EXPECT_EQ(world.metrics.downstream_active.value(), 0);
  EXPECT_EQ(world.metrics.upstream_active.value(), 0);
}

TEST(Limits, AConnectionMayCarrySoManyRequests) {
  World world([](model::Config& config) { config.listeners[0].limits.requests_per_connection = 2; });
  auto client = world.client();
  EXPECT_FALSE(has(world.exchange(*client, kGet, kOk), "Connection: close"));
  EXPECT_TRUE(has(world.exchange(*client, kGet, kOk), "Connection: close"));
  EXPECT_TRUE(client->isEnded());
}

TEST(Counting, RequestsAreCountedByRouteServiceStatusAndReason) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", kOk), kOk);
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")), 404);
  client->put("GET / HTTP/1.1\r\n\r\n");
  world.settle();
  const observe::RequestMetrics& requests = world.metrics.requests;
  const observe::RequestSeries* routed = nullptr;
  const observe::RequestSeries* unrouted = nullptr;
  for (size_t i = 0; i < requests.size(); ++i) {
    (requests.at(i).labels().route.empty() ? unrouted : routed) = &requests.at(i);
  }
  ASSERT_TRUE(routed && unrouted);
  EXPECT_EQ(routed->labels().service, "app");
  EXPECT_EQ(routed->requests(2, Reason::kOk), 1u);
  EXPECT_EQ(routed->requests(4, Reason::kOk), 1u);
  EXPECT_EQ(routed->bytesIn(), 3u);
  EXPECT_EQ(routed->bytesOut(), 2u);
  EXPECT_EQ(unrouted->requests(4, Reason::kBadHost), 1u);
  EXPECT_EQ(unrouted->labels().listener, "in");
}

TEST(Counting, BytesOnTheWireAreCountedForTheCore) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  EXPECT_EQ(world.metrics.downstream_bytes_received.value(), kGet.size());
  EXPECT_EQ(world.metrics.downstream_bytes_sent.value(), kOk.size());
}

// Keeps what it is given.
class TextTarget final : public net::LogTarget {
 public:
  explicit TextTarget(std::string& text) : text_(text) {}
  net::LogWritten write(std::string_view lines) override {
    text_ += lines;
    return {.consumed = lines.size()};
  }
  int descriptor() const override { return 1; }
  net::Reopened reopen(int&) override { return net::Reopened::kSamePlace; }
  bool mayRecover(int) const override { return false; }
  std::string name() const override { return "a test"; }

 private:
  std::string& text_;
};

TEST(AccessLog, HasALineForEachExchange) {
  std::string text;
  auto sink = std::make_shared<net::LogSink>(std::make_unique<TextTarget>(text), 1_MiB, [](std::string_view) {});
  World world;
  world.adopt(World::changed([](model::Config& config) {
                model::AccessLog& log = config.telemetry.access_log;
                log.sink = model::AccessLog::Sink::kStdout;
                log.format = model::AccessLog::Format::kText;
                log.text = "%{method} %{path} %{status} %{reason} %{route} %{endpoint} %{bytes_sent}";
              }),
              sink);
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  client->put("GET / HTTP/1.1\r\n\r\n");
  world.settle();
  world.advance(seconds(2));  // the buffer is flushed by time
  EXPECT_TRUE(sink->drain(seconds(10)));
  EXPECT_EQ(text.substr(0, text.find('\n')), "GET /a 200 ok all 10.0.0.1:80 2");
  EXPECT_TRUE(has(text, "\nGET / 400 bad_host - - ")) << text;
  EXPECT_EQ(world.metrics.access_log_written.value(), 2u);
  EXPECT_TRUE(sink->stop(seconds(10)));
}

// What was taken but hasn't gone out is a part of the exchange, though its record is closed.
TEST(Draining, AnAnswerThatHasNotGoneOutYetIsNotQuiet) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.lastServed().unsent = true;
  world.advance(seconds(5));
  world.core().closeQuiet(seconds(1));
  EXPECT_FALSE(client->isEnded());
  client->put(kGet);
  EXPECT_EQ(world.toApp(), "");  // the next request waits for it
  world.lastServed().finishUnsent();
  EXPECT_NE(world.toApp(), "");
}

TEST(Reload, AnAnswerThatHasNotGoneOutYetOutlivesItsListener) {
  World world;
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.lastServed().unsent = true;
  world.adopt(World::changed([](model::Config& config) { config.listeners[0].name = "other"; }));
  world.advance(std::chrono::minutes(5));  // past every idle time
  EXPECT_FALSE(client->isEnded());
  world.lastServed().finishUnsent();
  world.settle();
  EXPECT_TRUE(client->isEnded());
}

TEST(Timeouts, AnIdleTimeShorterThanTheFirstHeadsHoldsFromTheFirstRequestOn) {
  World world([](model::Config& config) {
    config.listeners[0].timeouts.header = seconds(10);
    config.listeners[0].timeouts.idle = seconds(1);
  });
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.advance(std::chrono::milliseconds(999));
  EXPECT_FALSE(client->isEnded());
  EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  world.advance(std::chrono::milliseconds(999));
  EXPECT_FALSE(client->isEnded());
  world.lastServed().unsent = true;
  world.advance(seconds(5));
  EXPECT_FALSE(client->isEnded());
  world.lastServed().finishUnsent();
  world.advance(seconds(2));
  EXPECT_TRUE(client->isEnded());
}

// Above 64 requests at once each used to cost an exchange from the heap, and above 128 a connection.
TEST(Load, ManyAtOnceAreServedFromWhatIsThere) {
  constexpr size_t kMany = 300;
  World world;
  std::vector<std::unique_ptr<PipeEnd>> clients;
  for (size_t i = 0; i < kMany; ++i) clients.push_back(world.client());
  const auto round = [&] {
    for (auto& client : clients) client->put(kGet);
    world.settle();
    for (size_t i = 0; i < kMany; ++i) world.app(i).put(kOk);
    world.settle();
    for (auto& client : clients) EXPECT_EQ(client->take(), kOk);
    EXPECT_EQ(world.core().spareExchanges(), kMany);
    EXPECT_EQ(world.appConnections(), kMany);
  };
  for (int i = 0; i < 3; ++i) {
    round();
    world.advance(seconds(1));
  }
}

TEST(Load, TheMemoryOfABurstIsGivenBack) {
  World world;
  std::vector<std::unique_ptr<PipeEnd>> clients;
  for (size_t i = 0; i < 200; ++i) {
    clients.push_back(world.client());
    clients.back()->put(kGet);
  }
  world.settle();
  for (size_t i = 0; i < 200; ++i) world.app(i).put(kOk);
  world.settle();
  EXPECT_EQ(world.core().spareExchanges(), 200u);
  world.advance(std::chrono::milliseconds(2001));
  EXPECT_EQ(world.core().spareExchanges(), 64u);
}

}  // namespace
}  // namespace remora::proxy::test
