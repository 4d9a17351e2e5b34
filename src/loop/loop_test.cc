#include "loop/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "loop/frame_pool.h"
#include "loop/task_scope.h"
#include "loop/test_loop.h"

namespace remora::loop {
namespace {

struct Listening final : Pollable {
  void onEvents(uint32_t events) override { seen |= events; }
  uint32_t seen = 0;
};

class LoopTest : public testing::Test {
 protected:
  LoopTest() { EXPECT_EQ(pipe(pipe_.data()), 0); }
  ~LoopTest() override {
    for (int fd : pipe_) close(fd);
  }
  SystemClock clock_;
  Loop loop_{clock_, std::make_unique<EpollPoller>(Sys::real())};
  std::array<int, 2> pipe_;
};

TEST_F(LoopTest, TellsOfEventsOncePerEdge) {
  Listening listening;
  ASSERT_TRUE(loop_.poller().add(pipe_[0], listening, EPOLLIN | EPOLLET));
  ASSERT_EQ(write(pipe_[1], "x", 1), 1);
  loop_.turn(Deadline::after(loop_.readClock(), std::chrono::seconds(5)));
  EXPECT_TRUE(listening.seen & EPOLLIN);
  listening.seen = 0;
  loop_.turn(Deadline::at(loop_.readClock()));
  EXPECT_EQ(listening.seen, 0u);
  loop_.poller().remove(pipe_[0], listening);
}

TEST_F(LoopTest, ForgottenOnesHearNothing) {
  Listening listening;
  ASSERT_TRUE(loop_.poller().add(pipe_[0], listening, EPOLLIN | EPOLLET));
  loop_.poller().remove(pipe_[0], listening);
  ASSERT_EQ(write(pipe_[1], "x", 1), 1);
  loop_.turn(Deadline::at(loop_.readClock()));
  EXPECT_EQ(listening.seen, 0u);
}

// Two in one batch; the first takes the second away.
TEST_F(LoopTest, OneThatIsForgottenInsideABatchHearsNothing) {
  struct Killer final : Pollable {
    void onEvents(uint32_t) override {
      if (victim) poller->forget(*std::exchange(victim, nullptr));
      ++calls;
    }
    Poller* poller = nullptr;
    Pollable* victim = nullptr;
    int calls = 0;
  };
  std::array<int, 2> other;
  ASSERT_EQ(pipe(other.data()), 0);
  Killer a, b;
  a.poller = b.poller = &loop_.poller();
  a.victim = &b;
  b.victim = &a;
  ASSERT_TRUE(loop_.poller().add(pipe_[0], a, EPOLLIN | EPOLLET));
  ASSERT_TRUE(loop_.poller().add(other[0], b, EPOLLIN | EPOLLET));
  ASSERT_EQ(write(pipe_[1], "x", 1), 1);
  ASSERT_EQ(write(other[1], "x", 1), 1);
  loop_.turn(Deadline::after(loop_.readClock(), std::chrono::seconds(5)));
  EXPECT_EQ(a.calls + b.calls, 1);
  for (int fd : other) close(fd);
}

TEST_F(LoopTest, ABadDescriptorIsRefused) {
  Listening listening;
  EXPECT_FALSE(loop_.poller().add(-1, listening, EPOLLIN));
}

TEST_F(LoopTest, StopEndsRunFromInside) {
  loop_.stop();
  loop_.run();
}

Task<void> waitFor(Loop& loop, Duration span) {
  co_await Sleep(loop, Deadline::after(loop.now(), span));
  co_return done;
}

Task<void> startsMore(Loop& loop, TaskScope& scope, int depth) {
  co_await Sleep(loop, Deadline::after(loop.now(), Milliseconds(1)));
  if (depth) scope.start(startsMore(loop, scope, depth - 1));
  co_return done;
}

TEST(TaskScope, ChildrenMayStartMoreAndEndedOnesGo) {
  TestLoop loop;
  TaskScope scope(loop);
  scope.start(startsMore(loop, scope, 10));
  loop.advance(Milliseconds(5));
  EXPECT_FALSE(scope.isEmpty());
  loop.advance(Milliseconds(50));
  EXPECT_TRUE(scope.isEmpty());
}

TEST(TaskScope, MayBeCancelledAndUsedAgain) {
  TestLoop loop;
  TaskScope scope(loop);
  scope.start(waitFor(loop, Milliseconds(1)));
  scope.cancel();
  EXPECT_TRUE(scope.isEmpty());
  scope.start(waitFor(loop, Milliseconds(1)));
  loop.advance(Milliseconds(2));
  EXPECT_TRUE(scope.isEmpty());
}

TEST(TaskScope, AChildThatEndsAtOnceIsGoneAfterTheTurn) {
  TestLoop loop;
  TaskScope scope(loop);
  scope.start([]() -> Task<void> { co_return done; }());
  loop.settle();
  EXPECT_TRUE(scope.isEmpty());
}

TEST(FramePool, FramesAreUsedAgain) {
  TestLoop loop;
  for (int i = 0; i < 3; ++i) {
    TestRun<void> run(waitFor(loop, Milliseconds(1)));
    loop.advance(Milliseconds(2));
  }
  const FrameCounts before = frameCounts();
  for (int i = 0; i < 10; ++i) {
    TestRun<void> run(waitFor(loop, Milliseconds(1)));
    loop.advance(Milliseconds(2));
  }
  EXPECT_EQ(frameCounts().taken - before.taken, 10u);
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_EQ(frameCounts().from_heap - before.from_heap, 0u);
#endif
}

TEST(FramePool, GivesMemoryOfAnySize) {
  for (size_t bytes : {1, 63, 64, 65, 4000, 4096, 5000, 100'000}) {
    void* const frame = takeFrame(bytes);
    std::memset(frame, 1, bytes);
    giveFrame(frame, bytes);
  }
}

}  // namespace
}  // namespace remora::loop
