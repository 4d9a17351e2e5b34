// /clusters: every service of the configuration that serves, with what all cores together know of it.
#include <fmt/format.h>

#include <algorithm>

#include "admin/core_facts.h"
#include "admin/gather.h"
#include "admin/json.h"
#include "admin/pages.h"
#include "admin/text_table.h"
#include "admin/words.h"

namespace remora::admin {
namespace {

struct ServiceRow {
  const model::Cluster* cluster;
  ClusterFacts facts;
  std::string dns;  // lines
  std::optional<upstream::HealthFacts> health;
};

std::vector<ServiceRow> rowsOf(const Process& process, const snapshot::Snapshot& snapshot,
                               std::vector<ClusterFacts> sums) {
  std::vector<ServiceRow> rows;
  for (const model::Cluster& cluster : snapshot.config.clusters) {
    ServiceRow row{.cluster = &cluster,
                   .facts = {.name = cluster.name},
                   .dns = process.resolverFacts(cluster.name),
                   .health = process.healthFacts(cluster.name)};
    const auto sum = std::ranges::find_if(sums, [&](const ClusterFacts& each) { return each.name == cluster.name; });
    if (sum != sums.end()) row.facts = std::move(*sum);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> linesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

std::string stateOf(const ClusterFacts& facts) {
  if (facts.version == 0) return "no endpoints have arrived yet";
  if (facts.endpoints.empty()) return facts.has_dns_failed ? "no endpoint: DNS fails" : "no endpoint";
  const std::string count =
      fmt::format("{} endpoint{}", facts.endpoints.size(), facts.endpoints.size() == 1 ? "" : "s");
  return facts.has_dns_failed ? count + ", some name has never resolved" : count;
}

// Null: it isn't checked.
const upstream::EndpointCheckFacts* checksOf(const ServiceRow& row, const std::string& address) {
  if (!row.health) return nullptr;
  const auto found = std::ranges::find(row.health->endpoints, address, &upstream::EndpointCheckFacts::address);
  return found == row.health->endpoints.end() ? nullptr : &*found;
}

std::string_view wordOf(upstream::Checked checked) {
  switch (checked) {
    case upstream::Checked::kNot:
      return "not checked yet";
    case upstream::Checked::kAwaited:
      return "awaits its first check";
    case upstream::Checked::kHealthy:
      return "healthy";
    case upstream::Checked::kUnhealthy:
      return "unhealthy";
  }
  return "-";
}

// What holds requests back comes first.
std::string_view healthWord(const ServiceRow& row, const EndpointFacts& endpoint) {
  const upstream::EndpointCheckFacts* const checks = checksOf(row, endpoint.address);
  if (checks && checks->checked == upstream::Checked::kUnhealthy) return "unhealthy";
  if (endpoint.is_ejected) return "ejected";
  return checks ? wordOf(checks->checked) : "-";
}

std::string failureLines(const ServiceRow& row) {
  if (!row.health) return {};
  std::string text;
  for (const upstream::EndpointCheckFacts& each : row.health->endpoints) {
    if (each.last_failure.empty()) continue;
    text += fmt::format("  {} failed its check {} ago: {}\n", each.address, measuredText(*each.last_failed_ago),
                        each.last_failure);
  }
  return text;
}

std::string endpointTable(const ServiceRow& row) {
  TextTable table({"ADDRESS", "WEIGHT", "PRIORITY", "ACTIVE", "IDLE", "REQUESTS", "FAILURES", "HEALTH",
                   "CLOSES IDLE AFTER", "NAME", "ZONE", "LABELS", "FROM"});
  for (const EndpointFacts& each : row.facts.endpoints) {
    table.add({each.address, std::to_string(each.weight), std::to_string(each.priority), std::to_string(each.active),
               std::to_string(each.idle), std::to_string(each.requests), std::to_string(each.failures),
               std::string(healthWord(row, each)), each.learned_idle.count() ? measuredText(each.learned_idle) : "-",
               each.name.empty() ? "-" : each.name, each.zone.empty() ? "-" : each.zone,
               each.labels.empty() ? "-" : model::toText(each.labels), each.source.empty() ? "-" : each.source});
  }
  return table.print("  ");
}

// "12 of 40 requests (adaptive limit, min rtt 9.8ms), 3 wait"; a line for each that is configured.
std::string printHolding(const HoldingFacts& facts) {
  std::string text;
  if (facts.limit) {
    text += fmt::format("  requests: {} of {}", facts.active, facts.limit);
    if (facts.is_adaptive) {
      text += fmt::format(" (adaptive limit, min rtt {})",
                          facts.min_rtt.count() ? measuredText(facts.min_rtt) : "not measured yet");
    }
    text += fmt::format(", {} wait\n", facts.waiting);
  }
  if (!facts.breaker.empty()) {
    text += fmt::format("  circuit breaker: {}", facts.breaker);
    if (facts.breaker != "closed") text += fmt::format(", {} % failed", facts.error_percent);
    if (facts.open_left.count()) text += fmt::format(", tried again in {}", measuredText(facts.open_left));
    text += "\n";
  }
  if (facts.has_admission) text += fmt::format("  admission control: refuses {} %\n", facts.refused_percent);
  return text;
}

std::string printText(const std::vector<ServiceRow>& rows, const std::string& silent) {
  std::string text = silent.empty() ? "" : silent + "\n\n";
  for (const ServiceRow& row : rows) {
    text += fmt::format("{}: {}, {} ({})\n", row.cluster->name, nameOf(row.cluster->balance), stateOf(row.facts),
                        describe(row.cluster->origin));
    text += printHolding(row.facts.holding);
    if (!row.facts.endpoints.empty()) text += endpointTable(row) + failureLines(row);
    for (const std::string& line : linesOf(row.dns)) text += "  " + line + "\n";
    text += "\n";
  }
  if (rows.empty()) text += "no services are configured\n";
  return text;
}

Json jsonOf(const model::Labels& labels) {
  Json json = Json::object();
  for (const auto& [name, value] : labels) json[name] = value;
  return json;
}

Json jsonOf(const ServiceRow& row, const EndpointFacts& facts) {
  const upstream::EndpointCheckFacts* const checks = checksOf(row, facts.address);
  return {{"address", facts.address},
          {"health", healthWord(row, facts)},
          {"last_check_failure", checks ? checks->last_failure : std::string()},
          {"name", facts.name},
          {"zone", facts.zone},
          {"labels", jsonOf(facts.labels)},
          {"from", facts.source},
          {"weight", facts.weight},
          {"priority", facts.priority},
          {"active", facts.active},
          {"idle_connections", facts.idle},
          {"requests", facts.requests},
          {"failures", facts.failures},
          {"learned_idle_ms", facts.learned_idle.count() / 1'000'000}};
}

Json jsonOf(const HoldingFacts& facts) {
  Json json = Json::object();
  if (facts.limit) {
    json["limit"] = facts.limit;
    json["adaptive"] = facts.is_adaptive;
    json["active"] = facts.active;
    json["waiting"] = facts.waiting;
    if (facts.is_adaptive) json["min_rtt_us"] = facts.min_rtt.count() / 1000;
  }
  if (!facts.breaker.empty()) {
    json["circuit_breaker"] = {{"state", facts.breaker},
                               {"error_percent", facts.error_percent},
                               {"tried_again_in_ms", facts.open_left.count() / 1'000'000}};
  }
  if (facts.has_admission) json["admission_refused_percent"] = facts.refused_percent;
  return json;
}

Json jsonOf(const ServiceRow& row) {
  Json endpoints = Json::array();
  for (const EndpointFacts& each : row.facts.endpoints) endpoints.push_back(jsonOf(row, each));
  return {{"name", row.cluster->name},
          {"balance", nameOf(row.cluster->balance)},
          {"where", describe(row.cluster->origin)},
          {"version", row.facts.version},
          {"dns_failed", row.facts.has_dns_failed},
          {"dns", linesOf(row.dns)},
          {"held_back", jsonOf(row.facts.holding)},
          {"endpoints", std::move(endpoints)}};
}

Json coresJson(const Gathered<CoreFacts>& cores) {
  Json list = Json::array();
  for (size_t i = 0; i < cores.size(); ++i) {
    Json core = {{"core", i}, {"answered", cores[i].has_value()}};
    if (cores[i]) {
      core["generation"] = cores[i]->generation;
      core["connections"] = cores[i]->connections;
    }
    list.push_back(std::move(core));
  }
  return list;
}

}  // namespace

loop::Task<Page> Pages::clusters(PageRequest request) {
  if (auto known = knowParams(request, {}); !known) co_return known.error();
  const Gathered<CoreFacts> cores = co_await gather(loop_, process_.cores(), &copyCoreFacts);
  const snapshot::SnapshotPtr snapshot = process_.snapshot();
  if (!snapshot) co_return sayingPage(request, 503, "no configuration serves yet");
  const std::vector<ServiceRow> rows = rowsOf(process_, *snapshot, sumClusters(cores));
  if (formatOf(request) == Format::kText) co_return Page{.body = printText(rows, describeSilent(cores))};
  Json services = Json::array();
  for (const ServiceRow& row : rows) services.push_back(jsonOf(row));
  co_return Page{
      .content_type = std::string(kJsonContent),
      .body = printJson(
          {{"generation", snapshot->generation}, {"cores", coresJson(cores)}, {"services", std::move(services)}})};
}

}  // namespace remora::admin
