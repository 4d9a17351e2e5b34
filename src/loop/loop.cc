#include "loop/loop.h"

#include <algorithm>
#include <utility>

namespace remora::loop {

Loop::Loop(Clock& clock, std::unique_ptr<Poller> poller)
    : clock_(clock), now_(clock.now()), poller_(std::move(poller)), mailbox_(*poller_, queue_) {}

void Loop::run() {
  while (!stopped_) turn(Deadline::never());
}

void Loop::turn(Deadline most) {
  timers_.fireDue(now_);
  queue_.drain();
  if (stopped_) return;
  poller_->wait(sleepMillis(most));
  readClock();
  queue_.drain();
}

int Loop::sleepMillis(Deadline most) const {
  const Deadline wake = timers_.next().sooner(most);
  if (wake.isNever()) return -1;
  const int64_t nanos = (wake.instant() - clock_.now()).count();  // what ran in this turn took its time
  if (nanos <= 0) return 0;
  // Rounded up: waking early would spin until the deadline.
  return static_cast<int>(std::min<int64_t>((nanos + 999'999) / 1'000'000, 3'600'000));
}

}  // namespace remora::loop
