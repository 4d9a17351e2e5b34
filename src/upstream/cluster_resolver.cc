#include "upstream/cluster_resolver.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace remora::upstream {
namespace {

// DNS names are the same in any case (RFC 4343).
std::string keyOf(const model::SocketAddress& address) {
  return ascii::toLower(address.host);
}

Endpoint endpointOf(const model::Endpoint& from, net::Address address) {
  Endpoint endpoint{.address = address, .text = address.text()};
  endpoint.weight = from.weight;
  endpoint.priority = from.priority;
  endpoint.zone = from.zone;
  return endpoint;
}

}  // namespace

struct ClusterResolver::Name {
  explicit Name(loop::Loop& loop) : scope(loop) {}

  NameFacts facts;
  bool is_started = false;
  loop::TaskScope scope;  // its keepFresh
};

ClusterResolver::ClusterResolver(loop::Loop& loop, net::Resolver& resolver, const model::Cluster& cluster,
                                 OnChange on_change, uint32_t seed)
    : loop_(loop), resolver_(resolver), on_change_(std::move(on_change)), random_(seed) {
  adopt(cluster);
}

ClusterResolver::~ClusterResolver() = default;

void ClusterResolver::start() {
  check(!current_, "a cluster's resolver is started once");
  publishIfChanged();
  startNames();
}

void ClusterResolver::update(const model::Cluster& cluster) {
  adopt(cluster);
  if (!current_) return;
  publishIfChanged();
  startNames();
}

void ClusterResolver::adopt(const model::Cluster& cluster) {
  endpoints_ = cluster.endpoints;
  balance_ = cluster.balance;
  std::set<std::string> wanted;
  for (const model::Endpoint& endpoint : endpoints_) {
    if (endpoint.address.kind == model::SocketAddress::Kind::kDns) wanted.insert(keyOf(endpoint.address));
  }
  std::erase_if(names_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const std::string& name : wanted) {
    auto& known = names_[name];
    if (known) continue;
    known = std::make_unique<Name>(loop_);
    known->facts.name = name;
  }
}

// After publishing: a name may be answered at once, and its set comes second.
void ClusterResolver::startNames() {
  for (auto& [key, name] : names_) {
    if (!std::exchange(name->is_started, true)) name->scope.start(keepFresh(*name));
  }
}

loop::Task<void> ClusterResolver::keepFresh(Name& name) {
  for (;;) {
    net::DnsOutcome outcome;
    co_await net::DnsWait(resolver_, loop_, name.facts.name, outcome);
    const Duration rest = noteOutcome(name, outcome);
    publishIfChanged();
    co_await loop::Sleep(loop_, Deadline::after(loop_.now(), rest));
  }
}

// Returns how long to wait before asking again.
Duration ClusterResolver::noteOutcome(Name& name, const net::DnsOutcome& outcome) {
  NameFacts& facts = name.facts;
  if (outcome && !outcome->addresses.empty()) {
    facts.addresses = outcome->addresses;
    facts.answered_wall_nanos = loop_.clock().wallNanos();
    facts.ttl = outcome->ttl;
    facts.last_error.clear();
    facts.failures = 0;
    // Bounded in seconds first: a TTL of 136 years overflows nothing then.
    const auto most = std::chrono::duration_cast<std::chrono::seconds>(kMostRefresh);
    const Duration kept = std::max<Duration>(std::min(outcome->ttl, most), kLeastRefresh);
    return kept + scaled(kept, kRefreshJitter * draw());
  }
  facts.last_error = outcome ? "the answer has no address" : outcome.error();
  // Between half of and the whole of 2, 4, 8, 16, 30 seconds: never under kLeastBackoff.
  Duration upper = 2 * kLeastBackoff;
  for (uint32_t i = 0; i < facts.failures && upper < kMostBackoff; ++i) upper *= 2;
  upper = std::min(upper, kMostBackoff);
  if (facts.failures < UINT32_MAX) ++facts.failures;
  return scaled(upper, 0.5 + 0.5 * draw());
}

void ClusterResolver::publishIfChanged() {
  EndpointSet next = collect();
  if (current_) {
    const bool is_same = next.endpoints == current_->endpoints && next.dns_failed == current_->dns_failed;
    if (is_same && !next.ring == !current_->ring && balance_ == published_balance_) return;
    next.version = current_->version;
  }
  ++next.version;
  published_balance_ = balance_;
  current_ = std::make_shared<const EndpointSet>(std::move(next));
  on_change_(current_);
}

// A name with several addresses gives as many endpoints, each with the name's whole weight: the weight says how much
// one machine takes, and a service that grows takes more.
EndpointSet ClusterResolver::collect() {
  EndpointSet set;
  for (const model::Endpoint& configured : endpoints_) {
    if (configured.address.kind != model::SocketAddress::Kind::kDns) {
      // The writers of the model have refused whatever can't be an address.
      if (auto address = net::Address::of(configured.address))
        set.endpoints.push_back(endpointOf(configured, *address));
      continue;
    }
    const NameFacts& facts = names_.at(keyOf(configured.address))->facts;
    set.dns_failed |= facts.addresses.empty() && facts.failures > 0;
    for (net::Peer peer : facts.addresses) {
      peer.port = configured.address.port;
      set.endpoints.push_back(endpointOf(configured, net::Address::of(peer)));
      set.endpoints.back().name = configured.address.host;
    }
  }
  set.shared = shared_;
  keepHealth(set);
  set.ring = ringOf(set);
  return set;
}

// What is known of an endpoint belongs to its address, for as long as some set has it.
void ClusterResolver::keepHealth(EndpointSet& set) {
  std::map<std::string, std::shared_ptr<EndpointHealth>> kept;
  for (Endpoint& endpoint : set.endpoints) {
    const auto known = health_.find(endpoint.text);
    endpoint.health = known != health_.end() ? known->second : std::make_shared<EndpointHealth>();
    kept.insert_or_assign(endpoint.text, endpoint.health);
  }
  health_ = std::move(kept);
}

std::shared_ptr<const HashRing> ClusterResolver::ringOf(const EndpointSet& set) const {
  if (balance_ != model::Balance::kRingHash && balance_ != model::Balance::kMaglev) return nullptr;
  uint32_t preferred = UINT32_MAX;
  for (const Endpoint& endpoint : set.endpoints) preferred = std::min(preferred, endpoint.priority);
  std::vector<HashRing::Member> members;
  for (const Endpoint& endpoint : set.endpoints) {
    members.push_back({endpoint.text, endpoint.priority == preferred ? endpoint.weight : 0});
  }
  const bool is_ring = balance_ == model::Balance::kRingHash;
  return HashRing::make(is_ring ? HashRing::Kind::kRing : HashRing::Kind::kMaglev, members);
}

bool ClusterResolver::isSettled() const {
  return current_ && std::all_of(names_.begin(), names_.end(), [](const auto& entry) {
           const NameFacts& facts = entry.second->facts;
           return facts.answered_wall_nanos || facts.failures > 0;
         });
}

std::vector<NameFacts> ClusterResolver::facts() const {
  std::vector<NameFacts> all;
  all.reserve(names_.size());
  for (const auto& [key, name] : names_) all.push_back(name->facts);
  return all;
}

}  // namespace remora::upstream
