// One cluster as one core sees it: its endpoints, what is going on at each, and how the next is chosen. Outlives
// Snapshots: a reload that keeps the cluster keeps its connections. Belongs to one core.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ref.h"
#include "model/cluster.h"
#include "observe/trace_context.h"
#include "tls/context.h"
#include "upstream/endpoint_set.h"
#include "upstream/h2_pool.h"
#include "upstream/pool.h"

namespace remora::upstream {

class EndpointState : public RefCounted<EndpointState> {
 public:
  EndpointState(Endpoint what, loop::Loop& loop, observe::CoreMetrics& metrics)
      : endpoint(std::move(what)), pool(loop, metrics), h2_pool(loop, metrics) {}

  void setOptions(const model::PoolOptions& options) {
    pool.setOptions(options);
    h2_pool.setOptions(options);
  }
  void closeIdle() {
    pool.closeAll();
    h2_pool.closeAll();
  }

  Endpoint endpoint;
  uint16_t index = 0;   // in its set
  uint32_t active = 0;  // exchanges that hold a lease
  int64_t turn = 0;     // of the smooth weighted round robin
  uint64_t requests = 0;
  uint64_t failures = 0;  // attempts that ended without a response
  Pool pool;
  H2Pool h2_pool;
  tls::SessionCache sessions;  // of TLS, to resume
  enum class Learned : uint8_t { kNothing, kHttp1, kHttp2 };
  Learned learned = Learned::kNothing;  // what the last connection turned out to speak
};

class ClusterState : public RefCounted<ClusterState> {
 public:
  ClusterState(loop::Loop& loop, observe::CoreMetrics& metrics) : loop_(loop), metrics_(metrics) {}

  // New settings and new endpoints; endpoints that stay keep their connections.
  void configure(const model::Cluster& cluster, std::shared_ptr<const tls::ClientContext> tls = nullptr);
  void adopt(EndpointSetPtr set);

  // Never one that is `but_not`, unless there is no other; null when there is none at all.
  Ref<EndpointState> choose(observe::IdSource& random, const EndpointState* but_not = nullptr);

  const std::string& name() const { return name_; }
  const model::PoolOptions& pool() const { return pool_; }
  model::Balance balance() const { return balance_; }
  model::Protocol protocol() const { return protocol_; }
  const model::Http2Options& http2() const { return http2_; }
  const std::shared_ptr<const tls::ClientContext>& tls() const { return tls_; }  // null: plaintext
  // TLS settles which protocol is spoken.
  bool offersHttp2() const { return tls_ && protocol_ == model::Protocol::kAuto; }
  bool hasDnsFailed() const { return set_ && set_->dns_failed; }
  uint64_t version() const { return set_ ? set_->version : 0; }
  const std::vector<Ref<EndpointState>>& endpoints() const { return endpoints_; }
  void closeIdle();

 private:
  using Candidates = std::vector<EndpointState*>;
  EndpointState* chooseByTurn(const EndpointState* but_not);
  EndpointState* chooseLeastLoaded(observe::IdSource& random, const EndpointState* but_not);
  EndpointState* chooseByChance(observe::IdSource& random, const EndpointState* but_not);

  loop::Loop& loop_;
  observe::CoreMetrics& metrics_;
  std::string name_;
  model::Balance balance_ = model::Balance::kLeastRequest;
  model::PoolOptions pool_;
  model::Protocol protocol_ = model::Protocol::kAuto;
  model::Http2Options http2_;
  std::shared_ptr<const tls::ClientContext> tls_;
  EndpointSetPtr set_;
  std::vector<Ref<EndpointState>> endpoints_;
  Candidates preferred_;       // those of the lowest priority
  uint64_t total_weight_ = 0;  // of preferred_
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
