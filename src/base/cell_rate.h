// The generic cell rate algorithm: something is allowed when the time at which all that came before is paid for is less
// than a burst away. The state is that time alone. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/deadline.h"

namespace remora {

class CellRate {
 public:
  struct Verdict {
    bool is_allowed;
    uint32_t remaining;  // that would be allowed now
    Duration wait;       // until the next is; of a refusal
  };

  // So many in each `per`, and `burst` of them at once; both at least 1.
  CellRate(uint32_t count, Duration per, uint32_t burst)
      : each_(std::max<int64_t>(per.count() / std::max(count, 1U), 1)), burst_(each_ * std::max(burst, 1U)) {}

  Verdict pay(int64_t& paid_at, Instant now) const {
    const int64_t begin = std::max(paid_at, now.nanos);
    const int64_t owed = begin + each_ - now.nanos;
    if (owed > burst_) return {false, 0, Duration(owed - burst_)};
    paid_at = begin + each_;
    return {true, static_cast<uint32_t>((burst_ - owed) / each_), Duration(0)};
  }
  // Shared by threads, exactly.
  Verdict pay(std::atomic<int64_t>& paid_at, Instant now) const {
    int64_t known = paid_at.load(std::memory_order_relaxed);
    for (;;) {
      int64_t next = known;
      const Verdict verdict = pay(next, now);
      if (!verdict.is_allowed || paid_at.compare_exchange_weak(known, next, std::memory_order_relaxed)) return verdict;
    }
  }

 private:
  int64_t each_;   // nanoseconds that one costs
  int64_t burst_;  // nanoseconds that may be owed
};

}  // namespace remora
