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
  // What one that only fails counts besides, so that failing fast doesn't look fast; forgotten sooner, so that it is
  // tried again some seconds after it was last seen to fail.
  static constexpr Duration kPenalty = std::chrono::seconds(1);
  static constexpr Duration kForgiven = std::chrono::seconds(1);
  // Of an endpoint that nobody has asked yet: tried soon, and not by all at once.
  static constexpr Duration kUnknown = std::chrono::milliseconds(1);

  void note(Duration took, bool is_failure, Instant now) {
    const auto sample = static_cast<double>(took.count());
    const double kept = fade(now, kDecay);
    nanos_ = sample > nanos_ * kept ? sample : nanos_ * kept + sample * (1 - kept);
    if (is_failure || failing_ > 0) {
      failing_ *= fade(now, kForgiven);
      failing_ += ((is_failure ? 1 : 0) - failing_) * kWeight;
      if (failing_ < kNothing) failing_ = 0;
    }
    at_ = now;
    is_known_ = true;
  }
  // Of what wasn't waited for to its end: it would have taken no less. Only where that is news.
  void noteAtLeast(Duration took, Instant now) {
    const auto sample = static_cast<double>(took.count());
    if (sample <= (is_known_ ? nanos_ * fade(now, kDecay) : static_cast<double>(kUnknown.count()))) return;
    if (failing_ > 0) failing_ *= fade(now, kForgiven);
    nanos_ = sample;
    at_ = now;
    is_known_ = true;
  }
  // In nanoseconds. It fades while nothing is heard, so that a slow one is tried again.
  double estimate(Instant now) const {
    if (!is_known_) return static_cast<double>(kUnknown.count());
    const double time = std::max(nanos_ * fade(now, kDecay), 1.0);
    if (failing_ == 0) return time;
    return time + static_cast<double>(kPenalty.count()) * failing_ * fade(now, kForgiven);
  }

 private:
  static constexpr double kWeight = 0.25;  // of one answer in the share of failures
  static constexpr double kNothing = 1e-4;

  // Of what was known: e^-t, near enough ((1 + t/64)^-64), by six multiplications and a division.
  double fade(Instant now, Duration decay) const {
    const double t = static_cast<double>((now - at_).count()) / static_cast<double>(decay.count());
    if (t <= 0) return 1;
    double power = 1 + t / 64;
    for (int i = 0; i < 6; ++i) power *= power;
    return 1 / power;
  }

  double nanos_ = 0;
  double failing_ = 0;  // share of the answers of late
  Instant at_;
  bool is_known_ = false;
};

}  // namespace remora::upstream
