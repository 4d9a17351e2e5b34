// Requests that ask for endpoints with some labels.
#include "upstream/subset_state.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "upstream/cluster_state_fixture.h"

namespace remora::upstream {
namespace {

class SubsetTest : public ClusterStateFixture {
 protected:
  static Endpoint endpoint(int last, model::Labels labels) {
    Endpoint made = ClusterStateFixture::endpoint(last);
    made.labels = std::move(labels);
    return made;
  }
  std::string chosen(const model::Subset& subset, std::optional<uint64_t> hash = {}) {
    const Ref<EndpointState> got = state_.choose(random_, nullptr, hash, &subset);
    return got ? got->endpoint.text.substr(7, 1) : std::string("none");
  }
  std::string turns(const model::Subset& subset, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += chosen(subset);
    return text;
  }

  const model::Subset v2_{.labels = {{"version", "v2"}}};
  const model::Subset v2_again_{.labels = {{"version", "v2"}}};
  const model::Subset v3_{.labels = {{"version", "v3"}}};
  const model::Subset v3_or_any_{.labels = {{"version", "v3"}}, .falls_back = true};
};

TEST_F(SubsetTest, OnlyThoseWithEveryLabelAreChosen) {
  use(model::Balance::kRoundRobin);
  adopt({endpoint(1, {{"version", "v1"}}), endpoint(2, {{"track", "canary"}, {"version", "v2"}}),
         endpoint(3, {{"version", "v2"}}), endpoint(4, {})});
  EXPECT_EQ(turns(v2_, 4), "2323");
  const model::Subset canary{.labels = {{"track", "canary"}, {"version", "v2"}}};
  EXPECT_EQ(turns(canary, 2), "22");
  EXPECT_EQ(turns({}, 4), "1234");
  EXPECT_EQ(state_.countOf(&v2_), 2u);
  EXPECT_EQ(state_.countOf(nullptr), 4u);
}

TEST_F(SubsetTest, RoutesWithTheSameLabelsShareTheirTurns) {
  use(model::Balance::kRoundRobin);
  adopt({endpoint(1, {{"version", "v2"}}), endpoint(2, {{"version", "v2"}})});
  EXPECT_EQ(chosen(v2_) + chosen(v2_again_) + chosen(v2_), "121");
}

TEST_F(SubsetTest, WithoutAMatchThereIsNoneUnlessTheRouteFallsBack) {
  use(model::Balance::kLeastRequest);
  adopt({endpoint(1, {{"version", "v1"}})});
  EXPECT_EQ(chosen(v3_), "none");
  EXPECT_EQ(state_.countOf(&v3_), 0u);
  EXPECT_EQ(chosen(v3_or_any_), "1");
  EXPECT_EQ(state_.countOf(&v3_or_any_), 1u);
}

TEST_F(SubsetTest, ANewSetIsSeenAtOnce) {
  use(model::Balance::kRoundRobin);
  adopt({endpoint(1, {{"version", "v1"}})});
  EXPECT_EQ(chosen(v2_), "none");
  adopt({endpoint(1, {{"version", "v2"}})});
  EXPECT_EQ(chosen(v2_), "1");
  adopt({endpoint(1, {}), endpoint(2, {{"version", "v2"}})});
  EXPECT_EQ(turns(v2_, 2), "22");
}

TEST_F(SubsetTest, AnEjectedOneIsLeftOutOfItsSubset) {
  use(model::Balance::kRoundRobin);
  adopt({endpoint(1, {{"version", "v2"}}), endpoint(2, {{"version", "v2"}}), endpoint(3, {{"version", "v2"}}),
         endpoint(4, {})});
  model::Cluster cluster;
  cluster.name = "app";
  cluster.balance = model::Balance::kRoundRobin;
  cluster.outlier = model::Outlier{.consecutive_local_failures = 1};
  state_.configure(cluster);
  state_.note(*state_.endpoints()[0], Verdict::kLocalFailure, Duration(0), random_);
  EXPECT_EQ(turns(v2_, 4), "2323");
}

TEST_F(SubsetTest, WhetherAllAreTriedGoesByThoseThatAreAskedFor) {
  use(model::Balance::kRoundRobin);
  adopt({endpoint(1, {{"version", "v2"}}), endpoint(2, {{"version", "v2"}}), endpoint(3, {}), endpoint(4, {}),
         endpoint(5, {})});
  for (size_t i = 0; i < 2; ++i) {
    state_.shared().setChecked(*state_.endpoints()[i]->endpoint.health, Checked::kUnhealthy);
  }
  EXPECT_EQ(turns(v2_, 2), "12");
  EXPECT_TRUE(state_.panics());
  EXPECT_EQ(state_.available(), 0u);
  EXPECT_EQ(turns({}, 3), "345");
  EXPECT_FALSE(state_.panics());
  EXPECT_EQ(state_.available(), 3u);
  turns(v3_or_any_, 1);
  EXPECT_FALSE(state_.panics());
  EXPECT_EQ(state_.available(), 3u);
}

TEST_F(SubsetTest, AHashStaysWithinTheSubset) {
  for (const model::Balance balance : {model::Balance::kRingHash, model::Balance::kMaglev}) {
    use(balance);
    adopt({endpoint(1, {{"version", "v1"}}), endpoint(2, {{"version", "v2"}}), endpoint(3, {{"version", "v2"}})});
    std::map<std::string, int> counts;
    for (uint64_t key = 0; key < 1000; ++key) {
      const uint64_t hash = hashOf(std::to_string(key));
      const std::string first = chosen(v2_, hash);
      ++counts[first];
      EXPECT_EQ(chosen(v2_, hash), first);
    }
    EXPECT_EQ(counts.size(), 2u);
    EXPECT_EQ(counts["1"], 0);
    EXPECT_GT(counts["2"], 350);
  }
}

}  // namespace
}  // namespace remora::upstream
