#include "upstream/shared_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

namespace remora::upstream {
namespace {

using Change = ClusterShared::Change;
using std::chrono::seconds;

struct Cluster {
  explicit Cluster(size_t count) : endpoints(count) {
    for (EndpointHealth& endpoint : endpoints) all.push_back(&endpoint);
  }
  Change note(size_t i, Verdict verdict) { return shared.note(endpoints[i], verdict, options, now, 0, all); }
  Change fail(size_t i, Verdict verdict = Verdict::kLocalFailure, int times = 5) {
    Change change = Change::kNone;
    for (int n = 0; n < times; ++n) change = note(i, verdict);
    return change;
  }
  size_t ejected() const {
    return static_cast<size_t>(std::ranges::count_if(endpoints, [](const auto& e) { return e.isEjected(); }));
  }

  ClusterShared shared;
  model::Outlier options;
  Instant now{seconds(1000).count() * 1'000'000'000};
  std::vector<EndpointHealth> endpoints;
  std::vector<EndpointHealth*> all;
};

TEST(Outlier, FiveFailuresInARowEject) {
  for (const Verdict verdict : {Verdict::kLocalFailure, Verdict::kGatewayError, Verdict::kServerError}) {
    Cluster cluster(4);
    EXPECT_EQ(cluster.fail(0, verdict, 4), Change::kNone);
    EXPECT_EQ(cluster.note(0, Verdict::kGood), Change::kNone);
    EXPECT_EQ(cluster.fail(0, verdict, 4), Change::kNone) << "not in a row";
    const uint64_t before = cluster.shared.version();
    EXPECT_EQ(cluster.note(0, verdict), Change::kEjected);
    EXPECT_GT(cluster.shared.version(), before);
  }
}

TEST(Outlier, WhatIsSwitchedOffIsNotCounted) {
  Cluster cluster(4);
  cluster.options.consecutive_5xx = 0;
  EXPECT_EQ(cluster.fail(0, Verdict::kServerError, 50), Change::kNone);
  EXPECT_EQ(cluster.fail(0, Verdict::kOverloaded, 50), Change::kNone);
  EXPECT_EQ(cluster.fail(0, Verdict::kGatewayError), Change::kEjected);
}

TEST(Outlier, NeverTheLastAndNeverMoreThanTheShare) {
  Cluster alone(1);
  EXPECT_EQ(alone.fail(0), Change::kNone);
  Cluster two(2);
  EXPECT_EQ(two.fail(0), Change::kEjected);
  EXPECT_EQ(two.fail(1), Change::kNone);
  Cluster ten(10);
  ten.options.ejected_most_percent = 30;
  for (size_t i = 0; i < 10; ++i) ten.fail(i);
  EXPECT_EQ(ten.ejected(), 3u);
  Cluster all(10);
  all.options.ejected_most_percent = 100;
  for (size_t i = 0; i < 10; ++i) all.fail(i);
  EXPECT_EQ(all.ejected(), 9u);
}

TEST(Outlier, OneRequestTriesWhetherItIsWellAgain) {
  Cluster cluster(3);
  cluster.fail(0);
  EndpointHealth& endpoint = cluster.endpoints[0];
  EXPECT_FALSE(ClusterShared::mayProbe(endpoint, cluster.now + seconds(29)));
  cluster.now = cluster.now + seconds(31);
  EXPECT_TRUE(ClusterShared::mayProbe(endpoint, cluster.now));
  EXPECT_FALSE(ClusterShared::mayProbe(endpoint, cluster.now)) << "one";
  EXPECT_TRUE(ClusterShared::mayProbe(endpoint, cluster.now + seconds(1))) << "it may have been lost";
  EXPECT_EQ(cluster.note(0, Verdict::kGood), Change::kReturned);
  EXPECT_FALSE(endpoint.isEjected());
}

TEST(Outlier, EachTimeItIsOutForLonger) {
  Cluster cluster(3);
  cluster.options.eject_most = seconds(100);
  cluster.fail(0);
  for (const int out : {30, 60, 90, 100, 100}) {
    EXPECT_EQ(cluster.endpoints[0].ejected_until.load(), (cluster.now + seconds(out)).nanos);
    cluster.now = cluster.now + seconds(out);
    EXPECT_EQ(cluster.note(0, Verdict::kGatewayError), Change::kEjected) << "still ill";
  }
  cluster.now = cluster.now + seconds(101);
  cluster.note(0, Verdict::kGood);
  cluster.now = cluster.now + seconds(50);
  cluster.fail(0);
  EXPECT_EQ(cluster.endpoints[0].ejected_until.load(), (cluster.now + seconds(100)).nanos) << "soon again";
  cluster.now = cluster.now + seconds(101);
  cluster.note(0, Verdict::kGood);
  cluster.now = cluster.now + seconds(101);
  cluster.fail(0);
  EXPECT_EQ(cluster.endpoints[0].ejected_until.load(), (cluster.now + seconds(30)).nanos) << "it was well for long";
}

TEST(Outlier, CoresThatEjectAtOnceKeepToTheShareWithThreads) {
  Cluster cluster(10);
  std::vector<std::thread> cores;
  for (size_t core = 0; core < 4; ++core) {
    cores.emplace_back([&cluster, core] {
      for (int round = 0; round < 200; ++round) {
        for (size_t i = 0; i < 10; ++i) cluster.note((i + core) % 10, Verdict::kLocalFailure);
      }
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_EQ(cluster.ejected(), 5u);
}

TEST(RetryBudget, IsAShareOfWhatComesAndAFewASecond) {
  RetryBudget budget;
  model::RetryBudget options{.percent = 20, .floor = 10};
  Instant now{seconds(1000).count() * 1'000'000'000};
  int allowed = 0;
  // Every one of 1000 requests a second fails, and wants three more tries.
  for (int i = 0; i < 10'000; ++i) {
    budget.deposit(options);
    for (int retry = 0; retry < 3; ++retry) allowed += budget.withdraw(options, now);
    now = now + Milliseconds(1);
  }
  EXPECT_NEAR(allowed, 10'000 * 0.2 + 10 * 10, 15);
}

TEST(RetryBudget, WhatIsSavedIsBounded) {
  RetryBudget budget;
  const model::RetryBudget options{.percent = 20, .floor = 0};
  for (int i = 0; i < 100'000; ++i) budget.deposit(options);
  int allowed = 0;
  while (budget.withdraw(options, Instant{1})) ++allowed;
  EXPECT_EQ(allowed, 100);
}

TEST(RetryBudget, WhatIsSavedGrowsWithTheRate) {
  RetryBudget budget;
  const model::RetryBudget options{.percent = 20, .floor = 0};
  budget.changeRate(5000);
  for (int i = 0; i < 100'000; ++i) budget.deposit(options);
  int allowed = 0;
  while (allowed < 500 && budget.withdraw(options, Instant{1})) ++allowed;
  EXPECT_EQ(allowed, 500);
  budget.changeRate(-5000);
  while (budget.withdraw(options, Instant{1})) ++allowed;
  EXPECT_EQ(allowed, 600) << "it came down";
}

TEST(RetryBudget, CoresShareItWithThreads) {
  RetryBudget budget;
  const model::RetryBudget options{.percent = 50, .floor = 0};
  std::atomic<int> allowed{0};
  std::vector<std::thread> cores;
  for (int core = 0; core < 4; ++core) {
    cores.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        budget.deposit(options);
        for (int retry = 0; retry < 4; ++retry) allowed += budget.withdraw(options, Instant{1});
      }
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_LE(allowed, 20'000);
  EXPECT_GE(allowed, 19'999);
}

}  // namespace
}  // namespace remora::upstream
