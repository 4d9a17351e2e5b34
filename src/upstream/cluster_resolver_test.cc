#include "upstream/cluster_resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/test_resolver.h"

namespace remora::upstream {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

model::Endpoint ip(const char* host, uint16_t port) {
  return {.origin = {}, .address = {model::SocketAddress::Kind::kIp, host, port}, .zone = {}};
}

model::Endpoint dns(const char* host, uint16_t port, uint32_t weight = 1) {
  return {.origin = {}, .address = {model::SocketAddress::Kind::kDns, host, port}, .weight = weight, .zone = {}};
}

model::Cluster clusterOf(std::vector<model::Endpoint> endpoints) {
  model::Cluster cluster;
  cluster.name = "orders";
  cluster.endpoints = std::move(endpoints);
  return cluster;
}

std::string textOf(const EndpointSet& set) {
  std::string text = std::to_string(set.version) + ":";
  for (const Endpoint& endpoint : set.endpoints) text += " " + endpoint.text;
  return text + (set.dns_failed ? " failed" : "");
}

class ClusterResolverTest : public ::testing::Test {
 protected:
  void start(std::vector<model::Endpoint> endpoints) {
    cluster_.emplace(
        loop_.loop(), dns_, clusterOf(std::move(endpoints)),
        [this](const EndpointSetPtr& set) { published_.push_back(set); }, 7);
    cluster_->start();
  }
  std::string latest() const { return published_.empty() ? "nothing" : textOf(*published_.back()); }

  loop::TestLoop loop_;
  ScriptedResolver dns_;
  std::vector<EndpointSetPtr> published_;
  std::optional<ClusterResolver> cluster_;
};

TEST_F(ClusterResolverTest, AddressesArePublishedAtOnceAndNeverAgain) {
  model::Endpoint heavy = ip("::1", 81);
  heavy.weight = 5;
  heavy.priority = 1;
  heavy.zone = "a";
  model::Endpoint socket;
  socket.address = {model::SocketAddress::Kind::kUnix, "/run/app.sock", 0};
  start({ip("10.0.0.1", 80), heavy, socket});
  EXPECT_EQ(latest(), "1: 10.0.0.1:80 [::1]:81 unix:/run/app.sock");
  EXPECT_EQ(cluster_->current(), published_.back());
  EXPECT_EQ(published_.back()->endpoints[1].weight, 5u);
  EXPECT_EQ(published_.back()->endpoints[1].priority, 1u);
  EXPECT_EQ(published_.back()->endpoints[1].zone, "a");
  EXPECT_EQ(published_.back()->endpoints[1].name, "");
  EXPECT_TRUE(cluster_->isSettled());
  EXPECT_TRUE(cluster_->facts().empty());
  EXPECT_EQ(loop_.loop().timers().size(), 0u);
  loop_.advance(minutes(60));
  EXPECT_EQ(published_.size(), 1u);
}

TEST_F(ClusterResolverTest, NamesAreMissingUntilTheyAreAnswered) {
  start({dns("orders.test", 8080, 3), ip("10.0.0.1", 80)});
  EXPECT_EQ(latest(), "1: 10.0.0.1:80");
  EXPECT_FALSE(cluster_->isSettled());
  dns_.answer("orders.test", {"10.0.0.8", "2001:db8::1"}, seconds(30));
  EXPECT_EQ(published_.size(), 1u);  // not on the stack of whoever answers
  loop_.settle();
  EXPECT_EQ(latest(), "2: 10.0.0.8:8080 [2001:db8::1]:8080 10.0.0.1:80");
  EXPECT_EQ(published_.back()->endpoints[0].weight, 3u);
  EXPECT_EQ(published_.back()->endpoints[1].weight, 3u);
  EXPECT_EQ(published_.back()->endpoints[0].name, "orders.test");
  EXPECT_TRUE(cluster_->isSettled());
}

TEST_F(ClusterResolverTest, ANameIsAskedForOnceWhateverItsPortsAndCase) {
  start({dns("orders.test", 80), dns("Orders.test", 81)});
  EXPECT_EQ(dns_.asked, 1u);
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(30));
  loop_.settle();
  EXPECT_EQ(latest(), "2: 10.0.0.8:80 10.0.0.8:81");
}

TEST_F(ClusterResolverTest, RefreshesAfterTheTtlAndPublishesOnlyChanges) {
  start({dns("orders.test", 80)});
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(30));
  loop_.advance(seconds(30));
  EXPECT_EQ(dns_.open(), 0u);  // a cache in between would give what is left of the TTL
  loop_.advance(seconds(3));
  ASSERT_EQ(dns_.open(), 1u);
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(30));
  loop_.advance(seconds(33));
  EXPECT_EQ(latest(), "2: 10.0.0.8:80");
  dns_.answer("orders.test", {"10.0.0.8", "10.0.0.9"}, seconds(30));
  loop_.settle();
  EXPECT_EQ(latest(), "3: 10.0.0.8:80 10.0.0.9:80");
  EXPECT_EQ(published_.size(), 3u);
}

TEST_F(ClusterResolverTest, TheTtlIsBounded) {
  start({dns("orders.test", 80)});
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(0));
  loop_.advance(Milliseconds(999));
  EXPECT_EQ(dns_.open(), 0u);
  loop_.advance(Milliseconds(101));
  ASSERT_EQ(dns_.open(), 1u);
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(INT32_MAX));
  loop_.advance(minutes(5) - Milliseconds(1));
  EXPECT_EQ(dns_.open(), 0u);
  loop_.advance(seconds(31));
  EXPECT_EQ(dns_.open(), 1u);
}

