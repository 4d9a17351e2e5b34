// Who goes first where not all can, and whose requests have which. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace remora::model {

enum class Priority : uint8_t { kHigh, kNormal, kLow };

inline constexpr size_t kPriorities = 3;

// Of the requests of a route.
struct RoutePriority {
  Priority is = Priority::kNormal;
  std::string header;      // in lower case; "high", "normal" or "low" in it lowers the priority; empty: none is heeded
  bool may_raise = false;  // or raises it: who may write the header may then go before others

  bool operator==(const RoutePriority&) const = default;
};

}  // namespace remora::model
