// Sizes that carry their unit. A count of bytes is never a bare int (STYLE: units live in types).
// Pure values; any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace remora {

struct Bytes {
  uint64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes operator""_B(unsigned long long n) {
  return Bytes{n};
}
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes{n << 10};
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes{n << 20};
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes{n << 30};
}

}  // namespace remora
