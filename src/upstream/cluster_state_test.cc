#include "upstream/cluster_state.h"

#include <gtest/gtest.h>

#include <map>

#include "net/memory_net.h"
#include "upstream/cluster_state_fixture.h"

namespace remora::upstream {
namespace {

class ClusterStateTest : public ClusterStateFixture {
 protected:
  std::string chosen(const EndpointState* but_not = nullptr) {
    const Ref<EndpointState> got = state_.choose(random_, but_not);
    return got ? got->endpoint.text : std::string("none");
  }
  std::map<std::string, int> chosenOften(int times) {
    std::map<std::string, int> counts;
    for (int i = 0; i < times; ++i) ++counts[chosen()];
    return counts;
  }
  std::unique_ptr<Connection> connection() {
    auto [near, far] = net::MemoryStream::pair(loop_);
    far_ = std::move(far);
    return std::make_unique<Connection>(std::move(near), nullptr, loop_.loop().now());
  }

  std::unique_ptr<net::MemoryStream> far_;
};

constexpr model::Balance kAll[] = {model::Balance::kRoundRobin, model::Balance::kLeastRequest, model::Balance::kRandom};

TEST_F(ClusterStateTest, WithoutEndpointsNoneIsChosen) {
  EXPECT_EQ(chosen(), "none");
  adopt({});
  EXPECT_EQ(chosen(), "none");
}

TEST_F(ClusterStateTest, TurnsAreSmoothAndByWeight) {
  use(model::Balance::kRoundRobin);
  adopt({endpoint(1, 3), endpoint(2, 1)});
  std::string turns;
  for (int i = 0; i < 8; ++i) turns += chosen()[7];
  EXPECT_EQ(turns, "11211121");
}

TEST_F(ClusterStateTest, EachBalanceKeepsToTheWeights) {
  for (const model::Balance balance : kAll) {
    use(balance);
    adopt({endpoint(1, 1), endpoint(2, 3)});
    auto counts = chosenOften(4000);
    // Least request draws twice without load: the second differs from the first, so weights only bend it.
    if (balance == model::Balance::kLeastRequest) continue;
    EXPECT_NEAR(counts["10.0.0.1:80"], 1000, 120);
    EXPECT_NEAR(counts["10.0.0.2:80"], 3000, 120);
  }
}

TEST_F(ClusterStateTest, TheLessLoadedOfTwoIsTaken) {
  use(model::Balance::kLeastRequest);
  adopt({endpoint(1), endpoint(2)});
  state_.endpoints()[0]->active = 5;
  EXPECT_EQ(chosenOften(50).size(), 1u);
  EXPECT_EQ(chosen(), "10.0.0.2:80");
}

TEST_F(ClusterStateTest, TheOneThatFailedIsNotChosenWhileThereIsAnother) {
  for (const model::Balance balance : kAll) {
    use(balance);
    adopt({endpoint(1, 100), endpoint(2, 1), endpoint(3, 0)});
    const EndpointState* const failed = state_.endpoints()[0].get();
    for (int i = 0; i < 200; ++i) EXPECT_EQ(chosen(failed), "10.0.0.2:80");
    adopt({endpoint(1, 100)});
    EXPECT_EQ(chosen(state_.endpoints()[0].get()), "10.0.0.1:80");
  }
}

TEST_F(ClusterStateTest, WeightZeroIsNeverChosen) {
  for (const model::Balance balance : kAll) {
    use(balance);
    adopt({endpoint(1, 0), endpoint(2), endpoint(3), endpoint(4, 0)});
    const auto counts = chosenOften(200);
    EXPECT_EQ(counts.size(), 2u);
    EXPECT_FALSE(counts.contains("10.0.0.1:80"));
  }
  adopt({endpoint(1, 0)});
  EXPECT_EQ(chosen(), "none");
}

TEST_F(ClusterStateTest, TheBestPriorityIsChosenFrom) {
  adopt({endpoint(1, 1, 1), endpoint(2, 1, 0), endpoint(3, 1, 0)});
  EXPECT_FALSE(chosenOften(100).contains("10.0.0.1:80"));
  EXPECT_EQ(state_.endpoints().size(), 3u);
}

class HealthChecked : public ClusterStateTest {
 protected:
  HealthChecked() {
    model::Cluster cluster;
    cluster.name = "app";
    cluster.balance = model::Balance::kRoundRobin;
    cluster.health_check.emplace();
    state_.configure(cluster);
    adopt({endpoint(1), endpoint(2), endpoint(3)});
  }
  EndpointHealth& health(size_t i) { return *state_.endpoints()[i]->endpoint.health; }
  void say(size_t i, Checked checked) { state_.shared().setChecked(health(i), checked); }
  bool isChosen(size_t i) { return chosenOften(30).contains(state_.endpoints()[i]->endpoint.text); }
};

TEST_F(HealthChecked, TheIllAndTheAwaitedGetNothing) {
  EXPECT_EQ(chosenOften(30).size(), 3u) << "none was checked yet";
  say(0, Checked::kUnhealthy);
  EXPECT_FALSE(isChosen(0));
  EXPECT_EQ(state_.available(), 2u);
  EXPECT_FALSE(state_.panics());
  say(0, Checked::kHealthy);
  say(1, Checked::kAwaited);
  EXPECT_TRUE(isChosen(0));
  EXPECT_FALSE(isChosen(1));
}

TEST_F(HealthChecked, WithTooFewThatAreWellAllAreTried) {
  for (size_t i = 0; i < 3; ++i) say(i, Checked::kUnhealthy);
  EXPECT_EQ(chosenOften(30).size(), 3u);
  EXPECT_TRUE(state_.panics());
  EXPECT_EQ(state_.available(), 0u);
}

TEST_F(HealthChecked, TheNextPriorityTakesWhatTheIllLeave) {
  adopt({endpoint(1), endpoint(2), endpoint(3, 1, 1)});
  say(0, Checked::kUnhealthy);
  say(1, Checked::kUnhealthy);
  const auto counts = chosenOften(30);
  EXPECT_EQ(counts.size(), 1u);
  EXPECT_TRUE(counts.contains("10.0.0.3:80"));
}

TEST_F(HealthChecked, NoRequestProbesAnEjectedOneThatFailsItsChecks) {
  say(0, Checked::kUnhealthy);
  health(0).ejected_until.store(1);  // over for long
  EXPECT_FALSE(isChosen(0));
  say(0, Checked::kHealthy);
  EXPECT_TRUE(isChosen(0)) << "once";
}

TEST_F(HealthChecked, UseIsNotedForTheChecksOnly) {
  chosen();
  EXPECT_TRUE(state_.shared().takeUse());
  EXPECT_FALSE(state_.shared().takeUse());
  use(model::Balance::kRandom);
  chosen();
  EXPECT_FALSE(state_.shared().takeUse());
}

TEST_F(ClusterStateTest, EndpointsThatStayKeepWhatTheyHave) {
  adopt({endpoint(1), endpoint(2)});
  EndpointState* const kept = state_.endpoints()[1].get();
  kept->pool.give(connection());
  adopt({endpoint(2, 5), endpoint(3)});
  EXPECT_EQ(state_.endpoints()[0].get(), kept);
  EXPECT_EQ(kept->endpoint.weight, 5u);
  EXPECT_EQ(kept->index, 0);
  EXPECT_EQ(kept->pool.idle(), 1u);
  adopt({endpoint(3)});
  EXPECT_TRUE(far_->isEnded());
}

TEST_F(ClusterStateTest, OneListedTwiceIsTwo) {
  adopt({endpoint(1), endpoint(1)});
  adopt({endpoint(1), endpoint(1)});
  EXPECT_EQ(state_.endpoints().size(), 2u);
  EXPECT_NE(state_.endpoints()[0].get(), state_.endpoints()[1].get());
}

TEST_F(ClusterStateTest, ALeaseCountsAndGivesBackOrCloses) {
  adopt({endpoint(1)});
  const Ref<EndpointState> endpoint_state = state_.endpoints()[0];
  {
    Lease lease(endpoint_state, connection(), metrics_);
    EXPECT_EQ(endpoint_state->active, 1u);
    EXPECT_EQ(metrics_.upstream_active.value(), 1);
    Lease moved = std::move(lease);
    EXPECT_FALSE(lease);
    moved.keep();
    EXPECT_FALSE(moved);
  }
  EXPECT_EQ(endpoint_state->active, 0u);
  EXPECT_EQ(metrics_.upstream_active.value(), 0);
  EXPECT_EQ(endpoint_state->pool.idle(), 1u);
  EXPECT_FALSE(far_->isEnded());
  Lease lease(endpoint_state, connection(), metrics_);
  lease = {};
  EXPECT_TRUE(far_->isEnded());
  EXPECT_EQ(metrics_.upstream_active.value(), 0);
}

TEST_F(ClusterStateTest, ALeaseOutlivesItsEndpoint) {
  adopt({endpoint(1)});
  Lease lease(state_.endpoints()[0], connection(), metrics_);
  adopt({endpoint(2)});
  EXPECT_EQ(lease.endpoint().endpoint.text, "10.0.0.1:80");
  lease.keep();
  lease = {};
  EXPECT_TRUE(far_->isEnded());  // nobody could use it again
  EXPECT_EQ(metrics_.upstream_idle.value(), 0);
}

}  // namespace
}  // namespace remora::upstream
