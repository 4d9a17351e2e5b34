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
#include "upstream/connection_limit.h"
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

// What active checks say of an endpoint.
enum class Checked : uint8_t {
  kNot,      // nothing, so that it is taken for well: it has no checks, or it was there when they began
  kAwaited,  // it came later, and gets no requests before its first check
  kHealthy,
  kUnhealthy,
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
  // In this interval, where endpoints are compared with each other.
  std::atomic<uint32_t> answers{0};
  std::atomic<uint32_t> good_answers{0};
  std::atomic<uint64_t> good_nanos{0};  // that these took

  std::atomic<Checked> checked{Checked::kNot};  // written by its HealthChecker only

  bool isEjected() const { return ejected_until.load(std::memory_order_relaxed) != 0; }
  bool hasPassedChecks() const {
    const Checked now = checked.load(std::memory_order_relaxed);
    return now == Checked::kNot || now == Checked::kHealthy;
  }
  bool isAvailable() const { return !isEjected() && hasPassedChecks(); }
};

// Requests that are sent again, as a share of those that come: so that trying again can't become the outage. Each
// request that comes puts a share of a token in, each that is sent again takes a whole one, and a few a second are
// free.
class RetryBudget {
 public:
  void deposit(const model::RetryBudget& options);
  // What a core sees of requests a second has changed by so many.
  void changeRate(int64_t by) { rate_.fetch_add(by, std::memory_order_relaxed); }
  bool withdraw(const model::RetryBudget& options, Instant now);

 private:
  static constexpr int64_t kToken = 1000;
  // Kept for bad times: so many, or what so many seconds give. Requests that break together are sent again together.
  static constexpr int64_t kSaved = 100;
  static constexpr int64_t kSavedSeconds = 2;
  int64_t most(const model::RetryBudget& options) const;

  std::atomic<int64_t> tokens_{0};
  std::atomic<int64_t> free_at_{0};  // of the free ones, a CellRate's
  std::atomic<int64_t> rate_{0};     // requests a second
};

class ClusterShared {
 public:
  enum class Change : uint8_t { kNone, kEjected, kReturned };

  // Counts a verdict, and ejects the endpoint or takes it back. `all` are those of the cluster, of which never more
  // than the share that is allowed is out, and never the last.
  Change note(EndpointHealth& endpoint, Verdict verdict, const model::Outlier& options, Instant now, double chance,
              std::span<EndpointHealth* const> all);
  // Counts it for the comparison of all with each other; whoever finds the interval over compares. Returns how many
  // were ejected.
  uint32_t compare(EndpointHealth& endpoint, Verdict verdict, Duration took, const model::Outlier& options, Instant now,
                   double chance, std::span<EndpointHealth* const> all);
  // One request may go to an ejected endpoint whose time is over: true for who is to do it.
  static bool mayProbe(EndpointHealth& endpoint, Instant now);

  // What a check has found out.
  void setChecked(EndpointHealth& endpoint, Checked checked);

  // Changes with the standing of any endpoint.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // What may be under way: the limit that is configured, or the adaptive one where it is lower.
  void applyLimits(const model::Cluster& options);
  bool isAdaptive(const model::Cluster& options) const;
  // To those who wait, on the thread of `here`: more may be allowed than before.
  void offerRoom(loop::Loop& here) const;

  AdaptiveLimit adaptive;
  AdmissionControl admission;
  const std::shared_ptr<CircuitBreaker> breaker = std::make_shared<CircuitBreaker>();
  // Somebody sends the cluster requests; written once between two times that checks ask, then only read.
  void noteUse() {
    if (!is_used_.load(std::memory_order_relaxed)) is_used_.store(true, std::memory_order_relaxed);
  }
  bool takeUse() { return is_used_.exchange(false, std::memory_order_relaxed); }

  RetryBudget retries;
  RetryBudget hedges;
  const std::shared_ptr<Permits> requests = std::make_shared<Permits>();
  // Requests that a route's retry sends again.
  const std::shared_ptr<Permits> retrying = std::make_shared<Permits>();
  ConnectionLimit connections;

 private:
  Change eject(EndpointHealth& endpoint, const model::Outlier& options, Instant now, double chance,
               std::span<EndpointHealth* const> all);

  Change leaveOut(EndpointHealth& endpoint, uint32_t times, const model::Outlier& options, Instant now, double chance);

  std::mutex standing_;
  std::atomic<uint64_t> version_{1};
  std::atomic<int64_t> compare_at_{0};
  std::atomic<bool> is_used_{false};
};

}  // namespace remora::upstream
