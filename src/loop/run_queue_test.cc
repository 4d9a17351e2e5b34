#include "loop/run_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace remora::loop {
namespace {

struct Job final : Runnable {
  explicit Job(std::function<void()> what) : work(std::move(what)) {}
  void run() override { work(); }
  std::function<void()> work;
};

TEST(RunQueue, RunsInOrderAndWhatIsPostedMeanwhile) {
  RunQueue queue;
  std::string log;
  Job third([&] { log += "3"; });
  Job first([&] {
    log += "1";
    queue.post(third);
  });
  Job second([&] { log += "2"; });
  queue.post(first);
  queue.post(second);
  queue.drain();
  EXPECT_EQ(log, "123");
  EXPECT_TRUE(queue.isEmpty());
}

TEST(RunQueue, PostedTwiceRunsOnce) {
  RunQueue queue;
  int runs = 0;
  Job job([&] { ++runs; });
  queue.post(job);
  queue.post(job);
  EXPECT_TRUE(job.isQueued());
  queue.drain();
  EXPECT_EQ(runs, 1);
  queue.post(job);
  queue.drain();
  EXPECT_EQ(runs, 2);
}

TEST(RunQueue, DestroyingAJobTakesItOff) {
  RunQueue queue;
  std::string log;
  auto doomed = std::make_unique<Job>([&] { log += "doomed"; });
  Job killer([&] { doomed.reset(); });
  Job last([&] { log += "last"; });
  queue.post(killer);
  queue.post(*doomed);
  queue.post(last);
  queue.drain();
  EXPECT_EQ(log, "last");
}

TEST(RunQueue, AJobMayDestroyItselfOrPostItselfAgain) {
  RunQueue queue;
  std::unique_ptr<Job> self;
  self = std::make_unique<Job>([&] { self.reset(); });
  queue.post(*self);
  queue.drain();
  EXPECT_FALSE(self);
  int runs = 0;
  Job again([&] {
    if (++runs < 5) queue.post(again);
  });
  queue.post(again);
  queue.drain();
  EXPECT_EQ(runs, 5);
}

TEST(RunQueue, UnqueuedItDoesNotRun) {
  RunQueue queue;
  Job job([] { FAIL(); });
  queue.post(job);
  job.unqueue();
  job.unqueue();
  EXPECT_FALSE(job.isQueued());
  queue.drain();
}

}  // namespace
}  // namespace remora::loop
