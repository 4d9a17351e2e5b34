// Decisions in words: a view of the trail for /recent and explain. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/reasons.h"
#include "observe/trail.h"
#include "snapshot/rule_book.h"

namespace remora::admin {

// Names that the record keeps beside its trail; empty when it has none.
struct TrailNames {
  std::string_view listener;
  std::string_view route;
  std::string_view service;
  std::string_view endpoint;  // of the last attempt
};

struct Decision {
  uint32_t micros = 0;  // since the exchange's start
  std::string_view outcome;
  std::string words;  // "orders, 2 routes looked at before it"
  std::string where;  // "routes[2] in shop.yaml line 14"; empty when no rule decided

  std::string text() const;  // "route_matched orders, 2 routes looked at before it (routes[2] in shop.yaml line 14)"
};

std::vector<Decision> decisionsOf(std::span<const observe::TrailEntry> entries, const snapshot::RuleBook& rules,
                                  const TrailNames& names);

// What the number beside a reason means: "errno 111: Connection refused"; empty when there is none.
std::string describeDetail(Reason reason, int32_t detail);

}  // namespace remora::admin
