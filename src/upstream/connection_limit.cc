#include "upstream/connection_limit.h"

#include <algorithm>

namespace remora::upstream {

void ConnectionLimit::join(loop::Loop& loop, Member& member) {
  const std::lock_guard lock(mutex_);
  seats_.push_back(std::make_shared<Seat>(loop, member));
}

void ConnectionLimit::leave(const Member& member) {
  const std::lock_guard lock(mutex_);
  const auto seat = std::ranges::find_if(seats_, [&](const auto& each) { return each->member == &member; });
  if (seat == seats_.end()) return;
  (*seat)->member = nullptr;
  seats_.erase(seat);
}

// A seat's loop runs as long as it is among `seats_`.
void ConnectionLimit::askAll() {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Seat>& seat : seats_) {
    if (seat->is_asked.exchange(true)) continue;
    seat->loop.mailbox().post([permits = permits, seat] { answer(permits, *seat); });
  }
}

void ConnectionLimit::answer(const std::shared_ptr<Permits>& permits, Seat& seat) {
  seat.is_asked.store(false);
  while (seat.member && permits->waiting() > 0 && seat.member->retireIdle()) {
  }
}

}  // namespace remora::upstream
