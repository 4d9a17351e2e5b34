// A running estimate of a quantile of durations, in 16 bytes: each sample moves it a little up or down, as often up as
// the quantile says, so that it follows what changes. Pure; belongs to one core.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/deadline.h"

namespace remora::observe {

class Quantile {
 public:
  // So many samples must have come before the estimate is worth something.
  static constexpr uint32_t kLeastSamples = 50;

  explicit Quantile(double share) : share_(share) {}

  void note(Duration sample) {
    const auto nanos = static_cast<double>(std::max<int64_t>(sample.count(), 1));
    // The first ones set it: the largest of them, for a quantile near the top.
    if (count_ < kLeastSamples) {
      ++count_;
      nanos_ = std::max(nanos_, nanos);
      return;
    }
    // In proportion to itself: times differ by orders of magnitude.
    const double step = nanos_ * kStep;
    nanos_ = std::max(nanos > nanos_ ? nanos_ + step * share_ : nanos_ - step * (1 - share_), 1.0);
  }
  bool isKnown() const { return count_ >= kLeastSamples; }
  Duration estimate() const { return Duration(static_cast<int64_t>(nanos_)); }

 private:
  static constexpr double kStep = 0.1;

  double share_;
  double nanos_ = 0;
  uint32_t count_ = 0;
};

}  // namespace remora::observe
