#include "loop/task.h"

#include <gtest/gtest.h>

#include <string>

#include "loop/task_scope.h"
#include "loop/test_loop.h"

namespace remora::loop {
namespace {

struct Guard {
  std::string& log;
  const char* name;
  ~Guard() { log += name; }
};

Result<int> half(int n) {
  if (n % 2) return fail(Reason::kNoRoute);
  return n / 2;
}

Task<int> child(int n, std::string& log) {
  const Guard guard{log, "c"};
  co_return co_await half(n);
}

Task<int> parent(int n, std::string& log) {
  const Guard guard{log, "p"};
  co_return co_await child(n, log) + 1;
}

Task<int> catcher(int n, std::string& log) {
  Result<int> result = co_await asResult(parent(n, log));
  log += result ? "+" : "-";
  co_return result.value_or(-1);
}

TEST(Task, UnwrapsResultsAndChildren) {
  std::string log;
  TestRun<int> run(parent(8, log));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(*run.outcome(), 5);
  EXPECT_EQ(log, "cp");
}

TEST(Task, FailureEndsEveryTaskUpToTheOneThatAsksForTheResult) {
  std::string log;
  TestRun<int> run(catcher(7, log));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(*run.outcome(), -1);
  EXPECT_EQ(log, "cp-");  // a frame takes down the child it was waiting for, then its own guards run
}

TEST(Task, FailureOfARootTaskIsItsOutcome) {
  std::string log;
  TestRun<int> run(parent(7, log));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(run.outcome().error().reason, Reason::kNoRoute);
}

Task<void> sleeper(Loop& loop, Duration span, std::string& log) {
  const Guard guard{log, "s"};
  co_await Sleep(loop, Deadline::after(loop.now(), span));
  log += "w";
  co_return done;
}

TEST(Task, CancellingIsDestroyingAndUnlinksTheTimer) {
  TestLoop loop;
  std::string log;
  TestRun<void> run(sleeper(loop, Milliseconds(10), log));
  EXPECT_EQ(loop.loop().timers().size(), 1u);
  run.cancel();
  EXPECT_EQ(log, "s");
  EXPECT_EQ(loop.loop().timers().size(), 0u);
  loop.advance(Milliseconds(20));
  EXPECT_EQ(log, "s");
}

TEST(Task, SleepWakesAtItsTimeAndNotBefore) {
  TestLoop loop;
  std::string log;
  TestRun<void> run(sleeper(loop, Milliseconds(10), log));
  loop.advance(Milliseconds(9));
  EXPECT_EQ(log, "");
  loop.advance(Milliseconds(1));
  EXPECT_EQ(log, "ws");
  EXPECT_TRUE(run.isEnded());
}

Task<int> addUp(int n) {
  int sum = 0;
  std::string log;
  for (int i = 0; i < n; ++i) sum += co_await child(2, log);
  co_return sum;
}

// Symmetric transfer: two million synchronous completions must not use the stack.
TEST(Task, SynchronousCompletionsUseNoStack) {
  TestRun<int> run(addUp(2'000'000));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(*run.outcome(), 2'000'000);
}

TEST(TaskScope, DestroyingTheScopeDestroysChildren) {
  TestLoop loop;
  std::string log;
  {
    TaskScope scope(loop);
    scope.start(sleeper(loop, Milliseconds(10), log));
    scope.start(sleeper(loop, Milliseconds(20), log));
    loop.advance(Milliseconds(10));
    EXPECT_EQ(log, "ws");
    EXPECT_FALSE(scope.isEmpty());
  }
  EXPECT_EQ(log, "wss");
  EXPECT_EQ(loop.loop().timers().size(), 0u);
}

TEST(Timers, FireInOrderOfTimeUnderManyMoves) {
  struct Probe final : Timer {
    void onTime() override { fired->push_back(id); }
    std::vector<int>* fired = nullptr;
    int id = 0;
  };
  Timers timers;
  std::vector<int> fired;
  std::vector<Probe> probes(500);
  for (int i = 0; i < 500; ++i) {
    probes[static_cast<size_t>(i)].fired = &fired;
    probes[static_cast<size_t>(i)].id = (i * 7919) % 500;
    timers.arm(probes[static_cast<size_t>(i)], Deadline::at(Instant{1'000'000 - i}));
  }
  for (Probe& p : probes) timers.arm(p, Deadline::at(Instant{p.id}));
  for (int i = 0; i < 500; i += 3) timers.disarm(probes[static_cast<size_t>(i)]);
  timers.fireDue(Instant{1'000});
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  EXPECT_EQ(fired.size(), 500u - 167u);
  EXPECT_EQ(timers.size(), 0u);
}

}  // namespace
}  // namespace remora::loop
