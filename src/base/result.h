// A Failure says why something could not be done, whose side it was, and whether the same request may be tried
// again. Result<T> is a T or a Failure. Pure values; any thread.
#pragma once

#include <cstdint>
#include <expected>

#include "base/reasons.h"

namespace remora {

// What is known of the request at the moment of the failure; the retry loop reads this instead of guessing.
enum class Reached : uint8_t {
  kNo,     // provably not one byte was handled by the application
  kMaybe,  // bytes were sent and nothing is known: only an idempotent request may be sent again
  kYes,    // a response began, or the failure isn't about an attempt at all
};

struct Failure {
  Reason reason = Reason::kInternal;
  Reached reached = Reached::kYes;
  int32_t detail = 0;  // errno, or a number that the reason's sentence speaks of; 0 when there is none

  bool operator==(const Failure&) const = default;
};

template <class T>
using Result = std::expected<T, Failure>;

inline std::unexpected<Failure> fail(Reason reason, Reached reached = Reached::kYes, int32_t detail = 0) {
  return std::unexpected(Failure{reason, reached, detail});
}

}  // namespace remora
