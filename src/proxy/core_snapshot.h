// A Snapshot as one core uses it: its clusters resolved to this core's state, its metric series found once. Exchanges
// hold a Ref; the last one lets the Snapshot go. Belongs to one core.
#pragma once

#include <vector>

#include "base/ref.h"
#include "observe/metrics.h"
#include "observe/quantile.h"
#include "snapshot/snapshot.h"
#include "upstream/cluster_state.h"

namespace remora::proxy {

class LimitLink;

class CoreSnapshot : public RefCounted<CoreSnapshot> {
 public:
  CoreSnapshot(snapshot::SnapshotPtr snapshot, std::vector<Ref<upstream::ClusterState>> clusters,
               std::vector<Ref<LimitLink>> limit_links, observe::RequestMetrics& metrics);
  ~CoreSnapshot();

  const snapshot::Snapshot& operator*() const { return *snapshot_; }
  const snapshot::Snapshot* operator->() const { return snapshot_.get(); }
  upstream::ClusterState* cluster(uint32_t index) const {
    return index < clusters_.size() ? clusters_[index].get() : nullptr;
  }
  const std::vector<Ref<upstream::ClusterState>>& clusters() const { return clusters_; }

  // Of one of its limit_services.
  LimitLink& limitLink(uint32_t index) const { return *limit_links_[index]; }

  // The series of one route's member (0 without a split), or of requests without a route (null). Made on first use, so
  // that routes nobody takes cost nothing.
  observe::RequestSeries& series(const snapshot::ListenerPlan& listener, const route::CompiledRoute* route,
                                 uint32_t member);
  // How long the service takes with the requests of a route, at most, of 95 in 100. From zero with each Snapshot.
  observe::Quantile& p95(const snapshot::ListenerPlan& listener, uint32_t route);

 private:
  snapshot::SnapshotPtr snapshot_;
  std::vector<Ref<upstream::ClusterState>> clusters_;
  std::vector<Ref<LimitLink>> limit_links_;
  observe::RequestMetrics& metrics_;
  // By listener: slot 0 without a route, then each member of each route.
  struct ListenerSeries {
    std::vector<uint32_t> first_of_route;
    std::vector<observe::RequestSeries*> slots;
    std::vector<observe::Quantile> p95;  // by route; empty until somebody asks
  };
  std::vector<ListenerSeries> series_;
};

}  // namespace remora::proxy
