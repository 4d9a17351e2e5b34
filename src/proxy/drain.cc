#include "proxy/drain.h"

namespace remora::proxy {
namespace {

// A client that just got an answer may be about to send its next request on that connection.
constexpr Duration kQuiet = std::chrono::seconds(1);
constexpr Duration kLookAgain = Milliseconds(50);

size_t connectionsOf(const std::vector<Listeners::Target>& targets) {
  size_t sum = 0;
  for (const Listeners::Target& target : targets) sum += target.core->connections();
  return sum;
}

void closeQuiet(const std::vector<Listeners::Target>& targets) {
  for (const Listeners::Target& target : targets) {
    target.loop->mailbox().post([core = target.core] { core->closeQuiet(kQuiet); });
  }
}

}  // namespace

loop::Task<DrainOutcome> drain(loop::Loop& control, std::vector<Listeners::Target> targets, Listeners& listeners,
                               model::Drain options) {
  for (const Listeners::Target& target : targets) {
    target.loop->mailbox().post([core = target.core] { core->startDraining(); });
  }
  const Deadline delay = Deadline::at(control.now() + options.delay);
  while (!delay.hasPassed(control.now())) {
    closeQuiet(targets);
    co_await loop::Sleep(control, Deadline::at(control.now() + kLookAgain).sooner(delay));
  }
  loop::Signal closed;
  loop::Loop* const control_loop = &control;
  targets[0].loop->mailbox().post([&listeners, &closed, control_loop] {
    listeners.close();
    control_loop->mailbox().post([&closed, control_loop] { closed.raise(control_loop->queue()); });
  });
  co_await loop::SignalWait(closed);
  const Deadline grace = Deadline::at(control.now() + options.grace);
  while (connectionsOf(targets) && !grace.hasPassed(control.now())) {
    closeQuiet(targets);
    co_await loop::Sleep(control, Deadline::at(control.now() + kLookAgain).sooner(grace));
  }
  co_return DrainOutcome{connectionsOf(targets)};
}

}  // namespace remora::proxy
