// Points and spans of time on the monotonic clock. A Deadline is carried through an exchange, never restarted:
// every wait below asks how much is left. Pure values; any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace remora {

using Duration = std::chrono::nanoseconds;
using Milliseconds = std::chrono::milliseconds;

// Nanoseconds of CLOCK_MONOTONIC (or of a test's virtual clock).
struct Instant {
  int64_t nanos = 0;

  constexpr auto operator<=>(const Instant&) const = default;
  friend constexpr Instant operator+(Instant at, Duration span) { return {at.nanos + span.count()}; }
  friend constexpr Duration operator-(Instant later, Instant earlier) { return Duration(later.nanos - earlier.nanos); }
};

inline Duration scaled(Duration span, double factor) {
  return Duration(static_cast<int64_t>(static_cast<double>(span.count()) * factor));
}

// Whole seconds, as HTTP tells them: not less than it is.
constexpr int64_t secondsUp(Duration span) {
  return std::chrono::ceil<std::chrono::seconds>(span).count();
}

// `first`, doubled so many times, and at most `most`: how long to wait before the next of several tries.
constexpr Duration doubled(Duration first, uint32_t times, Duration most) {
  for (uint32_t i = 0; i < times && first < most; ++i) first *= 2;
  return first < most ? first : most;
}

class Deadline {
 public:
  static constexpr Deadline never() { return Deadline(Instant{INT64_MAX}); }
  // A span of zero means "no limit", as in the configuration (`timeout: 0` or left out).
  static constexpr Deadline after(Instant now, Duration span) {
    return span.count() <= 0 ? never() : Deadline(now + span);
  }
  static constexpr Deadline at(Instant when) { return Deadline(when); }

  constexpr bool isNever() const { return at_.nanos == INT64_MAX; }
  constexpr bool hasPassed(Instant now) const { return now >= at_; }
  constexpr Instant instant() const { return at_; }
  constexpr Deadline sooner(Deadline other) const { return at_ <= other.at_ ? *this : other; }
  constexpr auto operator<=>(const Deadline&) const = default;

 private:
  explicit constexpr Deadline(Instant at) : at_(at) {}

  Instant at_;
};

}  // namespace remora
