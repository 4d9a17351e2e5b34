// What must be exact for the process, whichever core looks: of each cluster and of each of its endpoints. Made with a
// cluster's EndpointSets by their one owner, and outlives them; cores read and change it without waiting, but for the
// rare change of an endpoint's standing. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "base/deadline.h"
#include "model/cluster.h"
#include "upstream/adaptive_limit.h"
#include "upstream/admission_control.h"
#include "upstream/circuit_breaker.h"
#include "upstream/permits.h"

namespace remora::upstream {

// How an attempt at an endpoint ended, as far as it tells of the endpoint.
enum class Verdict : uint8_t {
  kGood,
  kOverloaded,    // 429, RESOURCE_EXHAUSTED: it says itself that it has too much
  kServerError,   // 5xx but the next
  kGatewayError,  // 502, 503, 504: what stands before it, or itself, can't
  kLocalFailure,  // no answer at all: refused, reset, timed out, or not HTTP
};

struct EndpointHealth {
  std::atomic<int64_t> ejected_until{0};  // nanoseconds of the monotonic clock; 0: it isn't ejected
  std::atomic<int64_t> probe_after{0};    // when one more request may try whether it is well again
  std::atomic<int64_t> returned_at{0};
  std::atomic<uint32_t> ejections{0};  // lately: each makes the next longer
  // In a row.
  std::atomic<uint32_t> server_errors{0};
  std::atomic<uint32_t> gateway_errors{0};
  std::atomic<uint32_t> local_failures{0};

  bool isEjected() const { return ejected_until.load(std::memory_order_relaxed) != 0; }
};

// Requests that are sent again, as a share of those that come: so that trying again can't become the outage. Each
// request that comes puts a share of a token in, each that is sent again takes a whole one, and a few a second are
// free.
class RetryBudget {
 public:
  void deposit(const model::RetryBudget& options);
  bool withdraw(const model::RetryBudget& options, Instant now);

 private:
  static constexpr int64_t kToken = 1000;
  static constexpr int64_t kMost = 100 * kToken;  // kept for bad times

  std::atomic<int64_t> tokens_{0};
  std::atomic<int64_t> free_at_{0};  // of the free ones, a CellRate's
};

class ClusterShared {
 public:
  enum class Change : uint8_t { kNone, kEjected, kReturned };

  // Counts a verdict, and ejects the endpoint or takes it back. `all` are those of the cluster, of which never more
  // than the share that is allowed is out, and never the last.
  Change note(EndpointHealth& endpoint, Verdict verdict, const model::Outlier& options, Instant now, double chance,
              std::span<EndpointHealth* const> all);
  // One request may go to an ejected endpoint whose time is over: true for who is to do it.
  static bool mayProbe(EndpointHealth& endpoint, Instant now);

  // Changes with the standing of any endpoint.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // What may be under way: the limit that is configured, or the adaptive one where it is lower.
  void applyLimits(const model::Cluster& options);
  bool isAdaptive(const model::Cluster& options) const;

  RetryBudget retries;
  AdaptiveLimit adaptive;
  AdmissionControl admission;
  const std::shared_ptr<CircuitBreaker> breaker = std::make_shared<CircuitBreaker>();
  const std::shared_ptr<Permits> requests = std::make_shared<Permits>();

 private:
  Change eject(EndpointHealth& endpoint, const model::Outlier& options, Instant now, double chance,
               std::span<EndpointHealth* const> all);

  Change leaveOut(EndpointHealth& endpoint, uint32_t times, const model::Outlier& options, Instant now, double chance);

  std::mutex standing_;
  std::atomic<uint64_t> version_{1};
};

}  // namespace remora::upstream
