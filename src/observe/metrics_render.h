// The metrics as Prometheus text (exposition format 0.0.4), summed over the cores. Reads only; any thread, while the
// cores go on counting.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "observe/metrics.h"

namespace remora::observe {

// How near remora itself is to more than it can hold.
struct OverloadFacts {
  struct Use {
    std::string_view resource;
    double pressure = 0;  // 1: all of it is in use
  };
  uint8_t stage = 0;
  std::vector<Use> uses;  // of what is watched
  std::string sentence;   // what is going on; empty while nothing is
};

// What isn't a core's: filled by whoever serves /metrics.
struct ProcessFacts {
  std::string_view version;
  uint64_t snapshot_generation = 0;
  uint64_t reloads = 0;
  uint64_t reload_failures = 0;
  uint64_t access_log_lost = 0;    // lines the sink's writer gave up (LogSink::Totals)
  uint64_t access_log_errors = 0;  // failed writes of the sink
  uint64_t log_suppressed = 0;     // Log::suppressed()
  // getrusage(2) and /proc/self.
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
  double start_time_seconds = 0;  // since 1970
  struct Certificate {
    std::string file;
    std::string subject;
    int64_t not_after = 0;  // seconds since 1970
  };
  std::vector<Certificate> certificates;  // that are served or shown
  struct HealthChecks {
    std::string service;
    uint64_t passed = 0;
    uint64_t failed = 0;
    uint64_t healthy = 0;  // endpoints
    uint64_t endpoints = 0;
  };
  std::vector<HealthChecks> health_checks;  // of services that have some
  struct EndpointFile {
    std::string file;
    bool is_good = true;  // what it says now serves
    uint64_t failures = 0;
  };
  std::vector<EndpointFile> endpoint_files;
  struct ServiceLimit {
    std::string service;
    uint32_t limit = 0;  // as it is now
    uint32_t active = 0;
    uint32_t waiting = 0;
  };
  // Of services that have one: limits.requests or the adaptive one, and limits.connections.
  std::vector<ServiceLimit> request_limits;
  std::vector<ServiceLimit> connection_limits;
  OverloadFacts overload;
};

inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string renderPrometheus(std::span<const CoreMetrics* const> cores, const ProcessFacts& facts);

}  // namespace remora::observe
