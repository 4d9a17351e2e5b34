#include "upstream/admission_control.h"

#include <algorithm>
#include <cmath>

namespace remora::upstream {

bool AdmissionControl::admits(const model::AdmissionControl& options, Instant now, double chance) {
  int64_t at = computed_at_.load(std::memory_order_relaxed);
  const bool is_stale = now - Instant{at} >= kFresh;
  if (is_stale && computed_at_.compare_exchange_strong(at, now.nanos, std::memory_order_relaxed)) {
    share_.store(compute(options, now), std::memory_order_relaxed);
  }
  return chance >= share();
}

double AdmissionControl::compute(const model::AdmissionControl& options, Instant now) const {
  const OutcomeWindow::Sum sum = window_.sum(options.window, now);
  const auto total = static_cast<double>(sum.total);
  const double seconds = std::chrono::duration<double>(options.window).count();
  if (total < seconds * options.rate) return 0;
  const double succeeded = total - static_cast<double>(sum.failures);
  const double excess = (total - succeeded * 100 / options.threshold_percent) / (total + 1);
  if (excess <= 0) return 0;
  return std::min(std::pow(excess, 1.0 / options.aggression), options.reject_most_percent / 100.0);
}

}  // namespace remora::upstream
