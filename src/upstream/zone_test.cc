// Services that are zone_aware: the own zone is preferred, and others get only what is missing.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/balancer.h"

namespace remora::upstream {
namespace {

using model::Balance;

class ZoneTest : public testing::Test {
 protected:
  void add(const std::string& zone, size_t count, uint32_t weight = 1, uint32_t priority = 0) {
    for (size_t i = 0; i < count; ++i) {
      const size_t n = endpoints_.size();
      const model::SocketAddress address{model::SocketAddress::Kind::kIp, "10.0.0." + std::to_string(n), 80};
      Endpoint endpoint;
      endpoint.address = *net::Address::of(address);
      endpoint.text = model::toText(address);
      endpoint.zone = zone;
      endpoint.weight = weight;
      endpoint.priority = priority;
      endpoints_.push_back(makeRef<EndpointState>(std::move(endpoint), loop_.loop(), metrics_));
    }
  }
  // Shares of the zones, in percent.
  std::map<std::string, double> shares(Balance balance, const std::string& own = "a") {
    options_.balance = balance;
    options_.own_zone = own;
    balancer_.rebuild(options_, endpoints_, nullptr);
    std::map<std::string, double> got;
    constexpr int kTimes = 20'000;
    for (int i = 0; i < kTimes; ++i) got[pick()->endpoint.zone] += 100.0 / kTimes;
    return got;
  }
  EndpointState* pick(const EndpointState* but_not = nullptr) {
    return balancer_.pick({.now = loop_.loop().now(), .random = random_, .but_not = but_not});
  }

  loop::TestLoop loop_;
  observe::CoreMetrics metrics_;
  observe::IdSource random_{{1, 2, 3, 4}};
  std::vector<Ref<EndpointState>> endpoints_;
  Balancer::Options options_;
  Balancer balancer_;
};

constexpr Balance kAll[] = {Balance::kRoundRobin, Balance::kLeastRequest, Balance::kRandom, Balance::kPeakEwma};

TEST_F(ZoneTest, AnOwnZoneWithItsShareTakesAll) {
  add("a", 4);
  add("b", 4);
  add("c", 3);
  for (const Balance balance : kAll) EXPECT_NEAR(shares(balance)["a"], 100, 1e-6) << static_cast<int>(balance);
}

TEST_F(ZoneTest, WhatIsMissingGoesToThoseThatHaveMoreThanTheirs) {
  // Each of three zones bears a third; the own zone has 2 of 12, which is half of that.
  add("a", 2);
  add("b", 4);
  add("c", 6);
  for (const Balance balance : kAll) {
    auto got = shares(balance);
    EXPECT_NEAR(got["a"], 50, 2) << static_cast<int>(balance);
    EXPECT_NEAR(got["b"], 0, 0.01) << "it has just its share";
    EXPECT_NEAR(got["c"], 50, 2);
  }
}

TEST_F(ZoneTest, IllEndpointsSpillTheirShareAndNoMore) {
  add("a", 4);
  add("b", 4);
  endpoints_[0]->is_available = false;
  // 3 of 7 are worth 6 sevenths of a half.
  EXPECT_NEAR(shares(Balance::kRandom)["a"], 600.0 / 7, 1.5);
  for (size_t i = 0; i < 4; ++i) endpoints_[i]->is_available = false;
  EXPECT_NEAR(shares(Balance::kRandom)["b"], 100, 1e-6);
}

TEST_F(ZoneTest, WithoutEndpointsInTheOwnZoneAllShare) {
  add("b", 3);
  add("c", 1);
  EXPECT_NEAR(shares(Balance::kRandom)["b"], 75, 2);
  EXPECT_NEAR(shares(Balance::kRandom, "")["c"], 25, 2) << "zones don't matter";
}

TEST_F(ZoneTest, WeightsCount) {
  add("a", 1, 10);
  add("b", 10, 1);
  EXPECT_NEAR(shares(Balance::kRandom)["a"], 100, 1e-6);
  endpoints_[0]->endpoint.weight = 5;
  EXPECT_NEAR(shares(Balance::kRandom)["a"], 200.0 / 3, 2);
}

TEST_F(ZoneTest, AnotherTryLeavesAZoneOfOne) {
  add("a", 1);
  add("b", 1);
  for (const Balance balance : kAll) {
    shares(balance);
    EXPECT_EQ(pick(endpoints_[0].get()), endpoints_[1].get()) << static_cast<int>(balance);
  }
}

TEST_F(ZoneTest, ManyZonesAreDrawnByWhatEachHasBeyondItsShare) {
  add("a", 1);
  for (int i = 0; i < 20; ++i) add("z" + std::to_string(i), 2);
  auto got = shares(Balance::kRandom);
  EXPECT_NEAR(got["a"], 100.0 * 21 / 41, 2);
  for (int i = 0; i < 20; ++i) EXPECT_NEAR(got["z" + std::to_string(i)], 100.0 * 20 / 41 / 20, 0.8);
}

TEST_F(ZoneTest, EachPriorityHasItsZones) {
  add("a", 2, 1, 0);
  add("b", 2, 1, 0);
  add("a", 2, 1, 1);
  for (size_t i = 1; i < 4; ++i) endpoints_[i]->is_available = false;
  // A quarter of the first priority is well, worth 35 %; it is in the own zone.
  shares(Balance::kRandom);
  int first = 0;
  for (int i = 0; i < 10'000; ++i) first += pick()->endpoint.priority == 0;
  EXPECT_NEAR(first, 3500, 200);
}

}  // namespace
}  // namespace remora::upstream
