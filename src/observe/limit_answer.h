// What a rate_limit_service said, or why it said nothing, and how long that took: the argument of a decision in the
// trail, and what is counted. Plain values; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/deadline.h"

namespace remora::observe {

enum class LimitResult : uint8_t {
  kAllowed,
  kLimited,
  kLate,       // no answer within its timeout
  kAway,       // no connection, or it ended before the answer
  kFull,       // too many questions wait already
  kFailed,     // it answered with an error
  kUncounted,  // it wasn't asked: the request lacks what is counted by
  kCount,
};
inline constexpr size_t kLimitResults = static_cast<size_t>(LimitResult::kCount);

constexpr std::string_view nameOf(LimitResult result) {
  constexpr std::array<std::string_view, kLimitResults> kNames{"allowed", "limited", "late",     "away",
                                                               "full",    "failed",  "uncounted"};
  return static_cast<size_t>(result) < kLimitResults ? kNames[static_cast<size_t>(result)] : "unknown";
}

// Packed into 16 bits: 3 of the result, one for what on_failure says, 12 of the time in tenths of milliseconds or, when
// the highest of these is set, in tens of milliseconds.
struct LimitAnswer {
  LimitResult result = LimitResult::kAway;
  bool is_closed = false;  // the request is refused when there is no answer
  Duration took{0};

  constexpr bool isAnswer() const { return result == LimitResult::kAllowed || result == LimitResult::kLimited; }
  constexpr uint16_t packed() const {
    const int64_t fine = took / std::chrono::microseconds(100);
    const int64_t coarse = std::min<int64_t>(took / std::chrono::milliseconds(10), kMost);
    const int64_t time = fine <= kMost ? fine : coarse | kCoarse;
    return static_cast<uint16_t>(static_cast<int64_t>(result) | (is_closed ? 8 : 0) | time << 4);
  }
  static constexpr LimitAnswer of(uint16_t packed) {
    const int64_t time = packed >> 4;
    return {static_cast<LimitResult>(packed & 7), (packed & 8) != 0,
            time & kCoarse ? (time & kMost) * std::chrono::milliseconds(10) : time * std::chrono::microseconds(100)};
  }

 private:
  static constexpr int64_t kCoarse = 1 << 11;
  static constexpr int64_t kMost = kCoarse - 1;
};

}  // namespace remora::observe
