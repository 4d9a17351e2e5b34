// One cluster as one core sees it: its endpoints, what is going on at each, and how the next is chosen. Outlives
// Snapshots: a reload that keeps the cluster keeps its connections. Belongs to one core.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ref.h"
#include "model/cluster.h"
#include "observe/trace_context.h"
#include "tls/context.h"
#include "upstream/balancer.h"
#include "upstream/endpoint_set.h"
#include "upstream/endpoint_state.h"
#include "upstream/shared_state.h"
#include "upstream/subset_state.h"

namespace remora::upstream {

class ClusterState : public RefCounted<ClusterState>, public ConnectionLimit::Member {
 public:
  ClusterState(loop::Loop& loop, observe::CoreMetrics& metrics) : loop_(loop), metrics_(metrics) {
    shared_->connections.join(loop_, *this);
  }
  ~ClusterState() override;

  // New settings and new endpoints; endpoints that stay keep their connections.
  // `own_zone`: where the process runs, for those that are zone_aware.
  void configure(const model::Cluster& cluster, std::shared_ptr<const tls::ClientContext> tls = nullptr,
                 std::string_view own_zone = {});
  void adopt(EndpointSetPtr set);

  // Never one that is `but_not`, unless there is no other; null when there is none at all. `hash`: of the request's
  // key. With a `subset`, which outlives the Snapshot that it is of or the next configure(), only of that.
  Ref<EndpointState> choose(observe::IdSource& random, const EndpointState* but_not = nullptr,
                            std::optional<uint64_t> hash = {}, const model::Subset* subset = nullptr);
  // How many have its labels; all of them without a subset.
  size_t countOf(const model::Subset* subset);
  // The one that a cookie names, where it may be used; else null.
  EndpointState* endpointOfToken(std::string_view token);
  // What a cookie says; nothing where that is no token.
  static std::optional<uint64_t> tokenOf(std::string_view text);
  // A request has come for it: it may pay for others that are sent again.
  void noteRequest();
  // How an attempt at it ended, and after how long.
  ClusterShared::Change note(EndpointState& endpoint, Verdict verdict, Duration took, observe::IdSource& random);
  // One that wasn't waited for to its end would have taken no less.
  void noteAtLeast(EndpointState& endpoint, Duration took);
  // How long one took that was sent at `sent`, for the adaptive limit.
  void noteTime(Instant sent, Duration took, observe::IdSource& random);
  // Before one is held back: the adaptive limit may be due for another value though nothing is answered.
  void heedTime();
  ClusterShared& shared() { return *shared_; }
  const ClusterShared& shared() const { return *shared_; }
  // So few endpoints are well, of those that the last choose() had to choose from, that all of them are tried; and how
  // many are.
  bool panics() const { return panics_; }
  size_t available() const { return last_available_; }

  const std::string& name() const { return options_.name; }
  const model::PoolOptions& pool() const { return options_.pool; }
  model::Balance balance() const { return options_.balance; }
  const model::Cluster& options() const { return options_; }
  model::Protocol protocol() const { return options_.protocol; }
  const model::Http2Options& http2() const { return options_.http2; }
  const std::shared_ptr<const tls::ClientContext>& tls() const { return tls_; }  // null: plaintext
  // TLS settles which protocol is spoken.
  bool offersHttp2() const { return tls_ && protocol() == model::Protocol::kAuto; }
  bool hasDnsFailed() const { return set_ && set_->dns_failed; }
  uint64_t version() const { return set_ ? set_->version : 0; }
  const std::vector<Ref<EndpointState>>& endpoints() const { return endpoints_; }
  void closeIdle();
  bool retireIdle() override;

 private:
  void refresh();
  Balancer::Options balancing() const;
  SubsetState& stateOf(const model::Subset& subset);
  void forgetSubsets();
  Ref<EndpointState> pick(Balancer& balancer, std::span<const Ref<EndpointState>> endpoints, const Balancer::Pick& how);
  EndpointState* dueProbe(std::span<const Ref<EndpointState>> endpoints);

  loop::Loop& loop_;
  observe::CoreMetrics& metrics_;
  model::Cluster options_;  // without its endpoints
  std::shared_ptr<const tls::ClientContext> tls_;
  EndpointSetPtr set_;
  std::vector<Ref<EndpointState>> endpoints_;
  std::vector<EndpointHealth*> health_;                    // of endpoints_
  std::unordered_map<uint64_t, EndpointState*> by_token_;  // made when first asked
  std::shared_ptr<ClusterShared> shared_ = std::make_shared<ClusterShared>();
  Balancer balancer_;
  // Requests of this core, since when, and what of them is in the shared rate.
  int64_t came_ = 0;
  Instant came_since_;
  int64_t rate_ = 0;
  std::string own_zone_;
  std::vector<std::unique_ptr<SubsetState>> subsets_;                 // one for each choice of labels
  std::unordered_map<const model::Subset*, SubsetState*> subset_of_;  // those of routes, found once
  uint64_t seen_version_ = 0;                                         // of shared_
  size_t ejected_ = 0;
  size_t available_ = 0;
  bool panics_ = false;
  size_t last_available_ = 0;
};

// Lends one connection, or one stream of a shared HTTP/2 connection, to one attempt. Destroying it closes the
// connection or resets the stream; keep() gives the connection back for reuse after a response was read to its end.
// Belongs to the core that made it.
class Lease {
 public:
  Lease() = default;
  Lease(Ref<EndpointState> endpoint, std::unique_ptr<Connection> connection, observe::CoreMetrics& metrics);
  Lease(Ref<EndpointState> endpoint, std::unique_ptr<http::H2Stream> stream, observe::CoreMetrics& metrics);
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

  explicit operator bool() const { return connection_ || h2_; }
  Connection& connection() { return *connection_; }  // of HTTP/1
  http::H2Stream* h2() { return h2_.get(); }         // null: HTTP/1
  net::Stream& stream() { return h2_ ? *h2_ : connection_->stream(); }
  EndpointState& endpoint() { return *endpoint_; }
  void keep();

 private:
  Ref<EndpointState> endpoint_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<http::H2Stream> h2_;
  observe::CoreMetrics* metrics_ = nullptr;
};

}  // namespace remora::upstream
