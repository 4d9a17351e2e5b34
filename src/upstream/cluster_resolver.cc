#include "upstream/cluster_resolver.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "upstream/endpoint_ring.h"
#include "upstream/random_subset.h"

namespace remora::upstream {
namespace {

using Kind = model::SocketAddress::Kind;

// DNS names are the same in any case (RFC 4343). Names of SRV records are asked for by themselves.
std::string keyOf(const model::SocketAddress& address) {
  return (address.kind == Kind::kSrv ? "srv://" : "") + ascii::toLower(address.host);
}

bool isName(const model::SocketAddress& address) {
  return address.kind == Kind::kDns || address.kind == Kind::kSrv;
}

std::string sourceOf(const model::Origin& origin) {
  return origin.line ? origin.file + ":" + std::to_string(origin.line) : origin.path;
}

Endpoint endpointOf(const model::Endpoint& from) {
  Endpoint endpoint;
  endpoint.weight = from.weight;
  endpoint.priority = from.priority;
  endpoint.zone = from.zone;
  endpoint.labels = from.labels;
  endpoint.source = sourceOf(from.origin);
  return endpoint;
}

Endpoint at(Endpoint endpoint, net::Address address) {
  endpoint.text = address.text();
  endpoint.address = address;
  return endpoint;
}

// "_http._tcp.orders.test" is of orders.test. Who answers must prove that name, not the target's: a forged answer of
// DNS names any target (RFC 6125 section 6.2.1).
std::string domainOf(std::string_view srv_name) {
  while (srv_name.starts_with('_') && srv_name.find('.') != std::string_view::npos) {
    srv_name.remove_prefix(srv_name.find('.') + 1);
  }
  return std::string(srv_name);
}

}  // namespace

struct ClusterResolver::Name {
  explicit Name(loop::Loop& loop) : scope(loop) {}

