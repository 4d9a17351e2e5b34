// How long an endpoint takes, as an average that forgets, and that believes bad news at once (peak EWMA). Pure; belongs
// to one core.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/deadline.h"

namespace remora::upstream {

class Latency {
 public:
  static constexpr Duration kDecay = std::chrono::seconds(10);
  // What a failure counts at least, so that failing fast doesn't look fast.
  static constexpr Duration kFailure = std::chrono::seconds(1);
  // Of an endpoint that nobody has asked yet: tried soon, and not by all at once.
  static constexpr Duration kUnknown = std::chrono::milliseconds(1);

  void note(Duration took, bool is_failure, Instant now) {
    auto sample = static_cast<double>(took.count());
    if (is_failure) sample = std::max({sample, nanos_ * 2, static_cast<double>(kFailure.count())});
    const double kept = weightAt(now);
    nanos_ = sample > nanos_ * kept ? sample : nanos_ * kept + sample * (1 - kept);
    at_ = now;
    is_known_ = true;
  }
  // In nanoseconds. It fades while nothing is heard, so that a slow one is tried again.
  double estimate(Instant now) const {
    return is_known_ ? std::max(nanos_ * weightAt(now), 1.0) : static_cast<double>(kUnknown.count());
  }

 private:
  // Of what was known, in place of e^-t: near enough, and a division.
  double weightAt(Instant now) const {
    const double t = static_cast<double>((now - at_).count()) / static_cast<double>(kDecay.count());
    return t <= 0 ? 1 : 1 / (1 + t + t * t / 2);
  }

  double nanos_ = 0;
  Instant at_;
  bool is_known_ = false;
};

}  // namespace remora::upstream
