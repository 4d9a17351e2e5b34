// What remora counts. Each core writes its own CoreMetrics and nobody else's; any thread may read all of them at any
// time. Names are an API: add, never rename (metrics_render.h).
#pragma once

#include <cstddef>

#include "observe/counter.h"
#include "observe/limit_metrics.h"
#include "observe/request_metrics.h"

namespace remora::observe {

// Plain numbers of a core. metrics_render.cc has a table with the name and help of each, and does not compile when one
// is missing there.
struct CoreCounters {
  Counter downstream_accepted;
  Gauge downstream_active;
  Counter downstream_closed;
  Counter downstream_shed;  // refused for lack of descriptors or past limits.connections
  Counter downstream_h2_connections;
  Counter tls_handshakes;  // of clients, settled
  Counter tls_resumed;     // of these, by a ticket
  Counter tls_handshake_failures;
  Counter downstream_bytes_received;
  Counter downstream_bytes_sent;
  Counter upstream_connects;  // connections asked for
  Counter upstream_connect_failures;
  Gauge upstream_active;          // leased to an exchange
  Gauge upstream_idle;            // in the pool
  Gauge upstream_h2_connections;  // each shared by many exchanges
  Counter upstream_reused;
  Counter upstream_closed_by_peer;  // while idle
  Counter upstream_retired;         // by age, idle time or a request count
  Counter replays;                  // a request sent again because it provably never arrived
  Counter retries;                  // a request sent again by its route's retry
  Counter retries_denied;           // that would have been
  Counter ejections;                // endpoints left out for a while
  Counter connections_overflowed;   // requests and TCP connections refused by a service's limits.connections
  Counter requests_overflowed;      // refused by a service's limits.requests
  Counter requests_displaced;       // of these, that waited when one of a higher priority came
  Counter adaptive_limit_changes;   // of adaptive_concurrency
  Counter breaker_opened;           // times
  Counter breaker_refused;          // requests
  Counter admission_refused;        // requests
  Counter rate_limited;             // requests
  Counter rate_limited_shadow;      // that would have been
  Counter faults_delayed;           // requests, on purpose
  Counter faults_aborted;           // likewise
  Counter hedges;                   // second attempts beside the first
  Counter hedges_won;               // that answered first
  Counter hedges_denied;            // by their budget
  Counter mirrored;                 // copies of requests
  Counter mirrors_skipped;          // their body wasn't here, or too many were under way
  Counter mirror_failures;          // copies without an answer, or with 5xx
  Counter deadlines_expired;        // refused: their caller's time was over
  Counter overload_closed;          // connections not kept
  Counter overload_refused;         // requests
  Counter overload_low_refused;     // of these, of low priority before others
  Counter overload_unmirrored;      // copies
  Counter overload_unhedged;        // second attempts
  Counter overload_paused;          // times that accepting waited
  Gauge tunnels_active;
  Gauge tcp_active;
  Counter protocol_errors_downstream;
  Counter protocol_errors_upstream;
  Counter glitches_downstream;  // odd but legal
  Counter glitches_upstream;
  Counter access_log_written;  // lines handed to the sink
  Counter access_log_dropped;  // lines lost to a slow sink
};

// On cache lines of its own: a neighbour's counter on the same line would cost each core its line at every request.
struct alignas(64) CoreMetrics : CoreCounters {
  CoreMetrics() = default;
  explicit CoreMetrics(size_t most_series) : requests(most_series), tcp(most_series) {}

  RequestMetrics requests;
  LimitMetrics limits;
  RequestMetrics tcp;  // of opaque connections, each counted as one request without a route or a status
};

}  // namespace remora::observe
