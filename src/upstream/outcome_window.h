// How many requests came and how many of them failed in the last so-many seconds. Any thread, without waiting: a count
// that is added the very moment its slot begins anew may be lost.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "base/deadline.h"

namespace remora::upstream {

class OutcomeWindow {
 public:
  struct Sum {
    uint64_t total = 0;
    uint64_t failures = 0;

    uint32_t failurePercent() const { return total == 0 ? 0 : static_cast<uint32_t>(failures * 100 / total); }
  };

  void add(bool is_failure, Duration window, Instant now) {
    const int64_t epoch = epochOf(window, now);
    Slot& slot = slots_[static_cast<size_t>(epoch) % kSlots];
    int64_t known = slot.epoch.load(std::memory_order_relaxed);
    if (known != epoch && slot.epoch.compare_exchange_strong(known, epoch, std::memory_order_relaxed)) {
      slot.total.store(0, std::memory_order_relaxed);
      slot.failures.store(0, std::memory_order_relaxed);
    }
    slot.total.fetch_add(1, std::memory_order_relaxed);
    if (is_failure) slot.failures.fetch_add(1, std::memory_order_relaxed);
  }
  Sum sum(Duration window, Instant now) const {
    const int64_t epoch = epochOf(window, now);
    Sum sum;
    for (const Slot& slot : slots_) {
      const int64_t age = epoch - slot.epoch.load(std::memory_order_relaxed);
      if (age < 0 || age >= static_cast<int64_t>(kSlots)) continue;
      sum.total += slot.total.load(std::memory_order_relaxed);
      sum.failures += slot.failures.load(std::memory_order_relaxed);
    }
    return sum;
  }
  void clear() {
    for (Slot& slot : slots_) slot.epoch.store(INT64_MIN / 2, std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kSlots = 16;  // a sixteenth of the window is how exact its end is
  struct Slot {
    std::atomic<int64_t> epoch{INT64_MIN / 2};
    std::atomic<uint32_t> total{0};
    std::atomic<uint32_t> failures{0};
  };
  static int64_t epochOf(Duration window, Instant now) {
    return now.nanos / std::max<int64_t>(window.count() / static_cast<int64_t>(kSlots), 1);
  }

  std::array<Slot, kSlots> slots_;
};

}  // namespace remora::upstream
