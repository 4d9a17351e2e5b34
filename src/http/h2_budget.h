// What a peer may make an HTTP/2 session do for nothing: each bound counts what is cheap to send and leads nowhere,
// less what is paid for by work that does, within a span of time. Counted from what lives now, never from all that ever
// was. Pure; belongs to its session.
#pragma once

#include <cstdint>

#include "base/deadline.h"
#include "model/listener.h"

namespace remora::http {

class H2Budget {
 public:
  static constexpr Duration kSpan = std::chrono::seconds(30);

  explicit H2Budget(const model::Http2Options& options)
      : resets_most_(options.resets),
        control_most_(options.control_frames),
        continuations_most_(options.continuations) {}

  // Each returns false when the bound is passed.
  // A stream was reset by the peer, or by us for the peer's fault (RFC 9113 section 10.5; CVE-2023-44487,
  // CVE-2025-8671).
  bool countReset(Instant now) {
    decay(now);
    return ++resets_ <= resets_most_;
  }
  // SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty and unknown frames.
  bool countControl(Instant now) {
    decay(now);
    return ++control_ <= control_most_;
  }
  bool countContinuation() { return ++continuations_ <= continuations_most_; }

  void endHead() { continuations_ = 0; }
  // A stream that was done pays for a reset; a frame with data for two of control (the peer acknowledges and asks).
  void payStream() { resets_ -= resets_ ? 1 : 0; }
  void payData() { control_ -= control_ < 2 ? control_ : 2; }

 private:
  void decay(Instant now) {
    if (now - since_ < kSpan) return;
    since_ = now;
    resets_ = control_ = 0;
  }

  const uint32_t resets_most_;
  const uint32_t control_most_;
  const uint32_t continuations_most_;
  uint32_t resets_ = 0;
  uint32_t control_ = 0;
  uint32_t continuations_ = 0;  // of the head that is being received
  Instant since_{0};
};

}  // namespace remora::http
