// Endpoints of a cluster compared with each other: who succeeds less often, or takes longer, than the others do.
#include <algorithm>
#include <cmath>
#include <vector>

#include "upstream/shared_state.h"

namespace remora::upstream {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Sample {
  EndpointHealth* endpoint;
  double success;  // share of its answers
  double time;     // mean of the good ones, in nanoseconds; 0: there is none
};

// Of those with enough answers; all begin anew.
std::vector<Sample> takeSamples(std::span<EndpointHealth* const> all, uint32_t volume) {
  std::vector<Sample> samples;
  for (EndpointHealth* const endpoint : all) {
    const uint32_t answers = endpoint->answers.exchange(0, kRelaxed);
    const uint32_t good = endpoint->good_answers.exchange(0, kRelaxed);
    const auto nanos = static_cast<double>(endpoint->good_nanos.exchange(0, kRelaxed));
    if (answers < std::max(volume, 1U) || endpoint->isEjected()) continue;
    samples.push_back({endpoint, std::min(1.0, static_cast<double>(good) / answers), good > 0 ? nanos / good : 0});
  }
  return samples;
}

// Below it an endpoint succeeds too seldom.
double leastSuccess(const std::vector<Sample>& samples, uint32_t factor_thousandths) {
  double sum = 0;
  for (const Sample& sample : samples) sum += sample.success;
  const double mean = sum / static_cast<double>(samples.size());
  double squares = 0;
  for (const Sample& sample : samples) squares += (sample.success - mean) * (sample.success - mean);
  return mean - std::sqrt(squares / static_cast<double>(samples.size())) * factor_thousandths / 1000;
}

double medianTime(const std::vector<Sample>& samples) {
  std::vector<double> times;
  for (const Sample& sample : samples) times.push_back(sample.time);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

}  // namespace

uint32_t ClusterShared::compare(EndpointHealth& endpoint, Verdict verdict, Duration took, const model::Outlier& options,
                                Instant now, double chance, std::span<EndpointHealth* const> all) {
  endpoint.answers.fetch_add(1, kRelaxed);
  if (verdict == Verdict::kGood) {
    endpoint.good_answers.fetch_add(1, kRelaxed);
    endpoint.good_nanos.fetch_add(static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)), kRelaxed);
  }
  int64_t at = compare_at_.load(kRelaxed);
  if (at > now.nanos || !compare_at_.compare_exchange_strong(at, (now + options.interval).nanos, kRelaxed)) return 0;
  if (at == 0) return 0;  // the first interval begins
  const std::vector<Sample> samples = takeSamples(all, options.volume);
  if (samples.size() < std::max(options.hosts, 2U)) return 0;
  const double least = leastSuccess(samples, options.stdev_factor);
  const double slow = medianTime(samples) * options.latency_factor;
  uint32_t ejected = 0;
  for (const Sample& sample : samples) {
    const bool fails = options.success_rate && sample.success < least;
    const bool is_slow = options.latency_factor > 0 && slow > 0 && sample.time > slow;
    if (fails || is_slow) ejected += eject(*sample.endpoint, options, now, chance, all) == Change::kEjected;
  }
  return ejected;
}

}  // namespace remora::upstream
