// Keys that requests are told apart by, as plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/deadline.h"

namespace remora::model {

// What of a request decides which endpoint it goes to, or by what it is counted.
struct HashKey {
  enum class Kind : uint8_t { kSource, kHeader, kCookie, kPath, kQuery };
  Kind kind = Kind::kSource;
  std::string name;  // of a header (in lower case), cookie or query parameter
  // A cookie that a client lacks is made, for so long (0: until the browser ends); without it, it isn't.
  std::optional<Milliseconds> ttl;

  bool operator==(const HashKey&) const = default;
};

}  // namespace remora::model
