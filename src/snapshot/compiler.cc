#include "snapshot/compiler.h"

#include <utility>

namespace remora::snapshot {
namespace {

class Compiler {
 public:
  Compiler(model::Config config, uint32_t generation, std::shared_ptr<RuleBook> rules)
      : snapshot_(std::make_shared<Snapshot>()) {
    snapshot_->generation = generation;
    snapshot_->config = std::move(config);
    snapshot_->rules = std::move(rules);
  }

  std::expected<SnapshotPtr, std::vector<route::CompileError>> run() {
    indexClusters();
    compileRoutes();
    planListeners();
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

  void compileRoutes() {
    const auto rule_of = [this](const model::Origin& origin) { return snapshot_->rules->idOf(origin); };
    for (const model::RouteTable& source : snapshot_->config.route_tables) {
      auto table = route::RouteTable::compile(source, rule_of);
      if (!table) {
        errors_.insert(errors_.end(), table.error().begin(), table.error().end());
        continue;
      }
      for (const route::CompiledRoute& route : (*table)->routes()) {
        if (!route.forward) continue;
        for (const model::WeightedCluster& member : route.forward->clusters) {
          const auto found = snapshot_->cluster_index.find(member.cluster);
          // A missing one isn't an error here: with xDS it may arrive later. Until then it answers no_service.
          if (found != snapshot_->cluster_index.end()) snapshot_->cluster_of.emplace(&member, found->second);
        }
      }
      snapshot_->route_tables.push_back(std::move(*table));
    }
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
      if (last.tcp) plan.tcp = &*last.tcp;
      if (last.http) plan.http = *last.http;
      plan.request_policy.path.slashes = plan.http.merge_slashes ? http::Slashes::kMerge : http::Slashes::kKeep;
      plan.request_policy.host_bytes = source.limits.host_bytes;
      for (const auto& table : snapshot_->route_tables) {
        if (last.http && table->source().name == plan.http.route_table) plan.routes = table.get();
      }
      if (last.http && !plan.routes) refuse(source.origin, "listener '" + source.name + "' names no known route table");
      snapshot_->listeners.push_back(std::move(plan));
    }
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
  std::vector<route::CompileError> errors_;
};

}  // namespace

std::expected<SnapshotPtr, std::vector<route::CompileError>> compile(model::Config config, uint32_t generation,
                                                                     std::shared_ptr<RuleBook> rules) {
  return Compiler(std::move(config), generation, std::move(rules)).run();
}

}  // namespace remora::snapshot
