#include "proxy/core_snapshot.h"

#include <algorithm>
#include <utility>

#include "proxy/limit_link.h"

namespace remora::proxy {

CoreSnapshot::CoreSnapshot(snapshot::SnapshotPtr snapshot, std::vector<Ref<upstream::ClusterState>> clusters,
                           std::vector<Ref<LimitLink>> limit_links, observe::RequestMetrics& metrics)
    : snapshot_(std::move(snapshot)),
      clusters_(std::move(clusters)),
      limit_links_(std::move(limit_links)),
      metrics_(metrics) {
  for (const snapshot::ListenerPlan& listener : snapshot_->listeners) {
    ListenerSeries& series = series_.emplace_back();
    uint32_t next = 1;
    if (listener.routes) {
      for (const route::CompiledRoute& route : listener.routes->routes()) {
        series.first_of_route.push_back(next);
        next += route.forward ? static_cast<uint32_t>(std::max<size_t>(1, route.forward->clusters.size())) : 1;
      }
    }
    series.slots.resize(next);
  }
}

CoreSnapshot::~CoreSnapshot() = default;

observe::RequestSeries& CoreSnapshot::series(const snapshot::ListenerPlan& listener, const route::CompiledRoute* route,
                                             uint32_t member) {
  ListenerSeries& series = series_[listener.index];
  const uint32_t slot = route ? series.first_of_route[route->index] + member : 0;
  observe::RequestSeries*& found = series.slots[slot];
  if (!found) {
    const bool inbound = listener.source->direction == model::Direction::kInbound;
    observe::SeriesLabels labels{
        inbound ? observe::Direction::kInbound : observe::Direction::kOutbound, listener.source->name, {}, {}};
    if (route) {
      labels.route = route->source->name;
      if (route->forward) labels.service = route->forward->clusters[member].cluster;
    }
    found = metrics_.seriesFor(labels);
  }
  return *found;
}

observe::Quantile& CoreSnapshot::p95(const snapshot::ListenerPlan& listener, uint32_t route) {
  ListenerSeries& series = series_[listener.index];
  if (series.p95.empty()) series.p95.assign(listener.routes->routes().size(), observe::Quantile(0.95));
  return series.p95[route];
}

}  // namespace remora::proxy
