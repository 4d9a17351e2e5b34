// How many requests a service bears at once, learned from how long they take: a limit that grows while requests take
// about as long as they do with few beside them, and shrinks when they take longer, since then they wait for each other
// at the service. Both times are a percentile. The time of few is measured anew now and then, with the limit at its
// least for as long as that takes. One for the process; any thread, without waiting. It holds nobody back itself, see
// Permits.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/deadline.h"
#include "model/concurrency.h"

namespace remora::upstream {

class AdaptiveLimit {
 public:
  // While the time of few is measured; what came by then is taken, if it is enough to tell.
  static constexpr Duration kMeasuringMost = std::chrono::seconds(1);
  static constexpr uint32_t kSamplesLeast = 10;

  // Of a request that was sent at `sent` beside `active` others and itself, and was answered after `took`. True: the
  // limit is another now. `chance` in 0..1 keeps processes from measuring together.
  bool note(Instant sent, Duration took, uint32_t active, const model::AdaptiveConcurrency& options, Instant now,
            double chance);
  // Ends a measurement that takes too long, where nothing is answered. True: the limit is another now.
  bool heed(const model::AdaptiveConcurrency& options, Instant now);

  uint32_t limit(const model::AdaptiveConcurrency& options) const;
  bool isMeasuring() const { return measuring_since_.load(std::memory_order_relaxed) != 0; }
  Duration minRtt() const { return Duration(min_rtt_.load(std::memory_order_relaxed)); }  // 0: not known yet

 private:
  // Eight buckets for each doubling, from a microsecond up to a quarter of an hour: what is read off them is at most an
  // eighth away from the truth.
  static constexpr size_t kBuckets = 240;
  static size_t bucketOf(Duration took);
  static double nanosOf(size_t bucket);

  bool mayEndMeasuring(Instant now) const;
  void endMeasuring(const model::AdaptiveConcurrency& options, Instant now, double chance);
  void settle(const model::AdaptiveConcurrency& options, Instant now);
  Duration takePercentile(uint32_t percentile);
  void beginSample(Instant until);

  static constexpr int64_t kSinceEver = 1;  // nothing was measured yet

  // Written by every answer.
  alignas(64) std::array<std::atomic<uint32_t>, kBuckets> buckets_{};
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> peak_{0};
  // Written by whoever settles.
  alignas(64) std::atomic_flag is_settling_;
  std::atomic<uint32_t> limit_{0};  // 0: the least; while measuring, what it was and will be
  std::atomic<int64_t> min_rtt_{0};
  std::atomic<int64_t> measuring_since_{kSinceEver};
  std::atomic<int64_t> measure_at_{0};
  std::atomic<int64_t> sample_until_{0};
};

}  // namespace remora::upstream
