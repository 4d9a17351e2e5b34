#include "upstream/adaptive_limit.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace remora::upstream {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Of one step.
constexpr double kGradientLeast = 0.5;
constexpr double kGradientMost = 2.0;

// The first measurement may have met a service that was still warming up.
constexpr double kSecondMeasurementAfter = 1.0 / 6;
constexpr double kJitter = 0.15;

}  // namespace

size_t AdaptiveLimit::bucketOf(Duration took) {
  const auto micros = static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)) / 1000;
  if (micros < 8) return micros;
  const auto exponent = static_cast<size_t>(std::bit_width(micros)) - 1;
  return std::min((exponent - 2) * 8 + ((micros >> (exponent - 3)) & 7), kBuckets - 1);
}

// Where it begins.
double AdaptiveLimit::nanosOf(size_t bucket) {
  if (bucket < 8) return static_cast<double>(bucket) * 1000;
  return std::ldexp(static_cast<double>(8 + bucket % 8), static_cast<int>(bucket / 8) - 1) * 1000;
}

uint32_t AdaptiveLimit::limit(const model::AdaptiveConcurrency& options) const {
  const uint32_t limit = isMeasuring() ? options.min : limit_.load(kRelaxed);
  return std::clamp(limit, options.min, std::max(options.min, options.max));
}

bool AdaptiveLimit::note(Instant sent, Duration took, uint32_t active, const model::AdaptiveConcurrency& options,
                         Instant now, double chance) {
  int64_t since = measuring_since_.load(kRelaxed);
  if (since == kSinceEver && measuring_since_.compare_exchange_strong(since, sent.nanos, kRelaxed)) since = sent.nanos;
  if (since != 0 && sent.nanos < since) return false;  // beside more than the few
  buckets_[bucketOf(took)].fetch_add(1, kRelaxed);
  const uint32_t count = count_.fetch_add(1, kRelaxed) + 1;
  if (active > peak_.load(kRelaxed)) peak_.store(active, kRelaxed);
  const bool may_settle = since != 0 ? count >= options.min_rtt_requests || mayEndMeasuring(now)
                                     : now.nanos >= sample_until_.load(kRelaxed) && count >= kSamplesLeast;
  if (!may_settle || is_settling_.test_and_set(std::memory_order_acquire)) return false;
  const uint32_t before = limit(options);
  if (isMeasuring()) {
    endMeasuring(options, now, chance);
  } else {
    settle(options, now);
  }
  const bool is_other = limit(options) != before;
  is_settling_.clear(std::memory_order_release);
  return is_other;
}

bool AdaptiveLimit::heed(const model::AdaptiveConcurrency& options, Instant now) {
  if (!mayEndMeasuring(now) || is_settling_.test_and_set(std::memory_order_acquire)) return false;
  const uint32_t before = limit(options);
  if (isMeasuring()) endMeasuring(options, now, 0);
  const bool is_other = limit(options) != before;
  is_settling_.clear(std::memory_order_release);
  return is_other;
}

bool AdaptiveLimit::mayEndMeasuring(Instant now) const {
  const int64_t since = measuring_since_.load(kRelaxed);
  if (since == 0 || now - Instant{since} < kMeasuringMost) return false;
  // Too few to tell: where it is known already, what is known goes on; else it takes as long as it takes.
  return min_rtt_.load(kRelaxed) != 0 || count_.load(kRelaxed) >= kSamplesLeast;
}

void AdaptiveLimit::endMeasuring(const model::AdaptiveConcurrency& options, Instant now, double chance) {
  const bool is_first = min_rtt_.load(kRelaxed) == 0;
  const bool can_tell = count_.load(kRelaxed) >= std::min(kSamplesLeast, options.min_rtt_requests);
  const Duration measured = takePercentile(options.percentile);
  if (can_tell) min_rtt_.store(std::max<int64_t>(measured.count(), 1), kRelaxed);
  const Duration next =
      scaled(options.min_rtt_every, (is_first ? kSecondMeasurementAfter : 1) * (1 + kJitter * chance));
  measure_at_.store((now + next).nanos, kRelaxed);
  beginSample(now + options.sample);
  measuring_since_.store(0, kRelaxed);
}

void AdaptiveLimit::settle(const model::AdaptiveConcurrency& options, Instant now) {
  const uint32_t peak = peak_.load(kRelaxed);
  const uint32_t limit = this->limit(options);
  const auto sampled = static_cast<double>(std::max<int64_t>(takePercentile(options.percentile).count(), 1));
  beginSample(now + options.sample);
  if (now.nanos >= measure_at_.load(kRelaxed)) {
    measuring_since_.store(now.nanos, kRelaxed);
    return;
  }
  // With half of it unused, the limit isn't what decides how long requests take.
  if (peak * 2 < limit) return;
  const double allowed = static_cast<double>(min_rtt_.load(kRelaxed)) * (1 + options.buffer_percent / 100.0);
  const double gradient = std::clamp(allowed / sampled, kGradientLeast, kGradientMost);
  const double kept = gradient * limit;
  // The root lets it grow where nothing says that it mustn't, and lets a few wait at the service, so that it is busy.
  const double next = std::clamp(kept + std::sqrt(kept), static_cast<double>(options.min),
                                 static_cast<double>(std::max(options.min, options.max)));
  limit_.store(static_cast<uint32_t>(next), kRelaxed);
}

Duration AdaptiveLimit::takePercentile(uint32_t percentile) {
  std::array<uint32_t, kBuckets> counts{};
  uint64_t total = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (buckets_[i].load(kRelaxed) != 0) counts[i] = buckets_[i].exchange(0, kRelaxed);
    total += counts[i];
  }
  const double wanted = static_cast<double>(total) * percentile / 100;
  double below = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (counts[i] == 0) continue;
    if (below + counts[i] >= wanted) {
      const double share = (wanted - below) / counts[i];
      return Duration(static_cast<int64_t>(nanosOf(i) + share * (nanosOf(i + 1) - nanosOf(i))));
    }
    below += counts[i];
  }
  return Duration(0);
}

void AdaptiveLimit::beginSample(Instant until) {
  count_.store(0, kRelaxed);
  peak_.store(0, kRelaxed);
  sample_until_.store(until.nanos, kRelaxed);
}

}  // namespace remora::upstream
