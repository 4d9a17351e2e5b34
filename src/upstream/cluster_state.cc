#include "upstream/cluster_state.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

void ClusterState::configure(const model::Cluster& cluster, std::shared_ptr<const tls::ClientContext> tls) {
  // Whom it trusts or what it shows has changed: what was connected under the old settings is used no more. A
  // certificate that was only renewed is such a change as well; running exchanges finish.
  const bool is_other = !tls != !tls_ || (tls && tls->fingerprint() != tls_->fingerprint());
  const bool had_settings = !name_.empty();
  tls_ = std::move(tls);
  if (is_other && had_settings) closeIdle();
  name_ = cluster.name;
  balance_ = cluster.balance;
  pool_ = cluster.pool;
  protocol_ = cluster.protocol;
  http2_ = cluster.http2;
  for (const Ref<EndpointState>& endpoint : endpoints_) endpoint->setOptions(pool_);
}

void ClusterState::adopt(EndpointSetPtr set) {
  std::vector<Ref<EndpointState>> kept = std::move(endpoints_);
  endpoints_.clear();
  for (const Endpoint& endpoint : set->endpoints) {
    const auto same = std::find_if(kept.begin(), kept.end(), [&](const Ref<EndpointState>& state) {
      return state && state->endpoint.address == endpoint.address;
    });
    Ref<EndpointState> state = same != kept.end() ? std::exchange(*same, Ref<EndpointState>())
                                                  : makeRef<EndpointState>(endpoint, loop_, metrics_);
    state->endpoint = endpoint;
    state->index = static_cast<uint16_t>(endpoints_.size());
    state->setOptions(pool_);
    endpoints_.push_back(std::move(state));
  }
  for (const Ref<EndpointState>& gone : kept) {
    if (gone) gone->closeIdle();
  }
  set_ = std::move(set);
  uint32_t lowest = UINT32_MAX;
  for (const auto& state : endpoints_) lowest = std::min(lowest, state->endpoint.priority);
  preferred_.clear();
  total_weight_ = 0;
  for (const auto& state : endpoints_) {
    if (state->endpoint.priority != lowest || state->endpoint.weight == 0) continue;
    preferred_.push_back(state.get());
    total_weight_ += state->endpoint.weight;
  }
}

Ref<EndpointState> ClusterState::choose(observe::IdSource& random, const EndpointState* but_not) {
  if (preferred_.empty()) return Ref<EndpointState>();
  if (preferred_.size() == 1) return Ref<EndpointState>(preferred_[0]);
  switch (balance_) {
    case model::Balance::kRoundRobin:
      return Ref<EndpointState>(chooseByTurn(but_not));
    case model::Balance::kLeastRequest:
      return Ref<EndpointState>(chooseLeastLoaded(random, but_not));
    case model::Balance::kRandom:
      break;
  }
  return Ref<EndpointState>(chooseByChance(random, but_not));
}

// Smooth weighted round robin: each turn every endpoint gains its weight, the one with most goes and pays the sum. So
// weights 3,1 give a a b a, not a a a b.
EndpointState* ClusterState::chooseByTurn(const EndpointState* but_not) {
  EndpointState* best = nullptr;
  int64_t gained = 0;
  for (EndpointState* state : preferred_) {
    if (state == but_not) continue;
    state->turn += state->endpoint.weight;
    gained += state->endpoint.weight;
    if (!best || state->turn > best->turn) best = state;
  }
  best->turn -= gained;
  return best;
}

// Power of two choices, the better of two picked at random: load is exchanges under way per weight.
EndpointState* ClusterState::chooseLeastLoaded(observe::IdSource& random, const EndpointState* but_not) {
  EndpointState* a = chooseByChance(random, but_not);
  EndpointState* b = chooseByChance(random, a);
  if (b == but_not) return a;
  const uint64_t load_a = (a->active + 1ULL) * b->endpoint.weight;
  const uint64_t load_b = (b->active + 1ULL) * a->endpoint.weight;
  return load_b < load_a ? b : a;
}

EndpointState* ClusterState::chooseByChance(observe::IdSource& random, const EndpointState* but_not) {
  const uint64_t excluded = but_not && but_not->endpoint.priority == preferred_[0]->endpoint.priority &&
                                    std::find(preferred_.begin(), preferred_.end(), but_not) != preferred_.end()
                                ? but_not->endpoint.weight
                                : 0;
  // 128-bit product: maps 64 random bits to the range without the bias or the cost of a division.
  const uint64_t range = total_weight_ - excluded;
  uint64_t at = static_cast<uint64_t>((static_cast<unsigned __int128>(random.next()) * range) >> 64);
  for (EndpointState* state : preferred_) {
    if (excluded && state == but_not) continue;
    if (at < state->endpoint.weight) return state;
    at -= state->endpoint.weight;
  }
  return preferred_.back();
}

void ClusterState::closeIdle() {
  for (const auto& state : endpoints_) state->closeIdle();
}

Lease::Lease(Ref<EndpointState> endpoint, std::unique_ptr<Connection> connection, observe::CoreMetrics& metrics)
    : endpoint_(std::move(endpoint)), connection_(std::move(connection)), metrics_(&metrics) {
  ++endpoint_->active;
  metrics_->upstream_active.add();
}

Lease::Lease(Ref<EndpointState> endpoint, std::unique_ptr<http::H2Stream> stream, observe::CoreMetrics& metrics)
    : endpoint_(std::move(endpoint)), h2_(std::move(stream)), metrics_(&metrics) {
  ++endpoint_->active;
  metrics_->upstream_active.add();
}

Lease::Lease(Lease&& other) noexcept {
  *this = std::move(other);
}

Lease& Lease::operator=(Lease&& other) noexcept {
  std::swap(endpoint_, other.endpoint_);
  std::swap(connection_, other.connection_);
  std::swap(h2_, other.h2_);
  std::swap(metrics_, other.metrics_);
  return *this;
}

Lease::~Lease() {
  if (!endpoint_) return;
  --endpoint_->active;
  metrics_->upstream_active.sub();
}

void Lease::keep() {
  if (connection_) endpoint_->pool.give(std::move(connection_));
}

}  // namespace remora::upstream
