#include "observe/metrics_render.h"

#include <fmt/format.h>

#include <functional>
#include <iterator>
#include <map>
#include <tuple>

namespace remora::observe {
namespace {

// One row for each number of CoreCounters; the member's type is the metric's type.
struct CounterRow {
  std::string_view name;
  std::string_view help;
  Counter CoreCounters::* counter = nullptr;
  Gauge CoreCounters::* gauge = nullptr;

  constexpr CounterRow(Counter CoreCounters::* member, std::string_view name_, std::string_view help_)
      : name(name_), help(help_), counter(member) {}
  constexpr CounterRow(Gauge CoreCounters::* member, std::string_view name_, std::string_view help_)
      : name(name_), help(help_), gauge(member) {}
};

using C = CoreCounters;
constexpr std::array kRows = {
    CounterRow{&C::downstream_accepted, "remora_downstream_connections_accepted_total", "Connections accepted."},
    CounterRow{&C::downstream_active, "remora_downstream_connections_active", "Connections of clients that are open."},
    CounterRow{&C::downstream_closed, "remora_downstream_connections_closed_total",
               "Connections of clients that ended."},
    CounterRow{&C::downstream_shed, "remora_downstream_connections_shed_total",
               "Connections refused for lack of descriptors or past limits.connections."},
    CounterRow{&C::downstream_h2_connections, "remora_downstream_http2_connections_total",
               "Connections of clients that spoke HTTP/2."},
    CounterRow{&C::tls_handshakes, "remora_tls_handshakes_total", "TLS handshakes of clients that succeeded."},
    CounterRow{&C::tls_resumed, "remora_tls_resumed_handshakes_total", "Of these, resumed by a session ticket."},
    CounterRow{&C::tls_handshake_failures, "remora_tls_handshake_failures_total",
               "TLS handshakes of clients that failed; the access log says why."},
    CounterRow{&C::downstream_bytes_received, "remora_downstream_received_bytes_total", "Bytes read from clients."},
    CounterRow{&C::downstream_bytes_sent, "remora_downstream_sent_bytes_total", "Bytes written to clients."},
    CounterRow{&C::upstream_connects, "remora_upstream_connects_total", "Connections to endpoints begun."},
    CounterRow{&C::upstream_connect_failures, "remora_upstream_connect_failures_total",
               "Connections to endpoints that failed or took too long."},
    CounterRow{&C::upstream_active, "remora_upstream_connections_active", "Connections to endpoints in use."},
    CounterRow{&C::upstream_idle, "remora_upstream_connections_idle", "Connections to endpoints waiting in the pool."},
    CounterRow{&C::upstream_h2_connections, "remora_upstream_http2_connections_active",
               "HTTP/2 connections to endpoints, each shared by many requests."},
    CounterRow{&C::upstream_reused, "remora_upstream_connections_reused_total",
               "Requests sent over a connection from the pool."},
    CounterRow{&C::upstream_closed_by_peer, "remora_upstream_connections_closed_by_peer_total",
               "Pooled connections that the endpoint closed while they were idle."},
    CounterRow{&C::upstream_retired, "remora_upstream_connections_retired_total",
               "Pooled connections closed by their age, idle time or number of requests."},
    CounterRow{&C::replays, "remora_upstream_replays_total",
               "Requests sent again because they provably never reached the application."},
    CounterRow{&C::retries, "remora_upstream_retries_total", "Requests sent again by the retry of their route."},
    CounterRow{&C::retries_denied, "remora_upstream_retries_denied_total",
               "Requests that would have been sent again, but for a bound or the retry budget."},
    CounterRow{&C::ejections, "remora_upstream_ejections_total",
               "Endpoints that were left out for a while because they failed."},
    CounterRow{&C::connections_overflowed, "remora_upstream_connections_overflowed_total",
               "Requests and TCP connections refused because a service had its limits.connections."},
    CounterRow{&C::requests_overflowed, "remora_upstream_requests_overflowed_total",
               "Requests refused because a service's limits.requests ran and its limits.pending waited."},
    CounterRow{&C::requests_displaced, "remora_upstream_requests_displaced_total",
               "Of these, requests whose place in the full queue was given to one of a higher priority."},
    CounterRow{
        &C::adaptive_limit_changes, "remora_upstream_adaptive_limit_changes_total",
        "Times that a service's adaptive_concurrency set another limit, which remora_service_requests_limit tells."},
    CounterRow{&C::breaker_opened, "remora_upstream_circuit_breaker_opened_total",
               "Times that a service's circuit_breaker opened."},
    CounterRow{&C::breaker_refused, "remora_upstream_circuit_breaker_refused_total",
               "Requests refused because a service's circuit_breaker wasn't closed."},
    CounterRow{&C::admission_refused, "remora_upstream_admission_refused_total",
               "Requests refused by chance by a service's admission_control."},
    CounterRow{&C::rate_limited, "remora_rate_limited_total", "Requests refused by the rate_limit of their route."},
    CounterRow{&C::rate_limited_shadow, "remora_rate_limited_shadow_total",
               "Requests that a rate_limit would have refused, were it no shadow."},
    CounterRow{&C::faults_delayed, "remora_faults_delayed_total", "Requests delayed by the fault of their route."},
    CounterRow{&C::faults_aborted, "remora_faults_aborted_total", "Requests answered by the fault of their route."},
    CounterRow{&C::hedges, "remora_upstream_hedges_total", "Second attempts beside a first that took long."},
    CounterRow{&C::hedges_won, "remora_upstream_hedges_won_total", "Second attempts that answered first."},
    CounterRow{&C::hedges_denied, "remora_upstream_hedges_denied_total",
               "Second attempts that weren't made because of the hedge's percent."},
    CounterRow{&C::mirrored, "remora_mirrored_total", "Copies of requests sent to mirrors."},
    CounterRow{&C::mirrors_skipped, "remora_mirrors_skipped_total",
               "Requests not copied: their body wasn't whole or too long, or too many copies were under way."},
    CounterRow{&C::mirror_failures, "remora_mirror_failures_total",
               "Copies that got no answer, or a status of 500 and more."},
    CounterRow{&C::deadlines_expired, "remora_deadlines_expired_total",
               "Requests refused because their caller's time was over before they could be sent."},
    CounterRow{&C::overload_closed, "remora_overload_closed_connections_total",
               "Connections not kept after their answer, or closed while idle, because of overload."},
    CounterRow{&C::overload_refused, "remora_overload_refused_requests_total", "Requests refused because of overload."},
    CounterRow{&C::overload_low_refused, "remora_overload_refused_low_priority_requests_total",
               "Of these, requests of low priority while others were let through."},
    CounterRow{&C::overload_unmirrored, "remora_overload_mirrors_skipped_total",
               "Copies of requests that weren't sent to mirrors because of overload."},
    CounterRow{&C::overload_unhedged, "remora_overload_hedges_skipped_total",
               "Second attempts that weren't made because of overload."},
    CounterRow{&C::overload_paused, "remora_overload_accept_pauses_total",
               "Times that connections were left waiting in the accept queue because of overload."},
    CounterRow{&C::tunnels_active, "remora_tunnels_active", "Upgraded connections, such as WebSockets, that are open."},
    CounterRow{&C::tcp_active, "remora_tcp_connections_active", "Connections relayed as opaque TCP that are open."},
    CounterRow{&C::protocol_errors_downstream, "remora_downstream_protocol_errors_total",
               "Requests refused because they were malformed or ambiguous."},
    CounterRow{&C::protocol_errors_upstream, "remora_upstream_protocol_errors_total",
               "Responses refused because they were malformed or ambiguous."},
    CounterRow{&C::glitches_downstream, "remora_downstream_glitches_total", "Odd but legal things that clients did."},
    CounterRow{&C::glitches_upstream, "remora_upstream_glitches_total", "Odd but legal things that applications did."},
    CounterRow{&C::access_log_written, "remora_access_log_lines_total", "Access log lines handed to the sink."},
    CounterRow{&C::access_log_dropped, "remora_access_log_dropped_lines_total",
               "Access log lines dropped because the sink was too slow."},
};
static_assert(sizeof(CoreCounters) == kRows.size() * sizeof(Counter), "each number of CoreCounters has one row");

consteval bool rowsDiffer() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (kRows[i].name == kRows[j].name) return false;
      if (kRows[i].counter == kRows[j].counter && kRows[i].gauge == kRows[j].gauge) return false;
    }
  }
  return true;
}
static_assert(rowsDiffer(), "no number of CoreCounters has two rows");

