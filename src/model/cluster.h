// Clusters (services, to users) as plain data: which endpoints, chosen how, connected to how.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "model/concurrency.h"
#include "model/hash_key.h"
#include "model/health_check.h"
#include "model/labels.h"
#include "model/listener.h"
#include "model/origin.h"
#include "model/tls.h"

namespace remora::model {

struct Endpoint {
  Origin origin;
  SocketAddress address;
  uint32_t weight = 1;    // 1..128 shares within its locality
  uint32_t priority = 0;  // lower is preferred
  std::string zone;
  Labels labels;

  bool operator==(const Endpoint&) const = default;
};

enum class Balance : uint8_t { kRoundRobin, kLeastRequest, kRandom, kPeakEwma, kRingHash, kMaglev };

// When an endpoint that fails is left out for a while. 0: not counted.
struct Outlier {
  uint32_t consecutive_5xx = 5;
  uint32_t consecutive_gateway_errors = 5;  // 502, 503, 504
  uint32_t consecutive_local_failures = 5;  // without any answer
  Milliseconds eject{30'000};               // the first time; the second twice that, and so on
  Milliseconds eject_most{300'000};
  uint32_t ejected_most_percent = 50;
  // Endpoints compared with each other, every interval; of each at least so many requests, and of those so many.
  bool success_rate = false;     // whose share of good answers is below the mean by stdev_factor deviations
  uint32_t stdev_factor = 1900;  // in thousandths
  uint32_t latency_factor = 0;   // whose mean time is so many times the median of all; 0: not compared
  Milliseconds interval{10'000};
  uint32_t volume = 100;
  uint32_t hosts = 5;

  bool compares() const { return success_rate || latency_factor > 0; }
  bool operator==(const Outlier&) const = default;
};

// What of a service may be under way at once, exact for the process.
struct ClusterLimits {
  uint32_t requests = 0;               // 0: no limit
  uint32_t pending = 1024;             // that wait for one of them to end
  Milliseconds pending_timeout{1000};  // and for so long
  uint32_t low_percent = 80;           // of requests, for those of low priority
  uint32_t connections = 0;            // to all of its endpoints, idle ones too; 0: no limit
  uint32_t retries = 0;                // of requests that a route's retry sends again; 0: no limit

  bool operator==(const ClusterLimits&) const = default;
};

// How many requests may be sent again.
struct RetryBudget {
  uint32_t percent = 20;  // of those that come
  uint32_t floor = 10;    // a second, and besides

  bool operator==(const RetryBudget&) const = default;
};

// A cookie that keeps a client at the endpoint which answered it first, for as long as that is well.
struct Sticky {
  std::string cookie;
  Milliseconds ttl{0};  // 0: until the browser ends
  std::string path = "/";

  bool operator==(const Sticky&) const = default;
};

struct PoolOptions {
  Milliseconds connect{5'000};       // to connect to an endpoint
  Milliseconds idle{60'000};         // unused connection; shortened by what is learned of the application
  Milliseconds max_age{0};           // 0: no limit
  Milliseconds write_stall{30'000};  // no byte of a request taken by the application
  uint32_t max_idle = 1024;          // kept unused connections a core and endpoint
  uint64_t max_requests = 0;         // exchanges a connection; 0: no limit

  bool operator==(const PoolOptions&) const = default;
};

struct Cluster {
  Origin origin;
  std::string name;
  std::vector<Endpoint> endpoints;  // addresses of kind kDns and kSrv are resolved and kept fresh
  std::string endpoints_file;       // holds them instead, and is read again when it changes; empty: none
  uint32_t subset_size = 0;         // so many of a priority are used, by chance in each process; 0: all
  bool zone_aware = false;          // those of the own zone are preferred
  Balance balance = Balance::kLeastRequest;
  std::vector<HashKey> hash_by;  // the first that a request has
  std::optional<Sticky> sticky;
  Milliseconds slow_start{0};   // in which an endpoint that joins comes to its share
  uint32_t panic_percent = 50;  // with fewer that are well, all are tried
  std::optional<Outlier> outlier;
  std::optional<HealthCheck> health_check;
  RetryBudget retry_budget;
  ClusterLimits limits;
  std::optional<AdaptiveConcurrency> adaptive;
  std::optional<CircuitBreaker> breaker;
  std::optional<AdmissionControl> admission;
  PoolOptions pool;
  Protocol protocol = Protocol::kAuto;  // kAuto: what TLS's ALPN settles, HTTP/1 without TLS
  Http2Options http2;
  std::optional<TlsClient> tls;  // plaintext without it

  bool mayBeHttp2() const { return protocol == Protocol::kHttp2 || (protocol == Protocol::kAuto && tls); }
  bool operator==(const Cluster&) const = default;
};

}  // namespace remora::model
