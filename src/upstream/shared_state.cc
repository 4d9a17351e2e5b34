#include "upstream/shared_state.h"

#include <algorithm>
#include <chrono>

#include "base/cell_rate.h"

namespace remora::upstream {
namespace {

// Between two requests that try an endpoint whose time out is over.
constexpr Duration kBetweenProbes = std::chrono::seconds(1);

// Of a time out, by chance: so that processes which ejected together don't return together.
constexpr double kJitter = 0.1;

bool isReached(std::atomic<uint32_t>& count, uint32_t most) {
  const uint32_t now = count.fetch_add(1, std::memory_order_relaxed) + 1;
  return most != 0 && now >= most;
}

}  // namespace

void RetryBudget::deposit(const model::RetryBudget& options) {
  const auto share = static_cast<int64_t>(options.percent) * kToken / 100;
  const int64_t most = this->most(options);
  int64_t tokens = tokens_.load(std::memory_order_relaxed);
  while (tokens < most &&
         !tokens_.compare_exchange_weak(tokens, std::min(tokens + share, most), std::memory_order_relaxed)) {
  }
}

int64_t RetryBudget::most(const model::RetryBudget& options) const {
  const int64_t of_rate = rate_.load(std::memory_order_relaxed) * options.percent / 100 * kSavedSeconds;
  return std::max(kSaved, of_rate) * kToken;
}

bool RetryBudget::withdraw(const model::RetryBudget& options, Instant now) {
  if (options.floor > 0) {
    const CellRate free(options.floor, std::chrono::seconds(1), options.floor);  // a second's at once
    if (free.pay(free_at_, now).is_allowed) return true;
  }
  int64_t tokens = tokens_.load(std::memory_order_relaxed);
  while (tokens >= kToken) {
    const int64_t left = std::min(tokens, most(options)) - kToken;  // what was saved at a higher rate is void
    if (tokens_.compare_exchange_weak(tokens, left, std::memory_order_relaxed)) return true;
  }
  return false;
}

ClusterShared::Change ClusterShared::note(EndpointHealth& endpoint, Verdict verdict, const model::Outlier& options,
                                          Instant now, double chance, std::span<EndpointHealth* const> all) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  bool is_over = false;
  switch (verdict) {
    case Verdict::kGood:
    case Verdict::kOverloaded:
      // Written only where there is something to write: the line is shared by the cores.
      for (auto* count : {&endpoint.server_errors, &endpoint.gateway_errors, &endpoint.local_failures}) {
        if (count->load(kRelaxed) != 0) count->store(0, kRelaxed);
      }
      break;
    case Verdict::kGatewayError:
      is_over = isReached(endpoint.gateway_errors, options.consecutive_gateway_errors);
      is_over |= isReached(endpoint.server_errors, options.consecutive_5xx);
      endpoint.local_failures.store(0, kRelaxed);
      break;
    case Verdict::kServerError:
      is_over = isReached(endpoint.server_errors, options.consecutive_5xx);
      endpoint.gateway_errors.store(0, kRelaxed);
      endpoint.local_failures.store(0, kRelaxed);
      break;
    case Verdict::kLocalFailure:
      is_over = isReached(endpoint.local_failures, options.consecutive_local_failures);
      break;
  }
  const int64_t until = endpoint.ejected_until.load(kRelaxed);
  if (until == 0) return is_over ? eject(endpoint, options, now, chance, all) : Change::kNone;
  if (until > now.nanos) return Change::kNone;  // of a request that was under way
  const std::lock_guard lock(standing_);
  if (endpoint.ejected_until.load(kRelaxed) != until) return Change::kNone;
  if (verdict == Verdict::kGood) {
    endpoint.ejected_until.store(0, kRelaxed);
    endpoint.returned_at.store(now.nanos, kRelaxed);
    version_.fetch_add(1, std::memory_order_release);
    return Change::kReturned;
  }
  // The one that tried it says that it is still ill.
  return leaveOut(endpoint, endpoint.ejections.load(kRelaxed) + 1, options, now, chance);
}

ClusterShared::Change ClusterShared::eject(EndpointHealth& endpoint, const model::Outlier& options, Instant now,
                                           double chance, std::span<EndpointHealth* const> all) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::lock_guard lock(standing_);
  if (endpoint.isEjected()) return Change::kNone;
  const auto out = static_cast<uint64_t>(std::ranges::count_if(all, [](auto* one) { return one->isEjected(); }));
  const auto left = static_cast<uint64_t>(std::ranges::count_if(all, [](auto* one) { return one->isAvailable(); }));
  const bool is_last = left <= 1 && endpoint.isAvailable();
  if (is_last || (out + 1) * 100 > options.ejected_most_percent * all.size()) return Change::kNone;
  // One that was well for long begins anew.
  const bool was_well = now - Instant{endpoint.returned_at.load(kRelaxed)} > options.eject_most;
  const uint32_t times = was_well ? 1 : endpoint.ejections.load(kRelaxed) + 1;
  for (auto* count : {&endpoint.server_errors, &endpoint.gateway_errors, &endpoint.local_failures}) {
    count->store(0, kRelaxed);
  }
  endpoint.probe_after.store(0, kRelaxed);
  return leaveOut(endpoint, times, options, now, chance);
}

// For the so-manyth time lately.
ClusterShared::Change ClusterShared::leaveOut(EndpointHealth& endpoint, uint32_t times, const model::Outlier& options,
                                              Instant now, double chance) {
  const Duration span = std::min<Duration>(options.eject * times, options.eject_most);
  endpoint.ejections.store(times, std::memory_order_relaxed);
  endpoint.ejected_until.store((now + scaled(span, 1 + kJitter * chance)).nanos, std::memory_order_relaxed);
  version_.fetch_add(1, std::memory_order_release);
  return Change::kEjected;
}

bool ClusterShared::isAdaptive(const model::Cluster& options) const {
  const uint32_t fixed = options.limits.requests;
  return options.adaptive && (fixed == 0 || adaptive.limit(*options.adaptive) < fixed);
}

void ClusterShared::applyLimits(const model::Cluster& options) {
  const uint32_t most = isAdaptive(options) ? adaptive.limit(*options.adaptive) : options.limits.requests;
  requests->setBounds(most, options.limits.pending, options.limits.low_percent);
  retrying->setBounds(options.limits.retries, 0);
  connections.permits->setBounds(options.limits.connections, options.limits.pending);
}

void ClusterShared::offerRoom(loop::Loop& here) const {
  Permits::handOut(requests, here);
  Permits::handOut(connections.permits, here);
}

void ClusterShared::setChecked(EndpointHealth& endpoint, Checked checked) {
  if (endpoint.checked.exchange(checked, std::memory_order_relaxed) == checked) return;
  version_.fetch_add(1, std::memory_order_release);
}

bool ClusterShared::mayProbe(EndpointHealth& endpoint, Instant now) {
  const int64_t until = endpoint.ejected_until.load(std::memory_order_relaxed);
  if (until == 0 || until > now.nanos || !endpoint.hasPassedChecks()) return false;
  int64_t after = endpoint.probe_after.load(std::memory_order_relaxed);
  return after <= now.nanos &&
         endpoint.probe_after.compare_exchange_strong(after, (now + kBetweenProbes).nanos, std::memory_order_relaxed);
}

}  // namespace remora::upstream
