// What the connection of one core to a service that counts has, whichever way that is asked: where it is, and when it
// is tried again after it couldn't be had, ever less often. Belongs to one core; outlives Snapshots that keep the
// service.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/ref.h"
#include "loop/task_scope.h"
#include "model/rate_limit_service.h"
#include "proxy/connect.h"
#include "upstream/cluster_state.h"

namespace remora::proxy {

class Core;

class LimitLink : public RefCounted<LimitLink> {
 public:
  LimitLink(Core& core, const model::RateLimitService& service, std::string password);
  virtual ~LimitLink();

  // Where it is, by the current configuration; null: nowhere.
  void setCluster(Ref<upstream::ClusterState> cluster) { cluster_ = std::move(cluster); }
  // Whether a link for this service would be the same.
  bool isFor(const model::RateLimitService& service, std::string_view password) const;

 protected:
  Core& core() const { return core_; }
  const model::RateLimitService& service() const { return service_; }
  const std::string& password() const { return password_; }
  upstream::ClusterState* cluster() const { return cluster_.get(); }
  upstream::EndpointState* endpoint() const { return endpoint_.get(); }  // that was dialled last

  // A child that ends with this link, or at stop().
  void start(loop::Task<void> task) { connecting_.start(std::move(task)); }
  void stop() { connecting_.cancel(); }
  // Chooses an endpoint and connects to it. `slot`: what the connection has of those that the service may have.
  loop::Task<Connected> dial(tls::Carries carries, upstream::Permits::Permit& slot);
  // False once the service's endpoints are others.
  bool isAtItsEndpoint() const;

  // The last try failed: until one succeeds nobody waits for it.
  bool isAway() const { return is_away_; }
  bool mayConnect() const;
  void noteAway();
  void noteBack();

 private:
  Core& core_;
  const model::RateLimitService service_;
  const std::string password_;
  Ref<upstream::ClusterState> cluster_;
  Ref<upstream::EndpointState> endpoint_;
  bool is_away_ = false;
  Instant retry_at_;
  Duration backoff_{0};
  loop::TaskScope connecting_;
};

}  // namespace remora::proxy