using Cores = std::span<const CoreMetrics* const>;
using Output = std::back_insert_iterator<std::string>;

void head(Output out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

template <class Number>
void single(Output out, std::string_view name, std::string_view type, std::string_view help, Number value) {
  head(out, name, type, help);
  fmt::format_to(out, "{} {}\n", name, value);
}

// Label values may hold anything that a configuration or an xDS server named; the format knows three escapes.
std::string escapeLabel(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    switch (c) {
      case '\\':
        escaped += "\\\\";
        break;
      case '"':
        escaped += "\\\"";
        break;
      case '\n':
        escaped += "\\n";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string_view nameOf(Direction direction) {
  return direction == Direction::kInbound ? "inbound" : "outbound";
}

void renderCounters(Cores cores, Output out) {
  for (const CounterRow& row : kRows) {
    if (row.counter != nullptr) {
      uint64_t sum = 0;
      for (const CoreMetrics* core : cores) sum += (core->*row.counter).value();
      single(out, row.name, "counter", row.help, sum);
    } else {
      int64_t sum = 0;
      for (const CoreMetrics* core : cores) sum += (core->*row.gauge).value();
      single(out, row.name, "gauge", row.help, sum);
    }
  }
}

constexpr auto kReasons = static_cast<size_t>(Reason::kCount);

// A sum over cores. `requests` is indexed by status class, then reason.
struct RequestSum {
  std::array<std::array<uint64_t, kReasons>, RequestSeries::kStatusClasses> requests{};
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  std::array<uint64_t, kGrpcStatuses> grpc{};
};

struct LatencySum {
  std::array<uint64_t, Histogram::kBuckets> buckets{};
  uint64_t nanos = 0;

  void add(const Histogram& histogram) {
    for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.count(i);
    nanos += histogram.sumNanos();
  }
};

struct ServiceSum {
  LatencySum whole;
  LatencySum upstream;
};

// Keys are rendered labels, so that what sorts together stands together.
struct Sums {
  std::map<std::string, RequestSum> requests;   // by direction, listener, route, service
  std::map<std::string, ServiceSum> latencies;  // by direction, route, service
  uint64_t series = 0;
  uint64_t overflow = 0;
};

void addSeries(const RequestSeries& series, Sums& sums) {
  const SeriesLabels labels = series.labels();
  const std::string route = escapeLabel(labels.route);
  const std::string service = escapeLabel(labels.service);
  RequestSum& sum = sums.requests[fmt::format(R"(direction="{}",listener="{}",route="{}",service="{}")",
                                              nameOf(labels.direction), escapeLabel(labels.listener), route, service)];
  for (size_t status_class = 0; status_class < RequestSeries::kStatusClasses; ++status_class) {
    for (size_t reason = 0; reason < kReasons; ++reason) {
      sum.requests[status_class][reason] += series.requests(status_class, static_cast<Reason>(reason));
    }
  }
  for (uint32_t code = 0; code < kGrpcStatuses; ++code) sum.grpc[code] += series.grpcCalls(code);
  sum.bytes_in += series.bytesIn();
  sum.bytes_out += series.bytesOut();
  ServiceSum& latency = sums.latencies[fmt::format(R"(direction="{}",route="{}",service="{}")",
                                                   nameOf(labels.direction), route, service)];
  latency.whole.add(series.whole());
  latency.upstream.add(series.upstream());
}

Sums sumOf(Cores cores) {
  Sums sums;
  for (const CoreMetrics* core : cores) {
    const size_t count = core->requests.size();
    for (size_t i = 0; i < count; ++i) addSeries(core->requests.at(i), sums);
    sums.series += count + core->tcp.size();
    sums.overflow += core->requests.overflow() + core->tcp.overflow();
  }
  return sums;
}

void renderRequests(const Sums& sums, Output out) {
  static constexpr std::array<std::string_view, RequestSeries::kStatusClasses> kClasses = {"0",   "1xx", "2xx",
                                                                                           "3xx", "4xx", "5xx"};
  constexpr std::string_view kName = "remora_requests_total";
  head(out, kName, "counter", "Requests that ended, by status class (0: nothing was sent) and reason.");
  for (const auto& [labels, sum] : sums.requests) {
    for (size_t status_class = 0; status_class < kClasses.size(); ++status_class) {
      for (size_t reason = 0; reason < kReasons; ++reason) {
        const uint64_t count = sum.requests[status_class][reason];
        // Only the usual one is shown while zero, so that its first request already is an increase.
        const bool usual = status_class == 2 && static_cast<Reason>(reason) == Reason::kOk;
        if (count == 0 && !usual) continue;
        fmt::format_to(out, "{}{{{},status_class=\"{}\",reason=\"{}\"}} {}\n", kName, labels, kClasses[status_class],
                       tokenOf(static_cast<Reason>(reason)), count);
      }
    }
  }
  head(out, "remora_request_body_bytes_total", "counter", "Bytes of request bodies received.");
  for (const auto& [labels, sum] : sums.requests) {
    fmt::format_to(out, "remora_request_body_bytes_total{{{}}} {}\n", labels, sum.bytes_in);
  }
  head(out, "remora_response_body_bytes_total", "counter", "Bytes of response bodies sent.");
  for (const auto& [labels, sum] : sums.requests) {
    fmt::format_to(out, "remora_response_body_bytes_total{{{}}} {}\n", labels, sum.bytes_out);
  }
}

struct TcpSum {
  std::array<uint64_t, kReasons> connections{};
  uint64_t received = 0;
  uint64_t sent = 0;
};
using TcpSums = std::map<std::string, TcpSum>;  // by direction, listener, service

TcpSums tcpSumsOf(Cores cores) {
  TcpSums sums;
  for (const CoreMetrics* core : cores) {
    const size_t count = core->tcp.size();
    for (size_t i = 0; i < count; ++i) {
      const RequestSeries& series = core->tcp.at(i);
      const SeriesLabels labels = series.labels();
      TcpSum& sum = sums[fmt::format(R"(direction="{}",listener="{}",service="{}")", nameOf(labels.direction),
                                     escapeLabel(labels.listener), escapeLabel(labels.service))];
      for (size_t reason = 0; reason < kReasons; ++reason) {
        sum.connections[reason] += series.requests(0, static_cast<Reason>(reason));
      }
      sum.received += series.bytesIn();
      sum.sent += series.bytesOut();
    }
  }
  return sums;
}

// Nothing at all where no TCP is relayed.
void renderTcp(Cores cores, Output out) {
  const TcpSums sums = tcpSumsOf(cores);
  if (sums.empty()) return;
  constexpr std::string_view kName = "remora_tcp_connections_total";
  head(out, kName, "counter", "Connections relayed as opaque TCP that ended, by reason.");
  for (const auto& [labels, sum] : sums) {
    for (size_t reason = 0; reason < kReasons; ++reason) {
      if (sum.connections[reason] == 0 && static_cast<Reason>(reason) != Reason::kOk) continue;
      fmt::format_to(out, "{}{{{},reason=\"{}\"}} {}\n", kName, labels, tokenOf(static_cast<Reason>(reason)),
                     sum.connections[reason]);
    }
  }
  head(out, "remora_tcp_received_bytes_total", "counter", "Bytes received on such connections, when they ended.");
  for (const auto& [labels, sum] : sums) {
    fmt::format_to(out, "remora_tcp_received_bytes_total{{{}}} {}\n", labels, sum.received);
  }
  head(out, "remora_tcp_sent_bytes_total", "counter", "Bytes sent on such connections, when they ended.");
  for (const auto& [labels, sum] : sums) {
    fmt::format_to(out, "remora_tcp_sent_bytes_total{{{}}} {}\n", labels, sum.sent);
  }
}

void renderGrpc(const Sums& sums, Output out) {
  constexpr std::string_view kName = "remora_grpc_calls_total";
  head(out, kName, "counter", "gRPC calls that ended with a status, by its name.");
  for (const auto& [labels, sum] : sums.requests) {
    for (uint32_t code = 0; code < kGrpcStatuses; ++code) {
      if (sum.grpc[code] == 0) continue;
      fmt::format_to(out, "{}{{{},grpc_status=\"{}\"}} {}\n", kName, labels, grpcStatusName(code), sum.grpc[code]);
    }
  }
}

void renderHistogram(const Sums& sums, Output out, std::string_view name, std::string_view help,
                     LatencySum ServiceSum::* member) {
  head(out, name, "histogram", help);
  for (const auto& [labels, service] : sums.latencies) {
    const LatencySum& sum = service.*member;
    uint64_t count = 0;
    for (size_t i = 0; i < Histogram::kBoundSeconds.size(); ++i) {
      count += sum.buckets[i];
      fmt::format_to(out, "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, Histogram::kBoundSeconds[i], count);
    }
    count += sum.buckets.back();
    fmt::format_to(out, "{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n", name, labels,
                   count, static_cast<double>(sum.nanos) / 1e9);
  }
}

void renderOverload(const OverloadFacts& overload, Output out) {
  single(out, "remora_overload_stage", "gauge",
         "What remora does against overload: 0 nothing, 1 no keep-alive, 2 requests of low priority are "
         "refused, 3 all are, 4 nothing is accepted.",
         overload.stage);
  head(out, "remora_overload_pressure", "gauge", "How much of what remora may use is in use; 1 is all of it.");
  for (const OverloadFacts::Use& use : overload.uses) {
    fmt::format_to(out, "remora_overload_pressure{{resource=\"{}\"}} {:.4f}\n", use.resource, use.pressure);
  }
}

// Nothing at all where nothing is checked.
void renderHealthChecks(const ProcessFacts& facts, Output out) {
  if (facts.health_checks.empty()) return;
  head(out, "remora_health_checks_total", "counter", "Active checks of endpoints that ended, by result.");
  for (const ProcessFacts::HealthChecks& checks : facts.health_checks) {
    const std::string service = escapeLabel(checks.service);
    fmt::format_to(out, "remora_health_checks_total{{service=\"{}\",result=\"passed\"}} {}\n", service, checks.passed);
    fmt::format_to(out, "remora_health_checks_total{{service=\"{}\",result=\"failed\"}} {}\n", service, checks.failed);
  }
  head(out, "remora_healthy_endpoints", "gauge", "Endpoints that no active check holds back from requests.");
  for (const ProcessFacts::HealthChecks& checks : facts.health_checks) {
    fmt::format_to(out, "remora_healthy_endpoints{{service=\"{}\"}} {}\n", escapeLabel(checks.service), checks.healthy);
  }
  head(out, "remora_checked_endpoints", "gauge", "Endpoints that are checked actively.");
  for (const ProcessFacts::HealthChecks& checks : facts.health_checks) {
    fmt::format_to(out, "remora_checked_endpoints{{service=\"{}\"}} {}\n", escapeLabel(checks.service),
                   checks.endpoints);
  }
}

// Nothing at all where no service has a limit.
void renderServiceLimits(const ProcessFacts& facts, Output out) {
  using Limit = ProcessFacts::ServiceLimit;
  const auto all = [&](const std::vector<Limit>& limits, std::string_view name, std::string_view help,
                       uint32_t Limit::* number) {
    if (limits.empty()) return;
    head(out, name, "gauge", help);
    for (const Limit& each : limits) {
      fmt::format_to(out, "{}{{service=\"{}\"}} {}\n", name, escapeLabel(each.service), each.*number);
    }
  };
  const std::vector<Limit>& requests = facts.request_limits;
  all(requests, "remora_service_requests_limit",
      "Requests to the service that may run at once: limits.requests, or what adaptive_concurrency allows now.",
      &Limit::limit);
  all(requests, "remora_service_requests_active", "Requests to it that run.", &Limit::active);
  all(requests, "remora_service_requests_waiting", "Requests that wait until one of these ends.", &Limit::waiting);
  const std::vector<Limit>& connections = facts.connection_limits;
  all(connections, "remora_service_connections_limit", "Connections that the service may have: limits.connections.",
      &Limit::limit);
  all(connections, "remora_service_connections_active", "Connections to it, idle ones too.", &Limit::active);
  all(connections, "remora_service_connections_waiting", "Requests and TCP connections that wait for one of these.",
      &Limit::waiting);
}

// Nothing at all where no rate_limit_service is asked.
void renderLimits(Cores cores, Output out) {
  struct Sum {
    std::array<uint64_t, kLimitResults> results{};
    uint64_t nanos = 0;
  };
  std::map<std::string, Sum> sums;
  for (const CoreMetrics* core : cores) {
    for (size_t i = 0; i < core->limits.size(); ++i) {
      const LimitSeries& series = core->limits.at(i);
      Sum& sum = sums[escapeLabel(series.service)];
      for (size_t result = 0; result < kLimitResults; ++result) sum.results[result] += series.results[result].value();
      sum.nanos += series.nanos.value();
    }
  }
  if (sums.empty()) return;
  head(out, "remora_rate_limit_service_requests_total", "counter", "Questions to a rate_limit_service, by its answer.");
  for (const auto& [service, sum] : sums) {
    for (size_t i = 0; i < kLimitResults; ++i) {
      fmt::format_to(out, "remora_rate_limit_service_requests_total{{service=\"{}\",result=\"{}\"}} {}\n", service,
                     nameOf(static_cast<LimitResult>(i)), sum.results[i]);
    }
  }
  head(out, "remora_rate_limit_service_seconds_total", "counter", "What requests waited for these answers, in all.");
  for (const auto& [service, sum] : sums) {
    fmt::format_to(out, "remora_rate_limit_service_seconds_total{{service=\"{}\"}} {}\n", service,
                   static_cast<double>(sum.nanos) / 1e9);
  }
}

void renderEndpointFiles(const ProcessFacts& facts, Output out) {
  if (facts.endpoint_files.empty()) return;
  head(out, "remora_endpoint_file_good", "gauge",
       "1 while the file's endpoints serve; 0: it is refused, those before stay.");
  for (const auto& each : facts.endpoint_files) {
    fmt::format_to(out, "remora_endpoint_file_good{{file=\"{}\"}} {}\n", escapeLabel(each.file), each.is_good ? 1 : 0);
  }
  head(out, "remora_endpoint_file_failures_total", "counter", "Readings of a file of endpoints that were refused.");
  for (const auto& each : facts.endpoint_files) {
    fmt::format_to(out, "remora_endpoint_file_failures_total{{file=\"{}\"}} {}\n", escapeLabel(each.file),
                   each.failures);
  }
}

void renderProcess(const ProcessFacts& facts, Output out) {
  single(out, "remora_access_log_lost_lines_total", "counter", "Access log lines lost because writing them failed.",
         facts.access_log_lost);
  single(out, "remora_access_log_errors_total", "counter", "Failed writes of the access log.", facts.access_log_errors);
  single(out, "remora_log_suppressed_lines_total", "counter",
         "Lines of the process log left out because they repeated.", facts.log_suppressed);
  single(out, "remora_snapshot_generation", "gauge", "Number of the configuration that serves.",
         facts.snapshot_generation);
  single(out, "remora_reloads_total", "counter", "Configurations taken over since the start.", facts.reloads);
  single(out, "remora_reload_failures_total", "counter", "Configurations refused; the one before went on serving.",
         facts.reload_failures);
  head(out, "remora_build_info", "gauge", "Always 1; the version is a label.");
  fmt::format_to(out, "remora_build_info{{version=\"{}\"}} 1\n", escapeLabel(facts.version));
  head(out, "remora_tls_certificate_expiry_timestamp_seconds", "gauge",
       "When a certificate that is served or shown expires, in seconds since 1970.");
  for (const ProcessFacts::Certificate& certificate : facts.certificates) {
    fmt::format_to(out, "remora_tls_certificate_expiry_timestamp_seconds{{file=\"{}\",subject=\"{}\"}} {}\n",
                   escapeLabel(certificate.file), escapeLabel(certificate.subject), certificate.not_after);
  }
  renderEndpointFiles(facts, out);
  renderOverload(facts.overload, out);
  single(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent, in seconds.", facts.cpu_seconds);
  single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", facts.resident_bytes);
  single(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", facts.virtual_bytes);
  single(out, "process_open_fds", "gauge", "Open file descriptors.", facts.open_fds);
  single(out, "process_max_fds", "gauge", "Most file descriptors that may be open.", facts.max_fds);
  single(out, "process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
         facts.start_time_seconds);
}

}  // namespace

std::string renderPrometheus(Cores cores, const ProcessFacts& facts) {
  std::string text;
  const Output out(text);
  const Sums sums = sumOf(cores);
  renderRequests(sums, out);
  renderGrpc(sums, out);
  renderHistogram(sums, out, "remora_request_duration_seconds", "From the request head read to the last byte sent.",
                  &ServiceSum::whole);
  renderHistogram(sums, out, "remora_upstream_duration_seconds", "From the request sent to the response head.",
                  &ServiceSum::upstream);
  renderTcp(cores, out);
  renderCounters(cores, out);
  renderLimits(cores, out);
  single(out, "remora_metric_series", "gauge", "Series of requests and TCP connections held, summed over the cores.",
         sums.series);
  single(out, "remora_metric_series_overflow_total", "counter",
         "Look-ups of such series that went to 'other' because a core held as many as it may.", sums.overflow);
  renderHealthChecks(facts, out);
  renderServiceLimits(facts, out);
  renderProcess(facts, out);
  return text;
}

}  // namespace remora::observe
