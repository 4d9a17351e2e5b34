// Time as an object, so that tests hold it still. The system's clock is read through the vDSO (about 25 ns).
#pragma once

#include <ctime>

#include "base/deadline.h"

namespace remora::loop {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;        // monotonic
  virtual int64_t wallNanos() const = 0;  // since 1970, UTC
};

class SystemClock final : public Clock {
 public:
  Instant now() const override { return {read(CLOCK_MONOTONIC)}; }
  int64_t wallNanos() const override { return read(CLOCK_REALTIME); }

 private:
  static int64_t read(clockid_t id) {
    timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
  }
};

class VirtualClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  int64_t wallNanos() const override { return kEpoch + now_.nanos; }
  void set(Instant now) { now_ = now; }

 private:
  static constexpr int64_t kEpoch = 1'790'000'000LL * 1'000'000'000LL;
  Instant now_{1'000'000'000};
};

}  // namespace remora::loop
