// Cores with real loops and threads, which run jobs until all have ended. Only for tests.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "loop/loop.h"

namespace remora::upstream {

// How many there are of something now, and were at once at most.
class Gauge {
 public:
  void enter() {
    const int now = ++inside_;
    int seen = most_.load();
    while (now > seen && !most_.compare_exchange_weak(seen, now)) {
    }
  }
  void leave() { --inside_; }
  int most() const { return most_.load(); }

 private:
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

// `Work` is made once a core, with its loop, and destroyed on its thread; its job() is started `jobs` times. Each
// core's loop turns until the jobs of all of them have ended.
template <class Work, class... Shared>
void runOnCores(int cores, int jobs, Shared&... shared) {
  std::atomic<int> at_work{cores};
  const auto run = [&] {
    loop::SystemClock clock;
    loop::Loop loop(clock, std::make_unique<loop::EpollPoller>(loop::Sys::real()));
    struct Job final : loop::TaskOwner {
      void onTaskEnd() override {}
      loop::Task<void> task;
    };
    Work work(loop, shared...);
    std::vector<Job> all(static_cast<size_t>(jobs));
    for (Job& job : all) {
      job.task = work.job();
      job.task.start(job);
    }
    bool is_counted = false;
    while (at_work.load() > 0) {
      loop.turn(Deadline::after(loop.readClock(), Milliseconds(1)));
      const bool has_ended = std::ranges::all_of(all, [](const Job& job) { return job.task.isEnded(); });
      if (has_ended && !std::exchange(is_counted, true)) --at_work;
    }
    for (Job& job : all) job.task.destroy();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < cores; ++i) threads.emplace_back(run);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace remora::upstream
