#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <unordered_set>

#include "base/ascii.h"
#include "control/concurrency_reader.h"
#include "control/config_keys.h"
#include "control/effective_endpoints.h"
#include "control/effective_resilience.h"
#include "control/effective_transport.h"
#include "control/health_check_reader.h"
#include "control/overload_config.h"
#include "control/route_order.h"
#include "control/units.h"
#include "control/yaml_config.h"
#include "control/yaml_writer.h"

namespace remora::control {

namespace {

using model::AccessLog;

// One route as a file would say it: once, with its hosts.
struct WrittenRoute {
  const model::Route* route;
  std::vector<std::string_view> hosts;  // of every virtual host that has it
  size_t index = 0;                     // in the file, as far as its origin tells
};

// "inbound[0].routes[3]" is 3; what shorthands stand for comes after every written route.
size_t fileIndex(const std::string& path) {
  const size_t open = path.rfind("routes[");
  if (open == std::string::npos || !path.ends_with(']')) return SIZE_MAX;
  return ascii::parseDecimal(std::string_view(path).substr(open + 7, path.size() - open - 8)).value_or(SIZE_MAX);
}

// The widest of the hosts: the merging of routes made the others. "*" alone means every host.
std::vector<std::string_view> widestHosts(const std::vector<std::string_view>& hosts) {
  const std::unordered_set<std::string_view> all(hosts.begin(), hosts.end());
  if (all.contains("*")) return {};
  std::vector<std::string_view> out;
  for (const std::string_view host : hosts) {
    bool is_covered = false;
    std::string_view rest = host.starts_with("*.") ? host.substr(2) : host;
    for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      rest.remove_prefix(dot + 1);
      is_covered = is_covered || all.contains("*." + std::string(rest));
    }
    if (!is_covered) out.push_back(host);
  }
  return out;
}

// Undoes the merging: every route once, in the order of the file.
std::vector<WrittenRoute> writtenRoutes(const model::RouteTable& table) {
  std::vector<WrittenRoute> routes;
  std::unordered_map<std::string, size_t> known;
  for (const model::VirtualHost& host : table.hosts) {
    for (const model::Route& route : host.routes) {
      const auto [at, is_new] = known.try_emplace(route.origin.path + '\n' + route.name, routes.size());
      if (is_new) routes.push_back({&route, {}, fileIndex(route.origin.path)});
      for (const std::string& pattern : host.hosts) routes[at->second].hosts.push_back(pattern);
    }
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < routes.size(); ++i) order.push_back(i);
  std::ranges::sort(order, {}, [&](size_t i) { return std::pair(routes[i].index, i); });
  std::vector<WrittenRoute> sorted;
  for (const size_t i : order) sorted.push_back(std::move(routes[i]));
  return sorted;
}

class EffectiveWriter {
 public:
  explicit EffectiveWriter(const model::Config& config) : config_(config) {}

  std::string write();

 private:
  void writeListeners(std::string_view key, model::Direction direction);
  void writeListener(const model::Listener& listener);
  void writeHttp(const model::HttpOptions& http);
  void writeTcp(const model::Listener& listener);
  void writeLimits(const model::Limits& limits);
  void writeTimeouts(const model::Timeouts& timeouts);
  void writeRoutes(const std::string& table);
  void writeRoute(const WrittenRoute& route);
  void writeMatch(const WrittenRoute& route);
  void writeValues(std::string_view key, const std::vector<model::ValueMatch>& values);
  void writeAction(const model::Route& route);
  void writeRedirect(const model::Redirect& redirect);
  void writeRewrite(const model::Rewrite& rewrite);
  void writeHeaderChanges(std::string_view key, const model::HeaderChanges& changes);
  void writeServices();
  void writeTelemetry();
  void writeAccessLog(const AccessLog& log);
  void writeAdmin();

  void time(std::string_view key, Milliseconds value) { out_.entry(key, durationText(value)); }
  void size(std::string_view key, Bytes value) { out_.entry(key, sizeText(value)); }
  void optional(std::string_view key, const std::optional<std::string>& value) {
    if (value) out_.entry(key, yamlQuoted(*value));
  }

