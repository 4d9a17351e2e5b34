// One endpoint as one core sees it: its connections, what is going on at it, and how long it takes. Belongs to one
// core.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/ref.h"
#include "observe/metrics.h"
#include "tls/session_cache.h"
#include "upstream/endpoint_set.h"
#include "upstream/h2_pool.h"
#include "upstream/latency.h"
#include "upstream/pool.h"

namespace remora::upstream {

class EndpointState : public RefCounted<EndpointState> {
 public:
  EndpointState(Endpoint what, loop::Loop& loop, observe::CoreMetrics& metrics)
      : endpoint(std::move(what)), pool(loop, metrics, waiting), h2_pool(loop, metrics, waiting) {}

  void setOptions(const model::PoolOptions& options) {
    pool.setOptions(options);
    h2_pool.setOptions(options);
  }
  void closeIdle() {
    pool.closeAll();
    h2_pool.closeAll();
  }

  Endpoint endpoint;
  uint16_t index = 0;        // in its set
  uint64_t token = 0;        // names it in cookies, the same in every process
  uint32_t active = 0;       // exchanges that hold a lease
  bool is_available = true;  // neither ejected nor found ill, as the balancer last saw it
  Instant joined;            // the cluster
  Latency latency;
  uint64_t requests = 0;
  uint64_t failures = 0;  // attempts that ended without a response
  ConnectionQueue waiting;
  Pool pool;
  H2Pool h2_pool;
  tls::SessionCache sessions;  // of TLS, to resume
  enum class Learned : uint8_t { kNothing, kHttp1, kHttp2 };
  Learned learned = Learned::kNothing;  // what the last connection turned out to speak
};

}  // namespace remora::upstream
