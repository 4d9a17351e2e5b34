// What 64 random bits, or those of a hash, are made into. Pure; any thread.
#pragma once

#include <cstdint>

namespace remora {

// A number below `range`, evenly, without the bias or the cost of a division.
constexpr uint64_t below(uint64_t random, uint64_t range) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(random) * range) >> 64);
}

// From 0 up to, but not, 1.
constexpr double unitOf(uint64_t random) {
  return static_cast<double>(random >> 11) * 0x1.0p-53;
}

// Of so many percent of all, by chance.
constexpr bool isDrawn(uint64_t random, uint32_t percent) {
  return percent >= 100 || random % 100 < percent;
}

}  // namespace remora
