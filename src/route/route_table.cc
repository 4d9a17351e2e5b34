#include "route/route_table.h"

#include "base/check.h"

namespace remora::route {

std::expected<std::unique_ptr<const RouteTable>, std::vector<CompileError>> RouteTable::compile(
    model::RouteTable source, const RuleOf& rule_of) {
  std::unique_ptr<RouteTable> table(new RouteTable(std::move(source)));
  std::vector<CompileError> errors;
  table->compileHosts(rule_of, errors);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return table;
}

void RouteTable::compileHosts(const RuleOf& rule_of, std::vector<CompileError>& errors) {
  const auto ruleOf = [&](const model::Origin& origin) { return rule_of ? rule_of(origin) : observe::RuleId{}; };
  size_t route_count = 0;
  for (const model::VirtualHost& host : source_.hosts) route_count += host.routes.size();
  routes_.reserve(route_count);
  hosts_.reserve(source_.hosts.size());
  for (const model::VirtualHost& host : source_.hosts) {
    const size_t first = routes_.size();
    for (const model::Route& route : host.routes) {
      auto compiled = compileRoute(route, errors);
      if (!compiled) continue;
      compiled->rule = ruleOf(route.origin);
      compiled->index = static_cast<uint32_t>(routes_.size());
      routes_.push_back(std::move(*compiled));
    }
    fileHost(host, static_cast<uint32_t>(hosts_.size()), errors);
    CompiledHost& compiled = hosts_.emplace_back();
    compiled.source = &host;
    compiled.rule = ruleOf(host.origin);
    compiled.routes = std::span(routes_).subspan(first);
    if (compiled.routes.size() > kScanUpTo) compiled.index.build(compiled.routes);
  }
}

void RouteTable::fileHost(const model::VirtualHost& host, uint32_t position, std::vector<CompileError>& errors) {
  for (const std::string& written : host.hosts) {
    const std::string pattern = ascii::toLower(written);
    bool is_new = true;
    if (pattern == "*") {
      is_new = any_host_ < 0;
      any_host_ = position;
    } else if (pattern.starts_with("*.") && pattern.size() > 2 && pattern.find('*', 1) == std::string::npos) {
      is_new = suffix_hosts_.emplace(pattern.substr(1), position).second;
    } else if (!pattern.empty() && pattern.find('*') == std::string::npos) {
      is_new = exact_hosts_.emplace(pattern, position).second;
    } else {
      errors.push_back({host.origin, "the host '" + written + "' must be a name, '*.' before a name, or '*'"});
    }
    if (!is_new) errors.push_back({host.origin, "the host '" + written + "' is written twice in this table"});
  }
}

RouteTable::HostHit RouteTable::findHost(std::string_view host) const {
  if (const auto found = exact_hosts_.find(host); found != exact_hosts_.end()) {
    return {&hosts_[found->second], HostKind::kExact};
  }
  if (!suffix_hosts_.empty()) {
    // From the left, so that the longest suffix comes first; never at 0: "*" stands for a label at least.
    for (size_t dot = host.find('.', 1); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
      if (const auto found = suffix_hosts_.find(host.substr(dot)); found != suffix_hosts_.end()) {
        return {&hosts_[found->second], HostKind::kSuffix};
      }
    }
  }
  if (any_host_ >= 0) return {&hosts_[static_cast<size_t>(any_host_)], HostKind::kAny};
  return {};
}

RouteChoice RouteTable::match(const RouteInput& input) const {
  RouteChoice choice;
  const HostHit hit = findHost(input.host);
  choice.host = hit.host;
  choice.host_kind = hit.kind;
  if (hit.host == nullptr) return choice;
  const std::span<const CompiledRoute> routes = hit.host->routes;
  const auto wins = [&](uint32_t position) {
    if (firstMiss(routes[position], input, choice.capture).predicate != Predicate::kNone) {
      ++choice.looked_at;
      return false;
    }
    choice.route = &routes[position];
    return true;
  };
  if (routes.size() > kScanUpTo) {
    hit.host->index.forEachCandidate(input.path, wins);
  } else {
    for (uint32_t position = 0; position < routes.size() && !wins(position);) ++position;
  }
  return choice;
}

uint32_t pickCluster(const CompiledRoute& route, uint64_t random) {
  check(route.forward != nullptr, "only a route that forwards has clusters to pick from");
  const std::vector<model::WeightedCluster>& clusters = route.forward->clusters;
  if (clusters.size() == 1) return 0;
  uint64_t point = random % route.total_weight;
  for (uint32_t i = 0; i < clusters.size(); ++i) {
    if (point < clusters[i].weight) return i;
    point -= clusters[i].weight;
  }
  check(false, "the weights of a split sum to its total");
  return 0;
}

}  // namespace remora::route
