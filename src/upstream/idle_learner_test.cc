#include "upstream/idle_learner.h"

#include <gtest/gtest.h>

namespace remora::upstream {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kConfigured = seconds(60);
constexpr Instant kNow{1'000'000'000};

TEST(IdleLearner, KnowsNothingAtFirstNorFromOneClose) {
  IdleLearner learner;
  EXPECT_EQ(learner.usable(kConfigured, kNow), kConfigured);
  learner.observeClose(seconds(5), kNow);
  EXPECT_EQ(learner.usable(kConfigured, kNow), kConfigured);
}

TEST(IdleLearner, BelievesTwoThatAgreeAndStaysBelowTheShorter) {
  IdleLearner learner;
  learner.observeClose(Milliseconds(5100), kNow);
  learner.observeClose(Milliseconds(5000), kNow);
  EXPECT_EQ(learner.learned(kNow), Duration(seconds(5)));
  EXPECT_EQ(learner.usable(kConfigured, kNow), Duration(Milliseconds(4500)));
}

TEST(IdleLearner, ARestartThatClosesAtAnyAgeTeachesNothing) {
  IdleLearner learner;
  for (const int age : {1, 9, 30, 3, 17}) learner.observeClose(seconds(age), kNow);
  EXPECT_EQ(learner.usable(kConfigured, kNow), kConfigured);
}

TEST(IdleLearner, ClosesRightAfterTheAnswerTeachNothing) {
  IdleLearner learner;
  for (int i = 0; i < 10; ++i) learner.observeClose(Milliseconds(5), kNow);
  EXPECT_EQ(learner.usable(kConfigured, kNow), kConfigured);
}

TEST(IdleLearner, NeverGoesPastWhatIsConfigured) {
  IdleLearner learner;
  for (int i = 0; i < 2; ++i) learner.observeClose(seconds(300), kNow);
  EXPECT_EQ(learner.usable(kConfigured, kNow), kConfigured);
}

TEST(IdleLearner, AShortTimeoutKeepsAtLeastHalf) {
  IdleLearner learner;
  for (int i = 0; i < 2; ++i) learner.observeClose(Milliseconds(120), kNow);
  EXPECT_EQ(learner.usable(kConfigured, kNow), Duration(Milliseconds(60)));
}

TEST(IdleLearner, ForgetsAfterAWhile) {
  IdleLearner learner;
  for (int i = 0; i < 2; ++i) learner.observeClose(seconds(5), kNow);
  EXPECT_LT(learner.usable(kConfigured, kNow + minutes(9)), kConfigured);
  EXPECT_EQ(learner.usable(kConfigured, kNow + minutes(11)), kConfigured);
  EXPECT_EQ(learner.learned(kNow + minutes(11)), Duration(0));
}

}  // namespace
}  // namespace remora::upstream
