#include "upstream/health_checker.h"

#include <set>

#include "upstream/health_test_world.h"

namespace remora::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class HealthCheckerTest : public test::HealthWorld {};

TEST_F(HealthCheckerTest, TheFirstCheckDecidesAtOnce) {
  endpoint(2).mode = Mode::kRefuses;
  const uint64_t before = shared_->version();
  follow({1, 2});
  EXPECT_TRUE(health_[1]->isAvailable()) << "those that were there serve until they are checked";
  EXPECT_TRUE(health_[2]->isAvailable());
  EXPECT_FALSE(checker_->isSettled());
  loop_.advance(milliseconds(10));
  EXPECT_TRUE(checker_->isSettled());
  EXPECT_EQ(finding(1), "healthy");
  EXPECT_THAT(finding(2), HasSubstr("refuses connections"));
  EXPECT_FALSE(health_[2]->isAvailable());
  EXPECT_EQ(shared_->version(), before + 2) << "cores look anew";
  EXPECT_THAT(lines_, HasSubstr("shop: 10.0.0.1:80 is healthy by its first check"));
  EXPECT_THAT(lines_, HasSubstr("shop: 10.0.0.2:80 is unhealthy and gets no requests: it refuses connections"));
}

TEST_F(HealthCheckerTest, ThresholdsCountInARow) {
  follow({1});
  advanceIntervals(1);
  ASSERT_TRUE(isHealthy());
  endpoint(1).mode = Mode::kCloses;
  advanceIntervals(2);
  EXPECT_TRUE(isHealthy());
  endpoint(1).mode = Mode::kAnswers;
  advanceIntervals(1);
  endpoint(1).mode = Mode::kCloses;
  advanceIntervals(2);
  EXPECT_TRUE(isHealthy()) << "two, one that passed, and two";
  advanceIntervals(1);
  EXPECT_FALSE(isHealthy());
  endpoint(1).mode = Mode::kAnswers;
  advanceIntervals(1);
  EXPECT_FALSE(isHealthy());
  endpoint(1).mode = Mode::kCloses;
  advanceIntervals(1);
  endpoint(1).mode = Mode::kAnswers;
  advanceIntervals(1);
  EXPECT_FALSE(isHealthy());
  advanceIntervals(1);
  EXPECT_TRUE(isHealthy());
  EXPECT_THAT(lines_, HasSubstr("it closed the connection before it answered (3 failed in a row)"));
  EXPECT_THAT(lines_, HasSubstr("is healthy again (2 passed in a row)"));
}

TEST_F(HealthCheckerTest, JitterStaysWithinItsBoundsAndSpreads) {
  settings_.check.jitter_percent = 20;
  settings_.check.interval_idle = seconds(1000);
  follow({1});
  loop_.advance(seconds(200));
  const std::vector<Instant>& times = endpoint(1).connected_at;
  ASSERT_GT(times.size(), 33u);
  std::set<int64_t> different;
  for (size_t i = 1; i < times.size(); ++i) {
    EXPECT_GE(times[i] - times[i - 1], seconds(5));
    EXPECT_LE(times[i] - times[i - 1], seconds(6));
    different.insert((times[i] - times[i - 1]).count());
  }
  EXPECT_EQ(different.size(), times.size() - 1);
  EXPECT_LT(times.size(), 40u) << "it is longer by half of that on average";
}

TEST_F(HealthCheckerTest, FirstChecksDoNotComeAllAtOnce) {
  std::vector<int> many;
  for (int i = 1; i <= 100; ++i) many.push_back(i);
  follow(many);
  loop_.advance(milliseconds(0));
  EXPECT_EQ(checker_->facts().passed, 1u);
  loop_.advance(milliseconds(100));
  EXPECT_EQ(checker_->facts().passed, 21u);
  loop_.advance(milliseconds(395));
  EXPECT_EQ(checker_->facts().passed, 100u);
}

TEST_F(HealthCheckerTest, ASlowEndpointHasOneCheckAtATime) {
  settings_.check.interval = milliseconds(10);
  endpoint(1).mode = Mode::kSilent;
  follow({1});
  loop_.advance(seconds(10));
  EXPECT_EQ(endpoint(1).most_open, 1u);
  EXPECT_EQ(checks(), 10u);
  EXPECT_EQ(finding(), "connected, but no answer within 1 s");
}

TEST_F(HealthCheckerTest, NobodyAsksSoChecksAreRareAndTheFirstRequestEndsThat) {
  settings_.check.interval_idle = seconds(60);
  follow({1});
  loop_.advance(seconds(60));
  EXPECT_EQ(checks(), 12u) << "it may be used any moment";
  loop_.advance(seconds(600));
  EXPECT_EQ(checks(), 22u);
  shared_->noteUse();
  loop_.advance(seconds(5));
  EXPECT_EQ(checks(), 23u);
  loop_.advance(seconds(50));
  EXPECT_EQ(checks(), 33u);
}

TEST_F(HealthCheckerTest, WhatIsInDoubtIsCheckedAsOftenAsEver) {
  follow({1});
  loop_.advance(seconds(300));
  ASSERT_TRUE(isHealthy());
  endpoint(1).mode = Mode::kRefuses;
  loop_.advance(seconds(71));  // one that is due, and two more
  EXPECT_FALSE(isHealthy());
  const size_t before = checks();
  loop_.advance(seconds(60));
  EXPECT_EQ(checks(), before + 1) << "as ill as it was before";
}

