#include "snapshot/compiler.h"

#include <algorithm>
#include <utility>

#include "snapshot/password.h"

namespace remora::snapshot {
namespace {

class Compiler {
 public:
  Compiler(model::Config config, uint32_t generation, std::shared_ptr<RuleBook> rules, const Kept& kept)
      : snapshot_(std::make_shared<Snapshot>()),
        ticket_keys_(kept.ticket_keys ? *kept.ticket_keys : own_ticket_keys_),
        rate_limiters_(kept.rate_limiters ? *kept.rate_limiters : own_rate_limiters_) {
    snapshot_->generation = generation;
    snapshot_->config = std::move(config);
    snapshot_->rules = std::move(rules);
  }

  std::expected<SnapshotPtr, std::vector<route::CompileError>> run() {
    indexClusters();
    compileLimitServices();
    compileRoutes();
    planListeners();
    compileTlsClients();
    compileAccessLog();
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return snapshot_;
  }

 private:
  void refuse(const model::Origin& where, std::string problem) { errors_.push_back({where, std::move(problem)}); }

  void indexClusters() {
    const auto& clusters = snapshot_->config.clusters;
    for (uint32_t i = 0; i < clusters.size(); ++i) {
      if (!snapshot_->cluster_index.emplace(clusters[i].name, i).second) {
        refuse(clusters[i].origin, "two services are named '" + clusters[i].name + "'");
      }
    }
  }

  void compileLimitServices() {
    for (const model::RateLimitService& source : snapshot_->config.rate_limit_services) {
      LimitService& service = snapshot_->limit_services.emplace_back();
      service.source = &source;
      const auto found = snapshot_->cluster_index.find(source.cluster);
      service.cluster = found == snapshot_->cluster_index.end() ? Snapshot::kNoCluster : found->second;
      if (source.password_file.empty()) continue;
      auto password = readPassword(source.password_file);
      if (!password) refuse(source.origin, "'password_file': " + password.error());
      if (password) service.password = std::move(*password);
    }
  }

  void compileSharedLimit(const model::Route& route) {
    const model::SharedLimit& source = *route.shared_limit;
    const auto& services = snapshot_->config.rate_limit_services;
    const auto found = std::ranges::find(services, source.service, &model::RateLimitService::name);
    if (found == services.end()) {
      return refuse(source.origin, "there is no rate_limit_service '" + source.service + "'");
    }
    snapshot_->shared_limits.emplace(
        &route, SharedLimit{&source, static_cast<uint32_t>(found - services.begin()), found->prefix + ":" + source.name,
                            upstream::RedisRate(source.rate)});
  }

  void compileRoutes() {
    const auto rule_of = [this](const model::Origin& origin) { return snapshot_->rules->idOf(origin); };
    for (const model::RouteTable& source : snapshot_->config.route_tables) {
      auto table = route::RouteTable::compile(source, rule_of);
      if (!table) {
        errors_.insert(errors_.end(), table.error().begin(), table.error().end());
        continue;
      }
      for (const route::CompiledRoute& route : (*table)->routes()) {
        if (const auto& limit = route.source->rate_limit) {
          const std::string name = source.name + "/" + route.source->name;
          snapshot_->rate_limiters.emplace(route.source, rate_limiters_.of(name, *limit));
        }
        if (route.source->shared_limit) compileSharedLimit(*route.source);
        if (!route.forward) continue;
        for (const model::WeightedCluster& member : route.forward->clusters) find(member);
        for (const model::Mirror& mirror : route.source->mirrors) find(mirror.to);
      }
      snapshot_->route_tables.push_back(std::move(*table));
    }
  }

  // A missing one isn't an error here: with xDS it may arrive later. Until then it answers no_service.
  void find(const model::WeightedCluster& member) {
    const auto found = snapshot_->cluster_index.find(member.cluster);
    if (found != snapshot_->cluster_index.end()) snapshot_->cluster_of.emplace(&member, found->second);
  }

  void planListeners() {
    const auto& listeners = snapshot_->config.listeners;
    for (uint32_t i = 0; i < listeners.size(); ++i) {
      const model::Listener& source = listeners[i];
      const model::Chain& last = source.default_chain;
      if (!last.http && !last.tcp && source.chains.empty()) {
        refuse(source.origin, "listener '" + source.name + "' leads nowhere: it has no chain");
      }
      ListenerPlan plan;
      plan.source = &source;
      plan.index = i;
      plan.rule = snapshot_->rules->idOf(source.origin);
      if (last.http) plan.http = *last.http;
      plan.request_policy.path.slashes = plan.http.merge_slashes ? http::Slashes::kMerge : http::Slashes::kKeep;
      plan.request_policy.host_bytes = source.limits.host_bytes;
      for (const auto& table : snapshot_->route_tables) {
        if (last.http && table->source().name == plan.http.route_table) plan.routes = table.get();
      }
      if (last.http && !plan.routes) refuse(source.origin, "listener '" + source.name + "' names no known route table");
      planTls(plan);
      planTcpChains(plan);
      snapshot_->listeners.push_back(std::move(plan));
    }
  }

