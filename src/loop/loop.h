// One event loop a core: run what is queued, sleep until an event or a deadline, repeat. Belongs to the thread that
// calls run(); only mailbox().post and stop may be called from others.
#pragma once

#include <atomic>
#include <memory>

#include "loop/clock.h"
#include "loop/mailbox.h"
#include "loop/poller.h"
#include "loop/run_queue.h"
#include "loop/send_batch.h"
#include "loop/task.h"
#include "loop/timers.h"

namespace remora::loop {

class Loop {
 public:
  Loop(Clock& clock, std::unique_ptr<Poller> poller);

  Instant now() const { return now_; }                 // as of this turn
  Instant readClock() { return now_ = clock_.now(); }  // exact; also moves now()
  Clock& clock() { return clock_; }
  RunQueue& queue() { return queue_; }
  Timers& timers() { return timers_; }
  Poller& poller() { return *poller_; }
  Mailbox& mailbox() { return mailbox_; }
  // Where small sends are gathered until the end of the turn; null: nowhere, they go at once.
  SendBatch* sends() { return sends_.get(); }
  void gatherSends(Sys& sys) { sends_ = std::make_unique<SendBatch>(sys); }

  void post(Runnable& runnable) { queue_.post(runnable); }
  void arm(Timer& timer, Duration after) { timers_.arm(timer, Deadline::after(now_, after)); }

  // Until stop().
  void run();
  void stop() {
    mailbox_.post([this] { stopped_ = true; });
  }
  // One round: due timers and queued work, then events. Sleeps at most until `most` (0: not at all).
  void turn(Deadline most);

 private:
  void runQueued();

  Clock& clock_;
  Instant now_;
  std::unique_ptr<Poller> poller_;
  RunQueue queue_;
  Timers timers_;
  Mailbox mailbox_;
  std::unique_ptr<SendBatch> sends_;
  bool stopped_ = false;
};

// Something that happens once, for one who waits for it.
class Signal {
 public:
  bool isRaised() const { return raised_; }
  void raise(RunQueue& queue);

 private:
  friend class SignalWait;
  bool raised_ = false;
  class SignalWait* waiter_ = nullptr;
};

// Until the signal is raised. The signal must outlive it.
class SignalWait final : public Wait {
 public:
  explicit SignalWait(Signal& signal) : signal_(signal) {
    if (signal.raised_) {
      finishNow({});
    } else {
      signal.waiter_ = this;
    }
  }
  ~SignalWait() {
    if (signal_.waiter_ == this) signal_.waiter_ = nullptr;
  }

 private:
  friend class Signal;
  Signal& signal_;
};

inline void Signal::raise(RunQueue& queue) {
  raised_ = true;
  if (waiter_) waiter_->finish(queue, {});
}

// Waits until a point in time.
class Sleep final : public Wait, private Timer {
 public:
  Sleep(Loop& loop, Deadline until) : queue_(loop.queue()) { loop.timers().arm(*this, until); }

 private:
  void onTime() override { finish(queue_, {}); }
  RunQueue& queue_;
};

}  // namespace remora::loop
