#include "upstream/permits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/test_cores.h"

namespace remora::upstream {
namespace {

using Permit = Permits::Permit;

struct Waiting {
  Waiting(const std::shared_ptr<Permits>& permits, loop::Loop& loop, std::string& order, char name, Duration patience,
          Priority priority)
      : run(wait(permits, loop, order, name, patience, priority)) {}
  loop::Task<void> wait(std::shared_ptr<Permits> permits, loop::Loop& loop, std::string& order, char name,
                        Duration patience, Priority priority) {
    const net::Patience terms{.stall = patience, .stalled = Failure{Reason::kPendingTimeout}};
    const Result<void> got = co_await loop::asResult(PermitWait(permits, loop, terms, permit, priority));
    order += got ? name : '-';
    if (!got) reason = got.error().reason;
    co_return loop::done;
  }
  Permit permit;
  Reason reason = Reason::kOk;  // why it got none
  loop::TestRun<void> run;
};

class PermitsTest : public testing::Test {
 protected:
  std::optional<Permit> take() {
    if (!permits_->tryTake()) return std::nullopt;
    return Permit(permits_, loop_.loop());
  }
  std::unique_ptr<Waiting> wait(char name, Duration patience = std::chrono::seconds(10)) {
    return wait(name, Priority::kNormal, patience);
  }
  std::unique_ptr<Waiting> wait(char name, Priority priority, Duration patience = std::chrono::seconds(10)) {
    auto waiting = std::make_unique<Waiting>(permits_, loop_.loop(), order_, name, patience, priority);
    loop_.settle();
    return waiting;
  }
  loop::TestLoop loop_;
  std::string order_;
  std::shared_ptr<Permits> permits_ = std::make_shared<Permits>();
};

TEST_F(PermitsTest, NeverOneMoreThanThereAre) {
  permits_->setBounds(2, 10);
  auto a = take();
  auto b = take();
  EXPECT_FALSE(take());
  a.reset();
  EXPECT_TRUE(take());
  EXPECT_EQ(permits_->active(), 1u) << "that one was dropped at once";
}

TEST_F(PermitsTest, WhoWaitedLongestIsNext) {
  permits_->setBounds(1, 10);
  auto held = take();
  auto a = wait('a');
  auto b = wait('b');
  EXPECT_EQ(permits_->waiting(), 2u);
  held.reset();
  loop_.settle();
  EXPECT_EQ(order_, "a");
  EXPECT_EQ(permits_->active(), 1u);
  EXPECT_FALSE(take()) << "others wait already";
  a.reset();
  loop_.settle();
  EXPECT_EQ(order_, "ab");
  b.reset();
  EXPECT_EQ(permits_->active(), 0u);
  EXPECT_EQ(permits_->waiting(), 0u);
}

TEST_F(PermitsTest, WhoGoesAwayOrWaitsTooLongIsPassedOver) {
  permits_->setBounds(1, 2);
  auto held = take();
  auto gone = wait('g');
  auto late = wait('l', Milliseconds(100));
  EXPECT_FALSE(permits_->mayWait());
  gone.reset();
  auto last = wait('z');
  loop_.advance(Milliseconds(200));
  EXPECT_EQ(order_, "-");
  EXPECT_EQ(permits_->waiting(), 1u);
  held.reset();
  loop_.settle();
  EXPECT_EQ(order_, "-z");
}

TEST_F(PermitsTest, OneThatWasGrantedToWhoGoesAwayIsNotLost) {
  permits_->setBounds(1, 10);
  auto held = take();
  auto a = wait('a');
  auto b = wait('b');
  held.reset();  // granted to a, which doesn't run any more
  a.reset();
  loop_.settle();
  EXPECT_EQ(order_, "b");
  EXPECT_EQ(permits_->active(), 1u);
}

TEST_F(PermitsTest, ALimitThatIsLiftedHoldsNobodyBack) {
  permits_->setBounds(1, 10);
  auto held = take();
  auto a = wait('a');
  permits_->setBounds(0, 10);
  held.reset();
  loop_.settle();
  EXPECT_EQ(order_, "a");
}

TEST_F(PermitsTest, ThePriorityComesBeforeTheTimeOfWaiting) {
  permits_->setBounds(1, 10);
  auto held = take();
  auto low = wait('l', Priority::kLow);
  auto normal = wait('n', Priority::kNormal);
  auto second = wait('m', Priority::kNormal);
  auto high = wait('h', Priority::kHigh);
  for (auto* each : {&high, &normal, &second, &low}) {
    held.reset();
    loop_.settle();
    ASSERT_TRUE((*each)->permit);
    held = std::move((*each)->permit);
  }
  EXPECT_EQ(order_, "hnml");
}

TEST_F(PermitsTest, LowOnesHaveAShare) {
  permits_->setBounds(10, 10, 80);
  std::vector<Permit> held;
  while (permits_->tryTake(Priority::kLow)) held.emplace_back(permits_, loop_.loop());
  EXPECT_EQ(held.size(), 8u);
  auto low = wait('l', Priority::kLow);
  EXPECT_TRUE(permits_->tryTake(Priority::kNormal)) << "who waits for the share is in nobody's way";
  held.emplace_back(permits_, loop_.loop());
  held.pop_back();
  loop_.settle();
  EXPECT_EQ(order_, "");
  held.pop_back();
  loop_.settle();
  EXPECT_EQ(order_, "l");
  permits_->setBounds(1, 10, 0);
  EXPECT_EQ(permits_->mostFor(Priority::kLow), 1u) << "never none at all";
}

TEST_F(PermitsTest, AHigherOneTakesThePlaceOfTheLastOfTheLowest) {
  permits_->setBounds(1, 3);
  auto held = take();
  auto normal = wait('n', Priority::kNormal);
  auto low = wait('l', Priority::kLow);
  auto last = wait('m', Priority::kLow);
  EXPECT_FALSE(permits_->mayWait(Priority::kLow));
  EXPECT_TRUE(permits_->mayWait(Priority::kNormal));
  auto refused = wait('r', Priority::kLow);
  EXPECT_EQ(order_, "-") << "itself";
  auto high = wait('h', Priority::kHigh);
  EXPECT_EQ(order_, "--");
  EXPECT_EQ(last->reason, Reason::kRequestsFull);
  EXPECT_EQ(permits_->waiting(), 3u);
  auto second = wait('s', Priority::kNormal);
  EXPECT_EQ(low->reason, Reason::kRequestsFull);
  EXPECT_FALSE(permits_->mayWait(Priority::kNormal)) << "an equal one doesn't";
  for (auto* each : {&high, &normal, &second}) {
    held.reset();
    loop_.settle();
    ASSERT_TRUE((*each)->permit);
    held = std::move((*each)->permit);
  }
  EXPECT_EQ(order_, "---hns");
}

TEST_F(PermitsTest, LowOnesThatWaitForEverLeaveNothingBehind) {
  permits_->setBounds(2, 4, 50);
  auto held = take();
  for (int i = 0; i < 100; ++i) {
    auto low = wait('l', Priority::kLow, Milliseconds(10));
    loop_.advance(Milliseconds(20));
    EXPECT_EQ(permits_->waiting(), 0u);
  }
  EXPECT_EQ(order_, std::string(100, '-'));
}

struct Shared {
  std::shared_ptr<Permits> permits = std::make_shared<Permits>();
  Gauge running;
  std::atomic<int> done{0};
};

constexpr int kEach = 100;

struct Core {
  loop::Loop& loop;
  Shared& shared;