  void planTls(ListenerPlan& plan) {
    std::string_view name = plan.source->default_chain.tls;
    for (const model::Chain& chain : plan.source->chains) {
      if (name.empty()) name = chain.tls;
    }
    if (name.empty()) return;
    const auto& servers = snapshot_->config.tls_servers;
    const auto settings = std::ranges::find(servers, name, &model::TlsServer::name);
    if (settings == servers.end()) {
      return refuse(plan.source->origin, "listener '" + plan.source->name + "' names no known TLS setting");
    }
    auto context = tls::ServerContext::make(*settings, protocolsOf(plan.source->default_chain),
                                            ticket_keys_.of(settings->ticket_lifetime));
    if (!context) return refuse(context.error().origin, context.error().text);
    plan.tls = std::move(*context);
  }

  // By ALPN, in order of preference.
  static std::vector<std::string> protocolsOf(const model::Chain& chain) {
    if (!chain.http) return {};
    return protocolsOf(chain.protocol);
  }
  static std::vector<std::string> protocolsOf(model::Protocol protocol) {
    switch (protocol) {
      case model::Protocol::kHttp1:
        return {"http/1.1"};
      case model::Protocol::kHttp2:
        return {"h2"};
      case model::Protocol::kTcp:
        return {};
      case model::Protocol::kAuto:
        break;
    }
    return {"h2", "http/1.1"};
  }

  void compileTlsClients() {
    for (const model::Cluster& cluster : snapshot_->config.clusters) {
      auto& client = snapshot_->tls_clients.emplace_back();
      if (!cluster.tls) continue;
      auto context = tls::ClientContext::make(*cluster.tls, protocolsOf(cluster.protocol));
      if (context) {
        client = std::move(*context);
      } else {
        refuse(context.error().origin, context.error().text);
      }
    }
  }

  void planTcpChains(ListenerPlan& plan) {
    const model::Listener& source = *plan.source;
    for (uint32_t i = 0; i < source.chains.size(); ++i) planTcpChain(plan, source.chains[i], i);
    if (source.default_chain.tcp) {
      planTcpChain(plan, source.default_chain, static_cast<uint32_t>(source.chains.size()));
    }
  }

  void planTcpChain(ListenerPlan& plan, const model::Chain& chain, uint32_t index) {
    const std::string where = "listener '" + plan.source->name + "', chain '" + chain.name + "': ";
    if (!chain.tcp) return refuse(plan.source->origin, where + "only the default chain may be HTTP");
    auto compiled = compileTcpChain(chain, index);
    if (!compiled) return refuse(plan.source->origin, where + compiled.error());
    const auto found = snapshot_->cluster_index.find(chain.tcp->cluster);
    // As with routes, a missing one may arrive later.
    compiled->has_tls = !chain.tls.empty();
    compiled->is_default = &chain == &plan.source->default_chain;
    compiled->cluster = found == snapshot_->cluster_index.end() ? Snapshot::kNoCluster : found->second;
    plan.tcp_chains.push_back(std::move(*compiled));
  }

  void compileAccessLog() {
    const model::AccessLog& log = snapshot_->config.telemetry.access_log;
    if (log.sink == model::AccessLog::Sink::kNone) return;
    auto format = log.format == model::AccessLog::Format::kText ? observe::AccessLogFormat::text(log.text)
                                                                : observe::AccessLogFormat::json(log.fields);
    if (!format) {
      refuse(log.origin, format.error());
      return;
    }
    snapshot_->access_log = std::make_shared<const observe::AccessLogFormat>(std::move(*format));
  }

  std::shared_ptr<Snapshot> snapshot_;
  tls::TicketKeyStore own_ticket_keys_;
  tls::TicketKeyStore& ticket_keys_;
  RateLimiters own_rate_limiters_;
  RateLimiters& rate_limiters_;
  std::vector<route::CompileError> errors_;
};

}  // namespace

std::expected<SnapshotPtr, std::vector<route::CompileError>> compile(model::Config config, uint32_t generation,
                                                                     std::shared_ptr<RuleBook> rules, Kept kept) {
  return Compiler(std::move(config), generation, std::move(rules), kept).run();
}

}  // namespace remora::snapshot
