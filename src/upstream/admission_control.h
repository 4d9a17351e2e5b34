// Refuses a share of the requests of a service that fails, by how many of those that were sent to it succeed: the
// client's side of an overload, after Google's "Site Reliability Engineering", chapter 21, and Envoy's filter of the
// name. One for the process; any thread, without waiting.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/deadline.h"
#include "model/concurrency.h"
#include "upstream/outcome_window.h"

namespace remora::upstream {

class AdmissionControl {
 public:
  // `chance` in 0..1. What is refused isn't counted.
  bool admits(const model::AdmissionControl& options, Instant now, double chance);
  void note(bool is_failure, const model::AdmissionControl& options, Instant now) {
    window_.add(is_failure, options.window, now);
  }
  // Of requests that come, as last computed.
  double share() const { return share_.load(std::memory_order_relaxed); }
  uint32_t failurePercent(const model::AdmissionControl& options, Instant now) const {
    return window_.sum(options.window, now).failurePercent();
  }

 private:
  static constexpr Duration kFresh = std::chrono::milliseconds(100);
  double compute(const model::AdmissionControl& options, Instant now) const;

  OutcomeWindow window_;
  std::atomic<double> share_{0};
  std::atomic<int64_t> computed_at_{0};
};

}  // namespace remora::upstream
