// The decision log that every exchange carries: 16 entries of 12 bytes, no allocation. On overflow the first 8, the
// last 7 and a count remain. Self-describing failures, `explain`, /recent and the access log are views of it.
// Belongs to its exchange's core.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/deadline.h"

namespace remora::observe {

// A number that the RuleBook turns back into its source; 0 means "no rule, the code itself decided".
struct RuleId {
  uint32_t number = 0;

  bool operator==(const RuleId&) const = default;
};

// What was decided. The argument's meaning stands beside each. Append only: numbers are shown by /recent as names.
enum class Outcome : uint16_t {
  kReceived,          // rule: the listener; argument: exchanges before it on its connection
  kHostMatched,       // argument: 0 exact, 1 suffix wildcard, 2 any
  kRouteMatched,      // argument: routes looked at before it
  kNoRouteMatched,    // argument: routes looked at
  kClusterChosen,     // argument: index in a weighted split
  kRedirected,        // argument: status
  kAnswered,          // argument: status of a direct answer
  kEndpointChosen,    // argument: endpoint's index in the set
  kConnected,         // a fresh connection; argument: attempt from 1
  kReused,            // a pooled connection; argument: attempt from 1
  kSent,              // request head handed to the kernel
  kAttemptFailed,     // argument: Reason
  kReplayed,          // the request is sent again, since that is safe; argument: attempts so far
  kResponded,         // response head arrived; argument: status
  kUpgraded,          // became a tunnel; argument: status
  kRefused,           // validation refused the request; argument: Reason
  kFailed,            // remora answers by itself or cuts; argument: Reason
  kCompleted,         // last byte sent; argument: status
  kDropped,           // stands for entries lost to overflow; argument: how many
  kChainChosen,       // how the connection is served; rule: the listener; argument: position among its chains
  kStatusRetried,     // an answer that the route's retry takes for a failure; argument: status
  kBackedOff,         // waited before the next attempt; argument: milliseconds
  kRetryDenied,       // it would be sent again, but for what the argument says: a RetryDenial
  kEjected,           // the endpoint gets nothing for a while; argument: its index in the set
  kReturned,          // an ejected endpoint is well again; argument: its index in the set
  kRateLimited,       // rule: the route; argument: 1 when it is only told of (shadow)
  kPending,           // waited until one of the service's limits.requests ended; argument: milliseconds
  kFaultDelayed,      // rule: the route; argument: milliseconds
  kFaultAborted,      // rule: the route; argument: status
  kStuck,             // a cookie keeps the client at its endpoint; argument: 1 when that one couldn't be used
  kMirrored,          // a copy went to a mirror; rule: the route; argument: KiB of it
  kHedged,            // a second attempt beside the first; rule: the route; argument: its endpoint's index
  kHedgeWon,          // and it answered first; argument: its endpoint's index
  kPanicked,          // too few endpoints are well, so all are tried; argument: how many are
  kRateLimitAsked,    // a rate_limit_service was asked; rule: the route; argument: a LimitAnswer
  kSubset,            // rule: the route; argument: endpoints with its labels; 0: none, any is taken (fallback)
  kOverloaded,        // remora itself is too full for the request; argument: see overloadArgument
  kLimited,           // as many run as the service's limits.requests allows; argument: how many
  kAdaptiveLimited,   // as many run as the adaptive limit allows now; argument: how many
  kDisplaced,         // one of a higher priority took its place in the queue; argument: its own model::Priority
  kBreakerRefused,    // the service's circuit breaker isn't closed; argument: percent of failures that opened it
  kBreakerChanged,    // argument: its state now, an upstream::CircuitBreaker::State
  kAdmissionRefused,  // by chance; argument: percent of requests that are refused
  kConnectionsFull,   // the service has as many connections as its limits.connections allows; argument: how many
  kConnectionFree,    // waited until one of them could be had; argument: milliseconds
  kLowRefused,        // remora itself is too full for requests of low priority; argument: see overloadArgument
  kUnmirrored,        // no copy went to a mirror because of overload; rule: the route; argument: see overloadArgument
  kUnhedged,          // no second attempt because of overload; rule: the route; argument: see overloadArgument
  kCount,
};

std::string_view nameOf(Outcome outcome);

// Of what there is too little (0 memory, 1 descriptors, 2 loop delay), and how many percent of it are in use.
constexpr uint16_t overloadArgument(uint8_t resource, uint8_t percent) {
  return static_cast<uint16_t>(resource << 8 | percent);
}

enum class RetryDenial : uint8_t {
  kAttempts,
  kBudget,
  kBody,
  kNotIdempotent,
  kRetryAfter,
  kDeadline,
  kBreaker,
  kRetriesLimit,
  kCount
};
std::string_view wordsOf(RetryDenial denial);

// An entry's argument holds no more.
constexpr uint16_t trailNumber(int64_t number) {
  return static_cast<uint16_t>(std::clamp<int64_t>(number, 0, UINT16_MAX));
}
constexpr uint16_t trailMillis(Duration span) {
  return trailNumber(std::chrono::duration_cast<Milliseconds>(span).count());
}

// Without initial values: a trail is made and copied for every exchange, and only its entries up to the count exist.
struct TrailEntry {
  uint32_t rule_number;
  Outcome outcome;
  uint16_t argument;
  uint32_t micros;  // since the exchange's start

  RuleId rule() const { return {rule_number}; }
};
static_assert(sizeof(TrailEntry) == 12);

class Trail {
 public:
  static constexpr size_t kCapacity = 16;
  static constexpr size_t kFirstKept = 8;

  Trail() = default;
  Trail(const Trail& other) { *this = other; }
  Trail& operator=(const Trail& other) {
    count_ = other.count_;
    std::copy_n(other.entries_.data(), count_, entries_.data());
    return *this;
  }
  void clear() { count_ = 0; }
  void add(Outcome outcome, RuleId rule, uint16_t argument, uint32_t micros) {
    if (count_ < kCapacity) [[likely]] {
      entries_[count_++] = {rule.number, outcome, argument, micros};
    } else {
      addPastCapacity({rule.number, outcome, argument, micros});
    }
  }
  // In order of time. After an overflow entry 8 is kDropped with the number of lost entries.
  std::span<const TrailEntry> entries() const { return {entries_.data(), count_}; }

 private:
  void addPastCapacity(TrailEntry entry);

  std::array<TrailEntry, kCapacity> entries_;
  size_t count_ = 0;
};

}  // namespace remora::observe
