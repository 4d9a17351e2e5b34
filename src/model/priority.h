// Who goes first where not all can, and whose requests have which. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tls.h"

namespace remora::model {

enum class Priority : uint8_t { kHigh, kNormal, kLow };

inline constexpr size_t kPriorities = 3;
inline constexpr std::string_view kPriorityNames[kPriorities] = {"high", "normal", "low"};
constexpr std::string_view nameOf(Priority priority) {
  return kPriorityNames[static_cast<size_t>(priority)];
}

// Of those of a client whose certificate, verified, says who it is.
struct IdentityPriority {
  PeerNames names;  // a URI that ends with "/*" stands for every one that begins so
  Priority is = Priority::kNormal;

  bool operator==(const IdentityPriority&) const = default;
};
// As many as a route may have; each request is compared with one after the other.
inline constexpr size_t kIdentityPrioritiesMost = 32;
inline constexpr size_t kIdentityNamesMost = 32;  // of each list of one

// Of the requests of a route.
struct RoutePriority {
  Priority is = Priority::kNormal;
  std::vector<IdentityPriority> identities;  // the first that fits says it instead
  std::string header;      // in lower case; "high", "normal" or "low" in it lowers the priority; empty: none is heeded
  bool may_raise = false;  // or raises it: who may write the header may then go before others

  bool operator==(const RoutePriority&) const = default;
};

}  // namespace remora::model
