#include "observe/trail.h"

#include <algorithm>

namespace remora::observe {

std::string_view nameOf(Outcome outcome) {
  static constexpr std::array<std::string_view, static_cast<size_t>(Outcome::kCount)> kNames = {
      "received",   "host_matched",   "route_matched",   "no_route_matched", "cluster_chosen",
      "redirected", "answered",       "endpoint_chosen", "connected",        "reused",
      "sent",       "attempt_failed", "replayed",        "responded",        "upgraded",
      "refused",    "failed",         "completed",       "dropped",          "chain_chosen"};
  const auto index = static_cast<size_t>(outcome);
  return index < kNames.size() ? kNames[index] : "unknown";
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