  loop::Task<void> job() {
    for (int i = 0; i < kEach; ++i) {
      Permit permit;
      const auto priority = static_cast<Priority>(i % 3);
      if (shared.permits->tryTake(priority)) {
        permit = Permit(shared.permits, loop);
      } else {
        const net::Patience patience{.stall = std::chrono::seconds(60), .stalled = Failure{Reason::kPendingTimeout}};
        co_await PermitWait(shared.permits, loop, patience, permit, priority);
      }
      shared.running.enter();
      co_await loop::Sleep(loop, Deadline::at(loop.now()));
      shared.running.leave();
      ++shared.done;
    }
    co_return loop::done;
  }
};

// Never more than the limit at once, and everybody gets one in the end.
TEST(Permits, CoresShareThemExactlyWithThreads) {
  constexpr int kMost = 3;
  constexpr int kCores = 4;
  constexpr int kJobs = 5;
  Shared shared;
  shared.permits->setBounds(kMost, 1'000'000, 70);
  runOnCores<Core>(kCores, kJobs, shared);
  EXPECT_EQ(shared.done, kCores * kJobs * kEach);
  EXPECT_EQ(shared.running.most(), kMost);
  EXPECT_EQ(shared.permits->active(), 0u);
}

}  // namespace
}  // namespace remora::upstream