TEST_F(ClusterResolverTest, AFirstFailureIsToldAndOnlyOnce) {
  start({dns("orders.test", 80)});
  EXPECT_EQ(latest(), "1:");
  dns_.fail("orders.test", "the DNS servers don't answer");
  loop_.settle();
  EXPECT_EQ(latest(), "2: failed");
  EXPECT_TRUE(cluster_->isSettled());
  loop_.advance(seconds(2));
  dns_.fail("orders.test", "the DNS servers don't answer");
  loop_.advance(seconds(4));
  EXPECT_EQ(published_.size(), 2u);
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(30));
  loop_.settle();
  EXPECT_EQ(latest(), "3: 10.0.0.8:80");
}

TEST_F(ClusterResolverTest, GoodAddressesOutliveAnyFailure) {
  start({dns("orders.test", 80)});
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(5));
  loop_.settle();
  for (int i = 0; i < 100; ++i) {
    loop_.advance(seconds(31));
    ASSERT_EQ(dns_.open(), 1u);
    dns_.fail("orders.test", "the name doesn't exist");
    loop_.settle();
  }
  EXPECT_EQ(latest(), "2: 10.0.0.8:80");
  EXPECT_EQ(cluster_->facts()[0].failures, 100u);
}

TEST_F(ClusterResolverTest, FailuresBackOffWithJitterUpToHalfAMinute) {
  start({dns("orders.test", 80)});
  const int upper[] = {2, 4, 8, 16, 30, 30, 30};
  for (const int most : upper) {
    ASSERT_EQ(dns_.open(), 1u);
    dns_.fail("orders.test", "x");
    loop_.advance(Milliseconds(most * 500 - 1));
    EXPECT_EQ(dns_.open(), 0u) << most;
    loop_.advance(Milliseconds(most * 500 + 1));
    EXPECT_EQ(dns_.open(), 1u) << most;
  }
  dns_.answer("orders.test", {"10.0.0.8"}, seconds(60));
  loop_.advance(seconds(66));
  dns_.fail("orders.test", "x");  // counts from the beginning again
  loop_.advance(seconds(2));
  EXPECT_EQ(dns_.open(), 1u);
}

TEST_F(ClusterResolverTest, SidecarsStartedTogetherDriftApart) {
  std::vector<std::unique_ptr<ClusterResolver>> sidecars;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    sidecars.push_back(std::make_unique<ClusterResolver>(
        loop_.loop(), dns_, clusterOf({dns("orders.test", 80)}), [](const EndpointSetPtr&) {}, seed * 7919 + 1));
    sidecars.back()->start();
  }
  for (int i = 0; i < 20; ++i) dns_.answer("orders.test", {"10.0.0.8"}, seconds(100));
  loop_.advance(seconds(105));
  EXPECT_GT(dns_.open(), 2u);
  EXPECT_LT(dns_.open(), 18u);
  loop_.advance(seconds(5));
  EXPECT_EQ(dns_.open(), 20u);
}

TEST_F(ClusterResolverTest, FactsTellWhatIsKnownOfEachName) {
  start({dns("b.test", 80), dns("a.test", 80)});
  EXPECT_FALSE(cluster_->facts()[0].answered_wall_nanos);
  dns_.answer("a.test", {"10.0.0.8"}, seconds(20));
  dns_.fail("b.test", "the name doesn't exist");
  loop_.settle();
  const int64_t then = loop_.loop().clock().wallNanos();
  loop_.advance(seconds(22));
  dns_.fail("a.test", "the DNS servers don't answer");
  loop_.settle();
  const std::vector<NameFacts> facts = cluster_->facts();
  ASSERT_EQ(facts.size(), 2u);
  EXPECT_EQ(facts[0].name, "a.test");
  EXPECT_EQ(facts[0].addresses, std::vector<net::Peer>{*net::parsePeer("10.0.0.8")});
  EXPECT_EQ(facts[0].answered_wall_nanos, then);
  EXPECT_EQ(facts[0].ttl, seconds(20));
  EXPECT_EQ(facts[0].last_error, "the DNS servers don't answer");
  EXPECT_EQ(facts[0].failures, 1u);
  EXPECT_EQ(facts[1].name, "b.test");
  EXPECT_TRUE(facts[1].addresses.empty());
  EXPECT_EQ(facts[1].last_error, "the name doesn't exist");
}

TEST_F(ClusterResolverTest, AnUpdateKeepsWhatIsKnownAndDropsTheRest) {
  start({dns("a.test", 80), dns("b.test", 80)});
  dns_.answer("a.test", {"10.0.0.8"}, seconds(300));
  loop_.settle();
  EXPECT_EQ(dns_.open("b.test"), 1u);
  cluster_->update(clusterOf({dns("c.test", 80), dns("a.test", 81), ip("10.0.0.1", 1)}));
  EXPECT_EQ(latest(), "3: 10.0.0.8:81 10.0.0.1:1");
  EXPECT_EQ(dns_.open("b.test"), 0u);
  EXPECT_EQ(dns_.open("c.test"), 1u);
  EXPECT_EQ(dns_.asked, 3u);  // a.test isn't asked for again
  cluster_->update(clusterOf({dns("c.test", 80), dns("a.test", 81), ip("10.0.0.1", 1)}));
  EXPECT_EQ(published_.size(), 3u);
  EXPECT_EQ(dns_.asked, 3u);
}

TEST_F(ClusterResolverTest, DestroyingItWithdrawsAndDisarms) {
  start({dns("a.test", 80), dns("b.test", 80)});
  dns_.answer("a.test", {"10.0.0.8"}, seconds(300));
  loop_.settle();
  cluster_.reset();
  EXPECT_EQ(dns_.open(), 0u);
  EXPECT_EQ(loop_.loop().timers().size(), 0u);
}

}  // namespace
}  // namespace remora::upstream