  NameFacts facts;
  bool is_srv = false;
  std::optional<std::vector<net::SrvRecord>> next;  // records that don't serve yet
  bool is_started = false;
  loop::TaskScope scope;  // its keepFresh
};

ClusterResolver::ClusterResolver(loop::Loop& loop, net::Resolver& resolver, const model::Cluster& cluster,
                                 OnChange on_change, uint32_t seed, uint64_t subset_seed)
    : loop_(loop), resolver_(resolver), on_change_(std::move(on_change)), random_(seed), subset_seed_(subset_seed) {
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
  subset_size_ = cluster.subset_size;
  keepWanted();
}

// Exactly the names that endpoints and records ask for.
void ClusterResolver::keepWanted() {
  std::set<std::string> wanted;
  for (const model::Endpoint& endpoint : endpoints_) {
    if (!isName(endpoint.address)) continue;
    const std::string key = keyOf(endpoint.address);
    wanted.insert(key);
    const auto known = names_.find(key);
    if (endpoint.address.kind != Kind::kSrv || known == names_.end()) continue;
    for (const net::SrvRecord& record : known->second->facts.services) wanted.insert(record.target);
    if (!known->second->next) continue;
    for (const net::SrvRecord& record : *known->second->next) wanted.insert(record.target);
  }
  std::erase_if(names_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const std::string& name : wanted) {
    auto& known = names_[name];
    if (known) continue;
    known = std::make_unique<Name>(loop_);
    known->facts.name = name;
    known->is_srv = name.starts_with("srv://");
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
    if (name.is_srv) {
      co_await net::DnsWait(resolver_, loop_, name.facts.name.substr(6), outcome, net::DnsAsk::kServices);
    } else {
      co_await net::DnsWait(resolver_, loop_, name.facts.name, outcome);
    }
    const Duration rest = noteOutcome(name, outcome);
    promote();
    publishIfChanged();
    startNames();
    co_await loop::Sleep(loop_, Deadline::after(loop_.now(), rest));
  }
}

// Returns how long to wait before asking again.
Duration ClusterResolver::noteOutcome(Name& name, const net::DnsOutcome& outcome) {
  NameFacts& facts = name.facts;
  const bool is_good = outcome && !(name.is_srv ? outcome->services.empty() : outcome->addresses.empty());
  if (is_good) {
    facts.addresses = outcome->addresses;
    if (name.is_srv) name.next = outcome->services;
    facts.answered_wall_nanos = loop_.clock().wallNanos();
    facts.ttl = outcome->ttl;
    facts.last_error.clear();
    facts.failures = 0;
    // Bounded in seconds first: a TTL of 136 years overflows nothing then.
    const auto most = std::chrono::duration_cast<std::chrono::seconds>(kMostRefresh);
    const Duration kept = std::max<Duration>(std::min(outcome->ttl, most), kLeastRefresh);
    return kept + scaled(kept, kRefreshJitter * draw());
  }
  facts.last_error =
      outcome ? name.is_srv ? "the answer has no SRV record" : "the answer has no address" : outcome.error();
  // Between half of and the whole of 2, 4, 8, 16, 30 seconds: never under kLeastBackoff.
  const Duration upper = doubled(2 * kLeastBackoff, facts.failures, kMostBackoff);
  if (facts.failures < UINT32_MAX) ++facts.failures;
  return scaled(upper, 0.5 + 0.5 * draw());
}

// Records whose hosts are known take the place of those before them.
void ClusterResolver::promote() {
  keepWanted();
  for (auto& [key, name] : names_) {
    if (!name->next || !areSettled(*name->next)) continue;
    const bool has_address = std::ranges::any_of(
        *name->next, [&](const net::SrvRecord& record) { return !names_.at(record.target)->facts.addresses.empty(); });
    // The next answer of any of them asks again; until then who serves goes on.
    if (!has_address && !name->facts.services.empty()) continue;
    name->facts.services = std::move(*name->next);
    name->next.reset();
  }
  keepWanted();
}

bool ClusterResolver::areSettled(const std::vector<net::SrvRecord>& records) const {
  return std::ranges::all_of(records,
                             [&](const net::SrvRecord& record) { return names_.at(record.target)->facts.isSettled(); });
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
    if (configured.address.kind == Kind::kSrv) {
      addServices(set, configured);
    } else if (configured.address.kind == Kind::kDns) {
      Endpoint like = endpointOf(configured);
      like.name = configured.address.host;
      addNamed(set, like, keyOf(configured.address), configured.address.port);
    } else if (auto address = net::Address::of(configured.address)) {
      // The writers of the model have refused whatever can't be an address.
      set.endpoints.push_back(at(endpointOf(configured), *address));
    }
  }
  keepRandomSubset(set.endpoints, subset_size_, subset_seed_);
  set.shared = shared_;
  keepHealth(set);
  std::vector<const Endpoint*> members;
  for (const Endpoint& endpoint : set.endpoints) members.push_back(&endpoint);
  set.ring = ringOf(balance_, members);
  return set;
}

void ClusterResolver::addNamed(EndpointSet& set, const Endpoint& like, const std::string& host, uint16_t port) const {
  const NameFacts& facts = names_.at(host)->facts;
  set.dns_failed |= facts.addresses.empty() && facts.failures > 0;
  for (net::Peer peer : facts.addresses) {
    peer.port = port;
    set.endpoints.push_back(at(like, net::Address::of(peer)));
  }
}

void ClusterResolver::addServices(EndpointSet& set, const model::Endpoint& configured) const {
  const NameFacts& facts = names_.at(keyOf(configured.address))->facts;
  set.dns_failed |= facts.services.empty() && facts.failures > 0;
  for (const net::SrvRecord& record : facts.services) {
    Endpoint like = endpointOf(configured);
    // RFC 2782: a weight of 0 has a very small chance beside others, and an even one among its like.
    like.weight = std::max<uint32_t>(record.weight, 1);
    like.priority += record.priority;
    like.name = domainOf(configured.address.host);
    like.source += " (" + record.target + ":" + std::to_string(record.port) + " of " + keyOf(configured.address) + ")";
    addNamed(set, like, record.target, record.port);
  }
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

bool ClusterResolver::isSettled() const {
  return current_ && std::ranges::all_of(names_, [](const auto& entry) { return entry.second->facts.isSettled(); });
}

std::vector<NameFacts> ClusterResolver::facts() const {
  std::vector<NameFacts> all;
  all.reserve(names_.size());
  for (const auto& [key, name] : names_) all.push_back(name->facts);
  return all;
}

}  // namespace remora::upstream
