// Who is in a cluster, now: turns its configured endpoints, addresses, DNS names and SRV names, into EndpointSets, and
// keeps the names fresh by their TTL. The hosts that SRV records name are names as any other; new records serve once
// each of their hosts has been answered or has failed, and never if none of them has an address. One a cluster, owned
// by whoever publishes endpoints; belongs to the control thread's loop. Addresses once learned are kept for as long as
// DNS fails: a DNS that is down must not take healthy services with it. It never looks at health and never touches a
// core.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "loop/task.h"
#include "loop/task_scope.h"
#include "model/cluster.h"
#include "net/dns.h"
#include "upstream/endpoint_set.h"

namespace remora::upstream {

// An answer is kept at least this long: with a TTL of 0 (or from /etc/hosts) every sidecar would ask without pause.
inline constexpr Duration kLeastRefresh = std::chrono::seconds(1);
// And at most this long: a name is mostly a service whose machines change, and a TTL of a day would pin dead ones.
inline constexpr Duration kMostRefresh = std::chrono::minutes(5);
// After a failure, doubled each time: the first is as short as the shortest refresh, the last still finds a DNS that
// is back within half a minute.
inline constexpr Duration kLeastBackoff = std::chrono::seconds(1);
inline constexpr Duration kMostBackoff = std::chrono::seconds(30);
// A refresh comes up to a tenth later than the TTL says, so that sidecars started together drift apart. Never before
// it: a caching DNS server would answer with what is left of the TTL.
inline constexpr double kRefreshJitter = 0.1;

// What is known of one name, for /clusters.
struct NameFacts {
  std::string name;                            // of SRV records "srv://name"
  std::vector<net::SrvRecord> services;        // that serve
  std::vector<net::Peer> addresses;            // of the last good answer, without ports
  std::optional<int64_t> answered_wall_nanos;  // when that came, since 1970; nothing before the first
  std::chrono::seconds ttl{0};                 // as the answer said
  std::string last_error;                      // a sentence; empty when the last question was answered well
  uint32_t failures = 0;                       // since the last good answer

  // It has been answered or has failed at least once.
  bool isSettled() const { return answered_wall_nanos || failures > 0; }
};

class ClusterResolver {
 public:
  // Gets every new set, in rising versions, on the loop's thread. It may not destroy or update() the resolver.
  using OnChange = std::function<void(EndpointSetPtr)>;

  // `resolver` outlives this. Nothing happens before start(). `seed` is of the jitter,
  // `subset_seed` of what the process uses of a service with subset_size: the same for its whole life.
  ClusterResolver(loop::Loop& loop, net::Resolver& resolver, const model::Cluster& cluster, OnChange on_change,
                  uint32_t seed = std::random_device{}(), uint64_t subset_seed = 0);
  // Withdraws open questions.
  ~ClusterResolver();
  ClusterResolver(const ClusterResolver&) = delete;
  ClusterResolver& operator=(const ClusterResolver&) = delete;

  // Publishes version 1 before it returns, with the endpoints given as addresses, and begins to ask for names. Once.
  void start();
  // The cluster's configuration has changed: names that remain keep their addresses and go on, so that a reload
  // loses nothing while DNS is down. Publishes before it returns if the set is another.
  void update(const model::Cluster& cluster);

  // The latest set; null before start().
  const EndpointSetPtr& current() const { return current_; }
  // Every name has been answered or has failed at least once: waiting longer for a first set is of no use.
  bool isSettled() const;
  // One a name, sorted by name.
  std::vector<NameFacts> facts() const;

 private:
  struct Name;

  void adopt(const model::Cluster& cluster);
  void keepWanted();
  void promote();
  bool areSettled(const std::vector<net::SrvRecord>& records) const;
  void startNames();
  void publishIfChanged();
  EndpointSet collect();
  void addNamed(EndpointSet& set, const Endpoint& like, const std::string& host, uint16_t port) const;
  void addServices(EndpointSet& set, const model::Endpoint& configured) const;
  void keepHealth(EndpointSet& set);
  loop::Task<void> keepFresh(Name& name);
  Duration noteOutcome(Name& name, const net::DnsOutcome& outcome);
  double draw() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  loop::Loop& loop_;
  net::Resolver& resolver_;
  OnChange on_change_;
  std::minstd_rand random_;
  const uint64_t subset_seed_;
  uint32_t subset_size_ = 0;
  std::vector<model::Endpoint> endpoints_;
  std::map<std::string, std::unique_ptr<Name>> names_;             // each asked for once, whatever the number of ports
  std::map<std::string, std::shared_ptr<EndpointHealth>> health_;  // by the address's text
  std::shared_ptr<ClusterShared> shared_ = std::make_shared<ClusterShared>();
  model::Balance balance_ = model::Balance::kLeastRequest;
  model::Balance published_balance_ = model::Balance::kLeastRequest;
  EndpointSetPtr current_;
};

}  // namespace remora::upstream
