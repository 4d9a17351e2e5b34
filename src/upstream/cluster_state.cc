#include "upstream/cluster_state.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/random.h"

namespace remora::upstream {
namespace {

// What names an endpoint tells nothing of where it sits on a ring.
constexpr uint64_t kTokenSeed = 0x73746963'6b790001;

}  // namespace

ClusterState::~ClusterState() {
  shared_->retries.changeRate(-rate_);
  shared_->connections.leave(*this);
}

void ClusterState::configure(const model::Cluster& cluster, std::shared_ptr<const tls::ClientContext> tls,
                             std::string_view own_zone) {
  // Whom it trusts or what it shows has changed: what was connected under the old settings is used no more. A
  // certificate that was only renewed is such a change as well; running exchanges finish.
  const bool is_other = !tls != !tls_ || (tls && tls->fingerprint() != tls_->fingerprint());
  const bool had_settings = !options_.name.empty();
  tls_ = std::move(tls);
  if (is_other && had_settings) closeIdle();
  options_ = cluster;
  own_zone_ = cluster.zone_aware ? own_zone : std::string_view();
  forgetSubsets();
  options_.endpoints.clear();
  for (const Ref<EndpointState>& endpoint : endpoints_) endpoint->setOptions(options_.pool);
  shared_->applyLimits(options_);
  shared_->offerRoom(loop_);
  seen_version_ = 0;
}

void ClusterState::adopt(EndpointSetPtr set) {
  std::vector<Ref<EndpointState>> kept = std::move(endpoints_);
  endpoints_.clear();
  health_.clear();
  by_token_.clear();
  forgetSubsets();
  // One address may come from two names.
  std::unordered_multimap<std::string, size_t> known;
  for (size_t i = 0; i < kept.size(); ++i) known.emplace(kept[i]->endpoint.text, i);
  for (const Endpoint& endpoint : set->endpoints) {
    const auto same = known.find(endpoint.text);
    const bool is_new = same == known.end();
    Ref<EndpointState> state = is_new ? makeRef<EndpointState>(endpoint, loop_, metrics_)
                                      : std::exchange(kept[same->second], Ref<EndpointState>());
    if (!is_new) known.erase(same);
    // Those that are there from the beginning start together, and with all of the load.
    if (is_new && set_) state->joined = loop_.now();
    std::shared_ptr<EndpointHealth> health = std::move(state->endpoint.health);
    state->endpoint = endpoint;
    if (!state->endpoint.health) state->endpoint.health = health ? health : std::make_shared<EndpointHealth>();
    state->token = hashOf(endpoint.text, kTokenSeed);
    state->index = static_cast<uint16_t>(endpoints_.size());
    state->setOptions(options_.pool);
    health_.push_back(state->endpoint.health.get());
    endpoints_.push_back(std::move(state));
  }
  model::PoolOptions keeps_none = options_.pool;
  keeps_none.max_idle = 0;
  for (const Ref<EndpointState>& gone : kept) {
    if (!gone) continue;
    gone->closeIdle();
    gone->setOptions(keeps_none);
  }
  if (set->shared && set->shared != shared_) {
    shared_->connections.leave(*this);
    shared_ = set->shared;
    shared_->connections.join(loop_, *this);
    rate_ = 0;
  }
  shared_->applyLimits(options_);
  shared_->offerRoom(loop_);
  set_ = std::move(set);
  seen_version_ = 0;
}

// Brings the balancer to what is known of the endpoints now.
void ClusterState::refresh() {
  const uint64_t version = shared_->version();
  if (seen_version_ == version) return;
  seen_version_ = version;
  ejected_ = 0;
  available_ = 0;
  for (const Ref<EndpointState>& state : endpoints_) {
    state->is_available = state->endpoint.health->isAvailable();
    available_ += state->is_available;
    ejected_ += state->endpoint.health->isEjected();
  }
  balancer_.rebuild(balancing(), endpoints_, set_ ? set_->ring : nullptr);
}

Balancer::Options ClusterState::balancing() const {
  return {.balance = options_.balance,
          .panic_percent = options_.panic_percent,
          .slow_start = options_.slow_start,
          .own_zone = own_zone_};
}

// Each route's is looked for once; routes with the same labels share one, so that their turns are one.
SubsetState& ClusterState::stateOf(const model::Subset& subset) {
  SubsetState*& found = subset_of_[&subset];
  if (!found) {
    const auto same = std::ranges::find_if(subsets_, [&](const auto& each) { return each->labels == subset.labels; });
    found =
        same != subsets_.end()
            ? same->get()
            : subsets_.emplace_back(std::make_unique<SubsetState>(subset.labels, endpoints_, options_.balance)).get();
  }
  if (found->seen_version != seen_version_) {
    found->seen_version = seen_version_;
    found->available = static_cast<size_t>(
        std::ranges::count_if(found->endpoints, [](const auto& each) { return each->is_available; }));
    found->balancer.rebuild(balancing(), found->endpoints, found->ring);
  }
  return *found;
}

void ClusterState::forgetSubsets() {
  subset_of_.clear();
  subsets_.clear();
}

size_t ClusterState::countOf(const model::Subset* subset) {
  if (!subset || subset->labels.empty()) return endpoints_.size();
  refresh();
  const size_t count = stateOf(*subset).endpoints.size();
  return count == 0 && subset->falls_back ? endpoints_.size() : count;
}

Ref<EndpointState> ClusterState::choose(observe::IdSource& random, const EndpointState* but_not,
                                        std::optional<uint64_t> hash, const model::Subset* subset) {
  refresh();
  if (options_.health_check) shared_->noteUse();
  const Balancer::Pick how{.now = loop_.now(), .random = random, .but_not = but_not, .hash = hash};
  SubsetState* const chosen = subset && !subset->labels.empty() ? &stateOf(*subset) : nullptr;
  if (!chosen || (chosen->endpoints.empty() && subset->falls_back)) {
    last_available_ = available_;
    return pick(balancer_, endpoints_, how);
  }
  last_available_ = chosen->available;
  return pick(chosen->balancer, chosen->endpoints, how);
}

Ref<EndpointState> ClusterState::pick(Balancer& balancer, std::span<const Ref<EndpointState>> endpoints,
                                      const Balancer::Pick& how) {
  panics_ = balancer.panics();
  if (ejected_ > 0) {
    if (EndpointState* const probed = dueProbe(endpoints)) return Ref<EndpointState>(probed);
  }
  return Ref<EndpointState>(balancer.pick(how));
}

std::optional<uint64_t> ClusterState::tokenOf(std::string_view text) {
  uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != 16 || read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

EndpointState* ClusterState::endpointOfToken(std::string_view token) {
  const std::optional<uint64_t> number = tokenOf(token);
  if (!number) return nullptr;
  if (by_token_.empty()) {
    for (const Ref<EndpointState>& state : endpoints_) by_token_.emplace(state->token, state.get());
  }
  refresh();
  const auto known = by_token_.find(*number);
  return known != by_token_.end() && known->second->is_available ? known->second : nullptr;
}

// An ejected one whose time is over, and which this request shall try.
EndpointState* ClusterState::dueProbe(std::span<const Ref<EndpointState>> endpoints) {
  for (const Ref<EndpointState>& state : endpoints) {
    if (!state->is_available && ClusterShared::mayProbe(*state->endpoint.health, loop_.now())) return state.get();
  }
  return nullptr;
}

void ClusterState::noteRequest() {
  constexpr Duration kSpan = std::chrono::seconds(1);
  ++came_;
  if (const Duration span = loop_.now() - came_since_; span >= kSpan) {
    const int64_t rate = came_ * kSpan.count() / span.count();
    shared_->retries.changeRate(rate - std::exchange(rate_, rate));
    came_ = 0;
    came_since_ = loop_.now();
  }
  shared_->retries.deposit(options_.retry_budget);
}

ClusterShared::Change ClusterState::note(EndpointState& endpoint, Verdict verdict, Duration took,
                                         observe::IdSource& random) {
  if (options_.balance == model::Balance::kPeakEwma)
    endpoint.latency.note(took, verdict != Verdict::kGood, loop_.now());
  if (!options_.outlier) return ClusterShared::Change::kNone;
  if (options_.outlier->compares()) {
    metrics_.ejections.add(shared_->compare(*endpoint.endpoint.health, verdict, took, *options_.outlier, loop_.now(),
                                            unitOf(random.next()), health_));
  }
  const ClusterShared::Change change =
      shared_->note(*endpoint.endpoint.health, verdict, *options_.outlier, loop_.now(), unitOf(random.next()), health_);
  if (change == ClusterShared::Change::kEjected) metrics_.ejections.add();
  return change;
}

void ClusterState::noteAtLeast(EndpointState& endpoint, Duration took) {
  if (options_.balance == model::Balance::kPeakEwma) endpoint.latency.noteAtLeast(took, loop_.now());
}

void ClusterState::noteTime(Instant sent, Duration took, observe::IdSource& random) {
  if (!options_.adaptive) return;
  const uint32_t active = shared_->requests->active();
  if (shared_->adaptive.note(sent, took, active, *options_.adaptive, loop_.now(), unitOf(random.next()))) {
    metrics_.adaptive_limit_changes.add();
    shared_->applyLimits(options_);
  }
}

void ClusterState::heedTime() {
  if (options_.adaptive && shared_->adaptive.heed(*options_.adaptive, loop_.now())) shared_->applyLimits(options_);
}

void ClusterState::closeIdle() {
  for (const auto& state : endpoints_) state->closeIdle();
}

bool ClusterState::retireIdle() {
  return std::ranges::any_of(
      endpoints_, [](const auto& state) { return state->pool.retireOldest() || state->h2_pool.retireIdle(); });
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
