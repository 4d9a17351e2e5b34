#include "loop/loop.h"

#include <utility>

namespace remora::loop {

Loop::Loop(Clock& clock, std::unique_ptr<Poller> poller)
    : clock_(clock), now_(clock.now()), poller_(std::move(poller)), mailbox_(*poller_, queue_) {}

void Loop::run() {
  while (!stopped_) turn(Deadline::never());
}

void Loop::turn(Deadline most) {
  timers_.fireDue(now_);
  runQueued();
  if (stopped_) return;
  const Deadline wake = timers_.next().sooner(most);
  if (wake.hasPassed(now_)) {
    poller_->look();
  } else {
    poller_->wait(wake);
  }
  readClock();
  queue_.drain();
}

void Loop::runQueued() {
  do {
    queue_.drain();
    if (sends_) sends_->flush();  // a send that failed queues something
  } while (!queue_.isEmpty());
}

}  // namespace remora::loop
