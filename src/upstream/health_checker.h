// Asks each endpoint of one service again and again whether it is well, once for the whole process, and tells all cores
// through its EndpointHealth. An endpoint is asked by one check at a time; who is slow is asked less often. Belongs to
// the control thread's loop; no core ever waits for it.
//
// An endpoint's first check decides at once. Before it, those that were there when the checks began get requests, and
// those that come later get none; where too few are left, the service's panic threshold has all tried as it does for
// ejection.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "loop/task_scope.h"
#include "observe/log.h"
#include "upstream/check_endpoint.h"
#include "upstream/endpoint_set.h"

namespace remora::upstream {

// First checks of one set begin so far apart, that a service of a thousand endpoints isn't connected to all at once; at
// most an interval in all.
inline constexpr Duration kBetweenFirstChecks = std::chrono::milliseconds(5);

// What is known of one endpoint, for /clusters.
struct EndpointCheckFacts {
  std::string address;
  Checked checked = Checked::kNot;
  uint32_t in_a_row = 0;     // checks with the same result as the last
  std::string last_failure;  // a sentence; empty: none has failed
  std::optional<Duration> last_failed_ago;
};

struct HealthFacts {
  std::string service;
  uint64_t passed = 0;  // checks
  uint64_t failed = 0;
  size_t healthy = 0;  // endpoints that get requests
  std::vector<EndpointCheckFacts> endpoints;
};

class HealthChecker {
 public:
  // `log` outlives it. `seed` is of the jitter.
  HealthChecker(CheckMeans means, observe::Log& log, std::string service, uint32_t seed = std::random_device{}());
  // Endpoints that it leaves count as well again.
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // Before follow(), and with each configuration. Other settings begin to count anew, with a check soon, and leave
  // every endpoint's standing as it is.
  void configure(CheckSettings settings);
  // The endpoints are these now. Before any core gets the set, so that new ones wait for their first check.
  void follow(const EndpointSetPtr& set);

  // Every endpoint was checked at least once.
  bool isSettled() const;
  HealthFacts facts() const;

 private:
  struct Watched;

  void watch(Watched& watched, Duration wait);
  loop::Task<void> keepChecking(Watched& watched, Duration wait);
  void note(Watched& watched, const Finding& finding);
  void change(Watched& watched, Checked checked);
  bool isDue(const Watched& watched);
  bool isIdle();
  Duration jittered(Duration span);

  CheckMeans means_;
  observe::Log& log_;
  const std::string service_;
  std::minstd_rand random_;
  std::shared_ptr<const CheckSettings> settings_;
  EndpointSetPtr set_;
  bool had_endpoints_ = false;
  std::map<std::string, std::unique_ptr<Watched>> watched_;  // by the address's text
  Instant used_at_;                                          // the service, as far as was looked
  uint64_t passed_ = 0;
  uint64_t failed_ = 0;
};

}  // namespace remora::upstream
