// Deadlines of one loop: a 4-ary heap, so that arming the latest deadline (the usual case) and disarming it cost a
// few nanoseconds. No timer, no wake-up: an idle loop sleeps without end.
#pragma once

#include <cstdint>
#include <vector>

#include "base/deadline.h"

namespace remora::loop {

// Destroying an armed timer disarms it.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual void onTime() = 0;
  bool isArmed() const { return timers_ != nullptr; }

 protected:
  ~Timer();

 private:
  friend class Timers;
  class Timers* timers_ = nullptr;
  uint32_t slot_ = 0;
};

class Timers {
 public:
  // Moves it when it is armed already. A deadline of never disarms.
  void arm(Timer& timer, Deadline deadline);
  void disarm(Timer& timer);
  Deadline next() const { return heap_.empty() ? Deadline::never() : Deadline::at(heap_[0].at); }
  // Fires, in order of time, each timer due at `now`. A fired timer is disarmed and may arm itself again.
  void fireDue(Instant now);
  size_t size() const { return heap_.size(); }

 private:
  struct Slot {
    Instant at;
    Timer* timer;
  };
  void place(size_t index, Slot slot);
  void siftUp(size_t index, Slot slot);
  void siftDown(size_t index, Slot slot);
  void removeAt(size_t index);

  std::vector<Slot> heap_;
};

// A timer that calls a member: MemberTimer<Connection, &Connection::onIdle> idle_{*this};
template <class Owner, void (Owner::*kMember)()>
class MemberTimer final : public Timer {
 public:
  explicit MemberTimer(Owner& owner) : owner_(owner) {}
  void onTime() override { (owner_.*kMember)(); }

 private:
  Owner& owner_;
};

}  // namespace remora::loop
