#include "loop/timers.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "loop/test_loop.h"

namespace remora::loop {
namespace {

struct Bell final : Timer {
  explicit Bell(std::function<void()> what = [] {}) : ring(std::move(what)) {}
  void onTime() override { ring(); }
  std::function<void()> ring;
};

Deadline at(int64_t nanos) {
  return Deadline::at(Instant{nanos});
}

TEST(Timers, NeverMeansNotArmed) {
  Timers timers;
  Bell bell;
  timers.arm(bell, Deadline::never());
  EXPECT_FALSE(bell.isArmed());
  timers.arm(bell, at(5));
  timers.arm(bell, Deadline::never());
  EXPECT_FALSE(bell.isArmed());
  EXPECT_TRUE(timers.next().isNever());
}

TEST(Timers, FireOnceAndMayArmThemselvesAgain) {
  Timers timers;
  int rings = 0;
  Bell bell([&] {
    if (++rings < 3) timers.arm(bell, at(10 * (rings + 1)));
  });
  timers.arm(bell, at(10));
  timers.fireDue(Instant{15});
  EXPECT_EQ(rings, 1);
  timers.fireDue(Instant{100});
  EXPECT_EQ(rings, 3);
  EXPECT_EQ(timers.size(), 0u);
}

TEST(Timers, OneMayDestroyItselfOrAnotherThatIsDue) {
  Timers timers;
  std::unique_ptr<Bell> self;
  self = std::make_unique<Bell>([&] { self.reset(); });
  auto other = std::make_unique<Bell>([] { FAIL() << "destroyed before its time"; });
  Bell killer([&] { other.reset(); });
  timers.arm(*self, at(1));
  timers.arm(killer, at(2));
  timers.arm(*other, at(3));
  timers.fireDue(Instant{10});
  EXPECT_FALSE(self);
  EXPECT_EQ(timers.size(), 0u);
}

// Against a plain list, over many random moves.
TEST(Timers, AreAsAPlainListWouldBe) {
  Timers timers;
  std::vector<std::unique_ptr<Bell>> bells;
  std::vector<int64_t> due(200, -1);
  std::vector<size_t> fired;
  for (size_t i = 0; i < due.size(); ++i) {
    bells.push_back(std::make_unique<Bell>([&fired, i] { fired.push_back(i); }));
  }
  uint64_t seed = 1;
  const auto draw = [&](uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % below;
  };
  int64_t now = 0;
  for (int round = 0; round < 20'000; ++round) {
    const size_t i = draw(due.size());
    switch (draw(8)) {
      case 0:
        timers.disarm(*bells[i]);
        due[i] = -1;
        break;
      case 1: {
        now += static_cast<int64_t>(draw(50));
        size_t expected = 0;
        for (int64_t& d : due) expected += d >= 0 && d <= now;
        fired.clear();
        timers.fireDue(Instant{now});
        ASSERT_EQ(fired.size(), expected);
        for (size_t k = 1; k < fired.size(); ++k) ASSERT_LE(due[fired[k - 1]], due[fired[k]]);
        for (size_t f : fired) due[f] = -1;
        break;
      }
      default:
        due[i] = now + 1 + static_cast<int64_t>(draw(1000));
        timers.arm(*bells[i], at(due[i]));
    }
  }
}

TEST(Deadlines, ZeroMeansNoLimit) {
  EXPECT_TRUE(Deadline::after(Instant{5}, Duration(0)).isNever());
  EXPECT_EQ(Deadline::after(Instant{5}, Duration(3)), at(8));
  EXPECT_EQ(at(8).sooner(Deadline::never()), at(8));
}

TEST(Signals, WakeOneWhoWaitsAndOneWhoComesLate) {
  TestLoop loop;
  Signal signal;
  const auto wait = [](Signal& s) -> Task<void> {
    co_await SignalWait(s);
    co_return done;
  };
  TestRun<void> early(wait(signal));
  loop.settle();
  EXPECT_FALSE(early.isEnded());
  signal.raise(loop.loop().queue());
  loop.settle();
  EXPECT_TRUE(early.isEnded());
  TestRun<void> late(wait(signal));
  EXPECT_TRUE(late.isEnded());
}

TEST(Signals, AWaiterThatIsGoneIsHarmless) {
  TestLoop loop;
  Signal signal;
  const auto wait = [](Signal& s) -> Task<void> {
    co_await SignalWait(s);
    co_return done;
  };
  TestRun<void> run(wait(signal));
  run.cancel();
  signal.raise(loop.loop().queue());
  loop.settle();
}

}  // namespace
}  // namespace remora::loop