  const model::Config& config_;
  YamlWriter out_;
};

std::string EffectiveWriter::write() {
  writeListeners("inbound", model::Direction::kInbound);
  writeListeners("outbound", model::Direction::kOutbound);
  writeServices();
  writeLimitServices(out_, config_.rate_limit_services);
  out_.open("drain");
  time("delay", config_.drain.delay);
  time("grace", config_.drain.grace);
  out_.close();
  writeOverload(out_, config_.overload);
  out_.number("cores", config_.cores);
  out_.entry("zone", yamlQuoted(config_.zone));
  writeTelemetry();
  writeAdmin();
  return out_.take();
}

void EffectiveWriter::writeListeners(std::string_view key, model::Direction direction) {
  const auto isOurs = [&](const model::Listener& listener) { return listener.direction == direction; };
  if (std::ranges::none_of(config_.listeners, isOurs)) return;
  out_.open(key);
  for (const model::Listener& listener : config_.listeners) {
    if (isOurs(listener)) writeListener(listener);
  }
  out_.close();
}

void EffectiveWriter::writeListener(const model::Listener& listener) {
  out_.beginItem();
  out_.text("listen", model::toText(listener.address));
  out_.text("name", listener.name);
  const model::Chain& last = listener.default_chain;
  out_.entry("protocol", wordOf(kInboundSpec, "protocol", static_cast<size_t>(last.protocol)));
  time("detection", listener.detection);
  const auto tls = std::ranges::find(config_.tls_servers, last.tls, &model::TlsServer::name);
  if (!last.tls.empty() && tls != config_.tls_servers.end()) writeTlsServer(out_, *tls);
  if (last.http) writeHttp(*last.http);
  if (last.http && last.protocol != model::Protocol::kHttp1) writeHttp2(out_, last.http->http2);
  char mode[8];
  std::snprintf(mode, sizeof mode, "\"%04o\"", listener.unix_mode & 0777U);
  out_.entry("unix_mode", mode);
  out_.number("backlog", listener.backlog);
  writeLimits(listener.limits);
  writeTimeouts(listener.timeouts);
  if (last.http) writeRoutes(last.http->route_table);
  if (last.protocol == model::Protocol::kTcp) writeTcp(listener);
  out_.endItem();
}

void EffectiveWriter::writeTcp(const model::Listener& listener) {
  out_.open("tcp");
  for (const model::Chain& chain : listener.chains) writeTcpChain(out_, chain);
  if (listener.default_chain.tcp) writeTcpChain(out_, listener.default_chain);
  out_.close();
}

void EffectiveWriter::writeHttp(const model::HttpOptions& http) {
  out_.flag("edge", http.edge);
  out_.number("trusted_hops", http.trusted_hops);
  out_.flag("forwarded", http.forwarded);
  optional("via", http.via);
  out_.flag("request_id", http.request_id);
  out_.flag("trace_context", http.trace_context);
  if (!http.deadline_header.empty()) out_.text("deadline_header", http.deadline_header);
  out_.entry("client_fin", wordOf(kInboundSpec, "client_fin", static_cast<size_t>(http.client_fin)));
  out_.flag("merge_slashes", http.merge_slashes);
}

void EffectiveWriter::writeLimits(const model::Limits& limits) {
  out_.open("limits");
  size("head", limits.head);
  out_.number("header_count", limits.header_count);
  size("target", limits.target);
  size("trailers", limits.trailers);
  size("chunk_extensions", limits.chunk_extensions);
  out_.number("requests_per_connection", limits.requests_per_connection);
  out_.number("connections", limits.connections);
  out_.number("host_bytes", limits.host_bytes);
  out_.close();
}

void EffectiveWriter::writeTimeouts(const model::Timeouts& timeouts) {
  out_.open("timeouts");
  time("header", timeouts.header);
  time("body_stall", timeouts.body_stall);
  time("write_stall", timeouts.write_stall);
  time("idle", timeouts.idle);
  out_.close();
}

void EffectiveWriter::writeRoutes(const std::string& name) {
  const auto table = std::ranges::find(config_.route_tables, name, &model::RouteTable::name);
  if (table == config_.route_tables.end() || table->hosts.empty()) return;
  out_.open("routes");
  for (const WrittenRoute& route : writtenRoutes(*table)) writeRoute(route);
  out_.close();
}

void EffectiveWriter::writeRoute(const WrittenRoute& written) {
  const model::Route& route = *written.route;
  out_.beginItem();
  out_.text("name", route.name);
  writeMatch(written);
  writeAction(route);
  if (std::holds_alternative<model::Forward>(route.action)) {
    if (route.rewrite) writeRewrite(*route.rewrite);
    writeHeaderChanges("request_headers", route.request_headers);
    time("timeout", route.timeout);
    time("idle_timeout", route.idle_timeout);
    writeHashKeys(out_, "split_by", std::get<model::Forward>(route.action).split_by);
    if (route.fault) writeFault(out_, *route.fault);
    if (route.hedge) writeHedge(out_, *route.hedge);
    writeMirrors(out_, route.mirrors);
    if (route.retry) writeRetry(out_, *route.retry);
    writePriority(out_, route.priority);
  }
  if (route.rate_limit) writeRateLimit(out_, *route.rate_limit);
  if (route.shared_limit) writeSharedLimit(out_, *route.shared_limit);
  writeHeaderChanges("response_headers", route.response_headers);
  out_.endItem();
}

void EffectiveWriter::writeMatch(const WrittenRoute& written) {
  const model::RouteMatch& match = written.route->match;
  const std::vector<std::string_view> hosts = widestHosts(written.hosts);
  out_.open("match");
  out_.entry("host", hosts.empty() ? "\"*\"" : flowList(hosts));
  constexpr std::string_view kPathKeys[] = {"", "exact", "prefix", "regex", "template"};
  if (match.path.kind != model::PathMatch::Kind::kAny) {
    const std::string key(kPathKeys[static_cast<size_t>(match.path.kind)]);
    out_.entry("path", "{ " + key + ": " + yamlQuoted(match.path.text) + " }");
  }
  if (!match.methods.empty()) out_.entry("methods", flowList(match.methods));
  writeValues("headers", match.headers);
  writeValues("query", match.query);
  writeValues("cookies", match.cookies);
  if (!match.sources.empty()) out_.entry("source", flowList(match.sources));
  out_.close();
}

void EffectiveWriter::writeValues(std::string_view key, const std::vector<model::ValueMatch>& values) {
  if (values.empty()) return;
  out_.open(key);
  constexpr std::string_view kKinds[] = {"exact", "prefix", "suffix", "regex", "present", "absent"};
  for (const model::ValueMatch& value : values) {
    const bool has_text =
        value.kind != model::ValueMatch::Kind::kPresent && value.kind != model::ValueMatch::Kind::kAbsent;
    const std::string kind(kKinds[static_cast<size_t>(value.kind)]);
    out_.entry(value.name, "{ " + kind + ": " + (has_text ? yamlQuoted(value.text) : "true") + " }");
  }
  out_.close();
}

void EffectiveWriter::writeAction(const model::Route& route) {
  if (const auto* redirect = std::get_if<model::Redirect>(&route.action)) return writeRedirect(*redirect);
  if (const auto* answer = std::get_if<model::DirectAnswer>(&route.action)) {
    out_.open("answer");
    out_.number("status", answer->status);
    out_.entry("body", yamlQuoted(answer->body));
    out_.entry("content_type", yamlQuoted(answer->content_type));
    return out_.close();
  }
  const auto& clusters = std::get<model::Forward>(route.action).clusters;
  if (clusters.size() == 1 && clusters[0].weight == 1) return out_.entry("to", destinationYaml(clusters[0]));
  out_.open("split");
  for (const model::WeightedCluster& cluster : clusters) {
    out_.item("{ to: " + destinationYaml(cluster) + ", weight: " + std::to_string(cluster.weight) + " }");
  }
  out_.close();
}

void EffectiveWriter::writeRedirect(const model::Redirect& redirect) {
  out_.open("redirect");
  out_.number("status", redirect.status);
  optional("scheme", redirect.scheme);
  optional("host", redirect.host);
  if (redirect.port) out_.number("port", *redirect.port);
  optional("path", redirect.path);
  optional("path_prefix", redirect.path_prefix);
  out_.close();
}

void EffectiveWriter::writeRewrite(const model::Rewrite& rewrite) {
  out_.open("rewrite");
  optional("path", rewrite.path);
  optional("path_prefix", rewrite.path_prefix);
  optional("host", rewrite.host);
  out_.close();
}

void EffectiveWriter::writeHeaderChanges(std::string_view key, const model::HeaderChanges& changes) {
  if (changes.isEmpty()) return;
  out_.open(key);
  if (!changes.set.empty()) {
    out_.open("set");
    for (const auto& [name, value] : changes.set) out_.entry(name, yamlQuoted(value));
    out_.close();
  }
  if (!changes.add.empty()) {
    // A name may be added several times, but a mapping has it once: with the list of its values.
    std::vector<std::pair<std::string_view, std::vector<std::string_view>>> grouped;
    for (const auto& [name, value] : changes.add) {
      auto found = std::ranges::find(grouped, name, [](const auto& group) { return group.first; });
      if (found == grouped.end()) found = grouped.insert(found, {name, {}});
      found->second.emplace_back(value);
    }
    out_.open("add");
    for (const auto& [name, values] : grouped) out_.entry(name, flowList(values));
    out_.close();
  }
  if (!changes.remove.empty()) out_.entry("remove", flowList(changes.remove));
  out_.close();
}

void EffectiveWriter::writeServices() {
  if (config_.clusters.empty()) return;
  out_.open("services");
  for (const model::Cluster& cluster : config_.clusters) {
    out_.open(cluster.name);
    writeEndpoints(out_, cluster);
    writeResilience(out_, cluster);
    writeConcurrency(out_, cluster);
    writeHealthCheck(out_, cluster.health_check);
    out_.open("timeouts");
    time("connect", cluster.pool.connect);
    time("idle", cluster.pool.idle);
    time("max_age", cluster.pool.max_age);
    time("write_stall", cluster.pool.write_stall);
    out_.close();
    out_.open("limits");
    out_.number("requests", cluster.limits.requests);
    out_.number("pending", cluster.limits.pending);
    time("pending_timeout", cluster.limits.pending_timeout);
    out_.number("low_share", cluster.limits.low_percent);
    out_.number("connections", cluster.limits.connections);
    out_.number("retries", cluster.limits.retries);
    out_.number("idle_connections", cluster.pool.max_idle);
    out_.number("requests_per_connection", cluster.pool.max_requests);
    out_.close();
    out_.entry("protocol", wordOf(kServiceSpec, "protocol", static_cast<size_t>(cluster.protocol)));
    writeTlsClient(out_, cluster.tls);
    if (cluster.mayBeHttp2()) writeHttp2(out_, cluster.http2);
    out_.close();
  }
  out_.close();
}

void EffectiveWriter::writeTelemetry() {
  out_.open("telemetry");
  writeAccessLog(config_.telemetry.access_log);
  out_.open("log");
  out_.entry("level", wordOf(kLogSpec, "level", static_cast<size_t>(config_.telemetry.log.level)));
  out_.entry("format", config_.telemetry.log.json ? "json" : "text");
  out_.close();
  out_.number("recent", config_.telemetry.recent);
  out_.close();
}

void EffectiveWriter::writeAccessLog(const AccessLog& log) {
  out_.open("access_log");
  switch (log.sink) {
    case AccessLog::Sink::kNone:
      out_.entry("to", "false");
      break;
    case AccessLog::Sink::kStdout:
      out_.entry("to", "stdout");
      break;
    case AccessLog::Sink::kFile:
      out_.text("to", log.path);
      break;
    case AccessLog::Sink::kSyslogUnix:
      out_.text("to", "syslog:unix:" + log.path);
      break;
    case AccessLog::Sink::kSyslogUdp:
      out_.text("to", "syslog:udp:" + model::toText(log.address));
      break;
  }
  out_.entry("format", wordOf(kAccessLogSpec, "format", static_cast<size_t>(log.format)));
  if (log.format == AccessLog::Format::kText) out_.entry("template", yamlQuoted(log.text));
  if (!log.fields.empty()) out_.entry("fields", flowList(log.fields));
  size("buffer", log.buffer);
  time("flush", log.flush);
  size("queue", log.queue);
  out_.close();
}

void EffectiveWriter::writeAdmin() {
  if (!config_.admin) return out_.entry("admin", "false");
  out_.open("admin");
  out_.text("listen", model::toText(*config_.admin));
  out_.flag("public", config_.admin_public);
  out_.close();
}

}  // namespace

std::string effectiveYaml(const model::Config& config) {
  return EffectiveWriter(config).write();
}

}  // namespace remora::control
