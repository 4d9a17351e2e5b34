#include "observe/trail.h"

#include <algorithm>

namespace remora::observe {

std::string_view nameOf(Outcome outcome) {
  // clang-format off: one list, in the order of the enum
  static constexpr std::array<std::string_view, static_cast<size_t>(Outcome::kCount)> kNames = {
      "received", "host_matched", "route_matched", "no_route_matched", "cluster_chosen", "redirected", "answered",
      "endpoint_chosen", "connected", "reused", "sent", "attempt_failed", "replayed", "responded", "upgraded",
      "refused", "failed", "completed", "dropped", "chain_chosen", "status_retried", "backed_off", "retry_denied",
      "ejected", "returned", "rate_limited", "pending", "fault_delayed", "fault_aborted", "stuck", "mirrored",
      "hedged", "hedge_won", "panicked", "rate_limit_asked", "subset", "overloaded", "limited", "adaptive_limited",
      "displaced", "breaker_refused", "breaker_changed", "admission_refused", "connections_full", "connection_free",
      "low_priority_refused", "unmirrored", "unhedged"};
  // clang-format on
  const auto index = static_cast<size_t>(outcome);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view wordsOf(RetryDenial denial) {
  static constexpr std::array<std::string_view, static_cast<size_t>(RetryDenial::kCount)> kWords = {
      "all attempts that the route allows are used",
      "the service's retry_budget is used up: so many requests fail already that trying again would add to the trouble",
      "its body was too long to be kept",
      "its method isn't idempotent, and it may have been executed",
      "the service asked for a longer wait than the route's retry allows",
      "its time would be over before the next attempt",
      "the service's circuit breaker has opened",
      "as many requests are being sent again as the service's limits.retries allows"};
  const auto index = static_cast<size_t>(denial);
  return index < kWords.size() ? kWords[index] : "unknown";
}

void Trail::addPastCapacity(TrailEntry entry) {
  if (entries_[kFirstKept].outcome != Outcome::kDropped) {
    entries_[kFirstKept] = {0, Outcome::kDropped, 1, entries_[kFirstKept].micros};
  }
  TrailEntry& dropped = entries_[kFirstKept];
  if (dropped.argument < UINT16_MAX) ++dropped.argument;
  std::move(entries_.begin() + kFirstKept + 2, entries_.end(), entries_.begin() + kFirstKept + 1);
  entries_.back() = entry;
}

}  // namespace remora::observe
