// How much of a service may be under way at once where that follows what the service can do. Plain data.
#pragma once

#include <cstdint>

#include "base/deadline.h"

namespace remora::model {

// A limit that follows the gradient of latency: the time that a request takes with few beside it, against what it
// takes now. It grows while the two are alike and shrinks as soon as requests wait for each other at the service.
struct AdaptiveConcurrency {
  uint32_t min = 8;  // also while the time of few is measured
  uint32_t max = 1000;
  uint32_t percentile = 90;            // of the times of a sample
  uint32_t buffer_percent = 25;        // that it may take longer before the limit shrinks
  Milliseconds sample{100};            // how often the limit is settled anew
  Milliseconds min_rtt_every{60'000};  // how often the time of few is measured
  uint32_t min_rtt_requests = 50;      // by so many

  bool operator==(const AdaptiveConcurrency&) const = default;
};

// Stops asking a service that fails: open, nothing is sent to it; after a while half-open, when a few requests try it.
struct CircuitBreaker {
  Milliseconds window{10'000};   // in which failures are counted
  uint32_t requests = 20;        // fewer in it tell nothing
  uint32_t errors_percent = 50;  // of them, from which on it opens
  Milliseconds open{5'000};      // the first time; the next time twice that, and so on
  Milliseconds open_most{60'000};
  uint32_t probes = 5;  // that must be answered well before it closes

  bool operator==(const CircuitBreaker&) const = default;
};

// Refuses a share of the requests of a service that fails, the more the more it fails, so that it gets what it can
// answer.
struct AdmissionControl {
  uint32_t threshold_percent = 95;  // of requests that succeed; with more of them nothing is refused
  uint32_t aggression = 1;          // the root of the share that is refused: a higher one refuses more
  Milliseconds window{30'000};
  uint32_t rate = 1;  // requests a second, with fewer nothing is refused
  uint32_t reject_most_percent = 80;

  bool operator==(const AdmissionControl&) const = default;
};

}  // namespace remora::model
