// Learns after how long an application closes idle connections, so that remora retires them first and the race
// between its close and our next request becomes rare. Belongs to one core and one endpoint.
#pragma once

#include <algorithm>

#include "base/deadline.h"

namespace remora::upstream {

class IdleLearner {
 public:
  // The application closed a connection that had been idle for `idle`. Two that agree within a fifth are believed: a
  // restart closes connections at any age, a timeout always at the same.
  void observeClose(Duration idle, Instant now) {
    if (idle < kShortest) return;
    const bool agrees = candidate_.count() && idle >= candidate_ * 4 / 5 && idle <= candidate_ * 6 / 5;
    if (agrees) {
      learned_ = std::min(idle, candidate_);
      believed_until_ = now + kForget;
    }
    candidate_ = idle;
  }

  // How long a connection may have been idle and still be used: `configured`, or what was learned less a margin.
  Duration usable(Duration configured, Instant now) const {
    if (learned_.count() == 0 || now >= believed_until_) return configured;
    const Duration margin = std::max<Duration>(learned_ / 10, kMargin);
    return std::min(configured, std::max<Duration>(learned_ - margin, learned_ / 2));
  }
  Duration learned(Instant now) const { return now < believed_until_ ? learned_ : Duration(0); }

 private:
  // Shorter ones are an application that closes after each answer without saying so, or one that stops.
  static constexpr Duration kShortest = Milliseconds(20);
  static constexpr Duration kMargin = Milliseconds(100);  // more than a scheduler's delay on a busy host
  static constexpr Duration kForget = std::chrono::minutes(10);

  Duration candidate_{0};
  Duration learned_{0};
  Instant believed_until_{0};
};

}  // namespace remora::upstream
