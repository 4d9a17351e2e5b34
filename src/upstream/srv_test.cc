// Endpoints from SRV records: found, kept fresh by their TTL, and kept when DNS fails.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/cluster_resolver.h"
#include "upstream/test_resolver.h"

namespace remora::upstream {
namespace {

using std::chrono::seconds;

constexpr const char* kName = "_http._tcp.orders.test";

class SrvTest : public ::testing::Test {
 protected:
  void start(uint32_t priority = 0) {
    model::Endpoint endpoint{.origin = {.file = "shop.yaml", .line = 7, .path = {}},
                             .address = {model::SocketAddress::Kind::kSrv, kName, 0},
                             .priority = priority,
                             .zone = "a",
                             .labels = {{"version", "v2"}}};
    model::Cluster cluster;
    cluster.name = "orders";
    cluster.endpoints.push_back(std::move(endpoint));
    cluster_.emplace(loop_.loop(), dns_, cluster, [this](const EndpointSetPtr& set) { latest_ = set; }, 7);
    cluster_->start();
  }
  std::string latest() const {
    std::string text;
    for (const Endpoint& each : latest_->endpoints) {
      text += each.text + "/" + std::to_string(each.priority) + "/" + std::to_string(each.weight) + " ";
    }
    return text + (latest_->dns_failed ? "failed" : "");
  }
  void answer(std::vector<net::SrvRecord> records, seconds ttl = seconds(30)) {
    dns_.answerServices(kName, std::move(records), ttl);
    loop_.settle();
  }
  void answerHost(const std::string& host, const char* address, seconds ttl = seconds(3600)) {
    dns_.answer(host, {address}, ttl);
    loop_.settle();
  }

  loop::TestLoop loop_;
  ScriptedResolver dns_;
  EndpointSetPtr latest_;
  std::optional<ClusterResolver> cluster_;
};

TEST_F(SrvTest, RecordsGivePortsPrioritiesAndWeights) {
  start(3);
  EXPECT_EQ(dns_.open(kName), 1u);
  answer({{0, "a.test", 81, 60}, {10, "b.test", 82, 0}});
  EXPECT_FALSE(cluster_->isSettled());
  EXPECT_EQ(latest(), "");
  answerHost("a.test", "10.0.0.1");
  EXPECT_EQ(latest(), "") << "records serve together, or a whole priority would be missing for a moment";
  answerHost("b.test", "10.0.0.2");
  EXPECT_EQ(latest(), "10.0.0.1:81/3/60 10.0.0.2:82/13/1 ");
  EXPECT_TRUE(cluster_->isSettled());
  const Endpoint& first = latest_->endpoints[0];
  EXPECT_EQ(first.zone, "a");
  EXPECT_EQ(model::toText(first.labels), "version=v2");
  EXPECT_EQ(first.name, "orders.test") << "TLS verifies what the user wrote, not what DNS says";
  EXPECT_EQ(first.source, "shop.yaml:7 (a.test:81 of srv://_http._tcp.orders.test)");
}

TEST_F(SrvTest, OthersTakeTheirPlaceOnceTheyHaveAnAddress) {
  start();
  answer({{0, "a.test", 81, 1}});
  answerHost("a.test", "10.0.0.1");
  loop_.advance(seconds(33));
  ASSERT_EQ(dns_.open(kName), 1u) << "the TTL is over";
  answer({{0, "b.test", 82, 1}});
  EXPECT_EQ(latest(), "10.0.0.1:81/0/1 ");
  dns_.fail("b.test", "no");
  loop_.settle();
  EXPECT_EQ(latest(), "10.0.0.1:81/0/1 ") << "nobody would serve";
  loop_.advance(seconds(2));
  answerHost("b.test", "10.0.0.2");
  EXPECT_EQ(latest(), "10.0.0.2:82/0/1 ");
  loop_.advance(seconds(7200));
  EXPECT_EQ(dns_.open("a.test"), 0u) << "nobody needs it any more";
}

TEST_F(SrvTest, TheLastAnswerOutlivesAnyFailure) {
  start();
  dns_.fail(kName, "first");
  loop_.settle();
  EXPECT_EQ(latest(), "failed");
  loop_.advance(seconds(2));
  answer({{0, "a.test", 81, 1}});
  answerHost("a.test", "10.0.0.1");
  loop_.advance(seconds(33));
  dns_.fail(kName, "second");
  loop_.advance(seconds(2));
  EXPECT_EQ(latest(), "10.0.0.1:81/0/1 ");
  const std::vector<NameFacts> facts = cluster_->facts();
  ASSERT_EQ(facts.size(), 2u);
  EXPECT_EQ(facts[1].name, "srv://_http._tcp.orders.test");
  EXPECT_EQ(facts[1].last_error, "second");
  EXPECT_EQ(facts[1].services.size(), 1u);
}

TEST_F(SrvTest, TheEndWithdrawsEveryQuestion) {
  start();
  answer({{0, "a.test", 81, 1}, {0, "b.test", 81, 1}});
  EXPECT_EQ(dns_.open(), 2u);
  cluster_.reset();
  EXPECT_EQ(dns_.open(), 0u);
}

}  // namespace
}  // namespace remora::upstream
