// What a core does next. Everything that an event sets going runs from here, never from inside the event's handler:
// so a frame may be destroyed by whoever runs, because nobody else is on the stack. Belongs to one loop.
#pragma once

#include "base/check.h"

namespace remora::loop {

// Something to run once. Destroying it takes it off the queue. Posting it twice runs it once.
class Runnable {
 public:
  Runnable() = default;
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;
  virtual void run() = 0;

  bool isQueued() const { return next_ != nullptr; }
  void unqueue() {
    if (!next_) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }

 protected:
  ~Runnable() { unqueue(); }

 private:
  friend class RunQueue;
  Runnable* next_ = nullptr;
  Runnable* prev_ = nullptr;
};

class RunQueue {
 public:
  RunQueue() { head_.next_ = head_.prev_ = &head_; }

  bool isEmpty() const { return head_.next_ == &head_; }
  void post(Runnable& runnable) {
    if (runnable.next_) return;
    runnable.prev_ = head_.prev_;
    runnable.next_ = &head_;
    head_.prev_->next_ = &runnable;
    head_.prev_ = &runnable;
  }
  // Runs until nothing is left, including what is posted meanwhile.
  void drain() {
    while (head_.next_ != &head_) {
      Runnable* runnable = head_.next_;
      runnable->unqueue();
      runnable->run();
    }
  }

 private:
  struct Head final : Runnable {
    void run() override { check(false, "the head of the run queue is never run"); }
    ~Head() { next_ = prev_ = nullptr; }
    using Runnable::next_;
    using Runnable::prev_;
  };
  Head head_;
};

}  // namespace remora::loop
