// Endpoints that are compared with each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "upstream/shared_state.h"

namespace remora::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Compared {
  explicit Compared(size_t count) : endpoints(count) {
    for (EndpointHealth& endpoint : endpoints) all.push_back(&endpoint);
    options.success_rate = true;
    answer(0, Verdict::kGood, milliseconds(1));  // begins the first interval
  }
  uint32_t answer(size_t i, Verdict verdict, Duration took) {
    return shared.compare(endpoints[i], verdict, took, options, now, 0, all);
  }
  // One interval in which each gets 200 requests; endpoint i fails bad[i] percent of them.
  uint32_t interval(const std::vector<int>& bad, const std::vector<int>& millis = {}) {
    for (size_t i = 0; i < endpoints.size(); ++i) {
      for (int n = 0; n < 200; ++n) {
        const Verdict verdict = n % 100 < bad[i] ? Verdict::kServerError : Verdict::kGood;
        answer(i, verdict, milliseconds(millis.empty() ? 1 : millis[i]));
      }
    }
    now = now + seconds(10);
    return answer(0, Verdict::kGood, milliseconds(1));
  }
  bool isOut(size_t i) const { return endpoints[i].isEjected(); }

  ClusterShared shared;
  model::Outlier options;
  Instant now{seconds(1000).count() * 1'000'000'000};
  std::vector<EndpointHealth> endpoints;
  std::vector<EndpointHealth*> all;
};

TEST(OutlierComparison, WhoFailsMoreOftenThanTheOthersIsLeftOut) {
  Compared compared(6);
  EXPECT_EQ(compared.interval({1, 0, 2, 30, 1, 0}), 1u);
  EXPECT_TRUE(compared.isOut(3));
}

TEST(OutlierComparison, WhereAllFailAlikeNoneIs) {
  Compared compared(6);
  EXPECT_EQ(compared.interval({30, 30, 30, 30, 30, 30}), 0u);
}

TEST(OutlierComparison, WhoTakesManyTimesLongerIsLeftOut) {
  Compared compared(6);
  compared.options.success_rate = false;
  compared.options.latency_factor = 5;
  EXPECT_EQ(compared.interval({0, 0, 0, 0, 0, 0}, {1, 2, 1, 2, 100, 4}), 1u);
  EXPECT_TRUE(compared.isOut(4));
}

TEST(OutlierComparison, FewRequestsOrFewEndpointsTellNothing) {
  Compared few(4);
  EXPECT_EQ(few.interval({0, 0, 0, 90}), 0u);
  Compared seldom(6);
  seldom.options.volume = 1000;
  EXPECT_EQ(seldom.interval({0, 0, 0, 90, 0, 0}), 0u);
}

TEST(OutlierComparison, NeverMoreThanTheShare) {
  Compared compared(10);
  compared.options.ejected_most_percent = 10;
  compared.options.stdev_factor = 500;
  EXPECT_EQ(compared.interval({0, 0, 0, 0, 0, 0, 0, 50, 60, 70}), 1u);
}

TEST(OutlierComparison, EachIntervalBeginsAnew) {
  Compared compared(6);
  EXPECT_EQ(compared.interval({0, 0, 0, 0, 0, 0}), 0u);
  EXPECT_EQ(compared.interval({0, 40, 0, 0, 0, 0}), 1u);
  EXPECT_TRUE(compared.isOut(1));
}

}  // namespace
}  // namespace remora::upstream
