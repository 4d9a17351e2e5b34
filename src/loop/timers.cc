#include "loop/timers.h"

#include <algorithm>

namespace remora::loop {

Timer::~Timer() {
  if (timers_) timers_->disarm(*this);
}

void Timers::arm(Timer& timer, Deadline deadline) {
  if (deadline.isNever()) {
    disarm(timer);
    return;
  }
  const Slot slot{deadline.instant(), &timer};
  if (!timer.timers_) {
    timer.timers_ = this;
    heap_.push_back(slot);
    siftUp(heap_.size() - 1, slot);
    return;
  }
  const size_t index = timer.slot_;
  if (slot.at < heap_[index].at) {
    siftUp(index, slot);
  } else {
    siftDown(index, slot);
  }
}

void Timers::disarm(Timer& timer) {
  if (!timer.timers_) return;
  timer.timers_ = nullptr;
  removeAt(timer.slot_);
}

void Timers::fireDue(Instant now) {
  while (!heap_.empty() && heap_[0].at <= now) {
    Timer* timer = heap_[0].timer;
    timer->timers_ = nullptr;
    removeAt(0);
    timer->onTime();
  }
}

void Timers::removeAt(size_t index) {
  const Slot last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  if (index > 0 && last.at < heap_[(index - 1) / 4].at) {
    siftUp(index, last);
  } else {
    siftDown(index, last);
  }
}

void Timers::place(size_t index, Slot slot) {
  heap_[index] = slot;
  slot.timer->slot_ = static_cast<uint32_t>(index);
}

void Timers::siftUp(size_t index, Slot slot) {
  while (index > 0) {
    const size_t parent = (index - 1) / 4;
    if (heap_[parent].at <= slot.at) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, slot);
}

void Timers::siftDown(size_t index, Slot slot) {
  for (;;) {
    const size_t first = index * 4 + 1;
    if (first >= heap_.size()) break;
    size_t least = first;
    const size_t end = std::min(first + 4, heap_.size());
    for (size_t child = first + 1; child < end; ++child) {
      if (heap_[child].at < heap_[least].at) least = child;
    }
    if (slot.at <= heap_[least].at) break;
    place(index, heap_[least]);
    index = least;
  }
  place(index, slot);
}

}  // namespace remora::loop