TEST_F(HealthCheckerTest, AnIdleIntervalThatIsShorterChangesNothing) {
  settings_.check.interval_idle = milliseconds(1);
  follow({1});
  loop_.advance(seconds(50));
  EXPECT_EQ(checks(), 11u);
}

TEST_F(HealthCheckerTest, OurOwnTroubleTellsNothingOfTheEndpoint) {
  follow({1});
  advanceIntervals(1);
  endpoint(1).mode = Mode::kNoDescriptors;
  advanceIntervals(10);
  EXPECT_TRUE(isHealthy());
  EXPECT_EQ(checker_->facts().failed, 0u);
  EXPECT_THAT(lines_, HasSubstr("10.0.0.1:80 couldn't be checked: no file descriptor is left"));
}

TEST_F(HealthCheckerTest, WhoComesLaterWaitsForItsFirstCheck) {
  follow({});  // a name that DNS hasn't answered yet
  follow({1});
  EXPECT_EQ(finding(1), "not checked");
  loop_.advance(seconds(1));
  endpoint(2).mode = Mode::kSilent;
  const uint64_t before = shared_->version();
  follow({1, 2});
  EXPECT_EQ(finding(1), "healthy");
  EXPECT_EQ(finding(2), "awaited");
  EXPECT_FALSE(health_[2]->isAvailable());
  EXPECT_GT(shared_->version(), before);
  loop_.advance(milliseconds(1));
  endpoint(2).mode = Mode::kAnswers;
  loop_.advance(seconds(1));  // too late for the connection that is there
  EXPECT_EQ(finding(2), "connected, but no answer within 1 s");
}

TEST_F(HealthCheckerTest, WhoGoesIsCheckedNoMoreAndWhoStaysKeepsItsStanding) {
  endpoint(1).mode = Mode::kRefuses;
  follow({1, 2});
  loop_.advance(seconds(1));
  const size_t before = checks(2);
  follow({1, 3});
  advanceIntervals(3);
  EXPECT_EQ(checks(2), before);
  EXPECT_FALSE(isHealthy(1));
  EXPECT_TRUE(isHealthy(3));
  EXPECT_EQ(checker_->facts().endpoints.size(), 2u);
}

TEST_F(HealthCheckerTest, ACheckThatRunsEndsWithItsEndpoint) {
  endpoint(1).mode = Mode::kSilent;
  follow({1});
  loop_.advance(milliseconds(10));
  EXPECT_EQ(endpoint(1).open, 1u);
  follow({2});
  loop_.settle();
  EXPECT_EQ(endpoint(1).open, 0u);
}

TEST_F(HealthCheckerTest, AReloadKeepsWhatIsKnown) {
  endpoint(1).mode = Mode::kRefuses;
  follow({1});
  loop_.advance(seconds(12));
  ASSERT_TRUE(isUnhealthy());
  endpoint(1).mode = Mode::kAnswers;
  advanceIntervals(1);
  const size_t before = checks();
  checker_->configure(settings_);
  loop_.advance(milliseconds(1));
  EXPECT_EQ(checks(), before) << "nothing has changed";
  advanceIntervals(1);
  EXPECT_TRUE(isHealthy()) << "the pass before counts";

  settings_.check.path = "/other";
  endpoint(1).answer = "HTTP/1.1 404 Not Found\r\n\r\n";
  checker_->configure(settings_);
  EXPECT_TRUE(isHealthy());
  loop_.advance(milliseconds(1));
  EXPECT_EQ(checks(), before + 2) << "another check asks at once";
  EXPECT_TRUE(isHealthy()) << "one failure isn't enough";
  advanceIntervals(2);
  EXPECT_EQ(finding(), "GET /other was answered with status 404, not 200..299");
}

TEST_F(HealthCheckerTest, WithoutChecksAllAreWell) {
  endpoint(1).mode = Mode::kRefuses;
  follow({1});
  loop_.advance(seconds(1));
  ASSERT_FALSE(health_[1]->isAvailable());
  checker_.reset();
  EXPECT_TRUE(health_[1]->isAvailable());
}

TEST_F(HealthCheckerTest, OneMachineOfTwoNamesIsCheckedOnce) {
  follow({1, 1});
  loop_.advance(milliseconds(50));
  EXPECT_EQ(checks(), 1u);
}

TEST_F(HealthCheckerTest, FactsTellWhatIsKnown) {
  endpoint(2).answer = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
  follow({1, 2});
  loop_.advance(seconds(2));
  const HealthFacts facts = checker_->facts();
  EXPECT_EQ(facts.service, "shop");
  EXPECT_EQ(facts.passed, 1u);
  EXPECT_EQ(facts.failed, 1u);
  EXPECT_EQ(facts.healthy, 1u);
  ASSERT_EQ(facts.endpoints.size(), 2u);
  EXPECT_EQ(facts.endpoints[0].last_failure, "");
  EXPECT_FALSE(facts.endpoints[0].last_failed_ago);
  EXPECT_EQ(facts.endpoints[1].checked, Checked::kUnhealthy);
  EXPECT_EQ(facts.endpoints[1].last_failure, "GET /healthz was answered with status 503, not 200..299");
  EXPECT_LE(*facts.endpoints[1].last_failed_ago, seconds(2));
}

}  // namespace
}  // namespace remora::upstream
