#include "upstream/permits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loop/test_loop.h"

namespace remora::upstream {
namespace {

using Permit = Permits::Permit;

struct Waiting {
  Waiting(const std::shared_ptr<Permits>& permits, loop::Loop& loop, std::string& order, char name, Duration patience)
      : run(wait(permits, loop, order, name, patience)) {}
  loop::Task<void> wait(std::shared_ptr<Permits> permits, loop::Loop& loop, std::string& order, char name,
                        Duration patience) {
    const net::Patience terms{.stall = patience, .stalled = Failure{Reason::kPendingTimeout}};
    const Result<void> got = co_await loop::asResult(PermitWait(permits, loop, terms, permit));
    order += got ? name : '-';
    co_return loop::done;
  }
  Permit permit;
  loop::TestRun<void> run;
};

class PermitsTest : public testing::Test {
 protected:
  std::optional<Permit> take() {
    if (!permits_->tryTake()) return std::nullopt;
    return Permit(permits_, loop_.loop());
  }
  std::unique_ptr<Waiting> wait(char name, Duration patience = std::chrono::seconds(10)) {
    auto waiting = std::make_unique<Waiting>(permits_, loop_.loop(), order_, name, patience);
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
  auto last = wait('z');
  gone.reset();
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

// Four cores with real loops: never more than the limit at once, and everybody gets one in the end.
TEST(Permits, CoresShareThemExactly) {
  constexpr uint32_t kMost = 3;
  auto permits = std::make_shared<Permits>();
  permits->setBounds(kMost, 1'000'000);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  constexpr int kEach = 500;
  const auto core = [&] {
    loop::SystemClock clock;
    loop::Loop loop(clock, std::make_unique<loop::EpollPoller>(loop::Sys::real()));
    struct Job final : loop::TaskOwner {
      void onTaskEnd() override {}
      loop::Task<void> task;
    };
    const auto work = [&]() -> loop::Task<void> {
      for (int i = 0; i < kEach / 5; ++i) {
        Permit permit;
        if (permits->tryTake()) {
          permit = Permit(permits, loop);
        } else {
          const net::Patience patience{.stall = std::chrono::seconds(60), .stalled = Failure{Reason::kPendingTimeout}};
          co_await PermitWait(permits, loop, patience, permit);
        }
        const int now = ++running;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        co_await loop::Sleep(loop, Deadline::at(loop.now()));
        --running;
        ++done;
      }
      co_return loop::done;
    };
    std::vector<Job> jobs(5);
    for (Job& job : jobs) {
      job.task = work();
      job.task.start(job);
    }
    const auto all_ended = [&] { return std::ranges::all_of(jobs, [](const Job& job) { return job.task.isEnded(); }); };
    while (!all_ended()) loop.turn(Deadline::after(loop.readClock(), Milliseconds(10)));
    for (Job& job : jobs) job.task.destroy();
  };
  std::vector<std::thread> cores;
  for (int i = 0; i < 4; ++i) cores.emplace_back(core);
  for (std::thread& thread : cores) thread.join();
  EXPECT_EQ(done, 4 * kEach);
  EXPECT_EQ(most, static_cast<int>(kMost));
  EXPECT_EQ(permits->active(), 0u);
}

}  // namespace
}  // namespace remora::upstream
