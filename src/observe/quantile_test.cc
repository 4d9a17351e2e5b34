#include "observe/quantile.h"

#include <gtest/gtest.h>

#include <random>

namespace remora::observe {
namespace {

using std::chrono::microseconds;

TEST(Quantile, FollowsWhatComes) {
  std::minstd_rand random(1);
  Quantile p95(0.95);
  EXPECT_FALSE(p95.isKnown());
  for (int i = 0; i < 5000; ++i) p95.note(microseconds(random() % 1000));
  EXPECT_TRUE(p95.isKnown());
  EXPECT_GT(p95.estimate(), microseconds(880));
  EXPECT_LT(p95.estimate(), microseconds(1000));
  for (int i = 0; i < 5000; ++i) p95.note(microseconds(10'000 + random() % 10'000));
  EXPECT_GT(p95.estimate(), microseconds(18'000)) << "it got slower";
  for (int i = 0; i < 5000; ++i) p95.note(microseconds(random() % 1000));
  EXPECT_LT(p95.estimate(), microseconds(1050)) << "and well again";
}

TEST(Quantile, IsExceededByItsShare) {
  std::minstd_rand random(1);
  Quantile p95(0.95);
  int above = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto sample = microseconds(100 + random() % 900 + (random() % 100 == 0 ? 50'000 : 0));
    if (i >= 10'000) above += sample > p95.estimate();
    p95.note(sample);
  }
  EXPECT_GT(above, 350);
  EXPECT_LT(above, 650);
}

}  // namespace
}  // namespace remora::observe
