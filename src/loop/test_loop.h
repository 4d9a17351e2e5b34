// A loop for tests: time stands still until it is advanced, and there are no descriptors.
#pragma once

#include <memory>

#include "loop/loop.h"

namespace remora::loop {

class NoPoller final : public Poller {
 public:
  bool add(int, Pollable&, uint32_t) override { return true; }
  void forget(Pollable&) override {}
  void remove(int, Pollable&) override {}
  void wait(Deadline) override {}
  void look() override {}
};

class TestLoop {
 public:
  TestLoop() : loop_(clock_, std::make_unique<NoPoller>()) {}

  Loop& loop() { return loop_; }
  operator Loop&() { return loop_; }
  // Runs everything that can run without time passing.
  void settle() {
    do {
      loop_.mailbox().deliver();
      loop_.timers().fireDue(clock_.now());
      loop_.queue().drain();
    } while (!loop_.queue().isEmpty());
  }
  // Lets time pass, stopping at each deadline on the way.
  void advance(Duration span) {
    settle();
    const Instant end = clock_.now() + span;
    while (!loop_.timers().next().isNever() && loop_.timers().next().instant() <= end) {
      clock_.set(std::max(clock_.now(), loop_.timers().next().instant()));
      loop_.readClock();
      settle();
    }
    clock_.set(end);
    loop_.readClock();
    settle();
  }

 private:
  VirtualClock clock_;
  Loop loop_;
};

// Runs one task to its end on a test loop and keeps what came of it.
template <class T>
class TestRun final : TaskOwner {
 public:
  explicit TestRun(Task<T> task) : task_(std::move(task)) { task_.start(*this); }
  bool isEnded() const { return task_.isEnded(); }
  const Result<T>& outcome() const { return task_.outcome(); }
  void cancel() { task_.destroy(); }

 private:
  void onTaskEnd() override {}
  Task<T> task_;
};

}  // namespace remora::loop
