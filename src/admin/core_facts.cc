#include "admin/core_facts.h"

#include <algorithm>

namespace remora::admin {
namespace {

EndpointFacts factsOf(const upstream::EndpointState& state) {
  return {.address = state.endpoint.text,
          .name = state.endpoint.name,
          .zone = state.endpoint.zone,
          .labels = state.endpoint.labels,
          .source = state.endpoint.source,
          .weight = state.endpoint.weight,
          .priority = state.endpoint.priority,
          .active = state.active,
          .idle = state.pool.idle(),
          .requests = state.requests,
          .failures = state.failures,
          .is_ejected = state.endpoint.health->isEjected(),
          .learned_idle = state.pool.learnedIdle()};
}

HoldingFacts holdingOf(const upstream::ClusterState& state, Instant now) {
  const model::Cluster& options = state.options();
  const upstream::ClusterShared& shared = state.shared();
  HoldingFacts facts{.limit = shared.requests->most(),
                     .is_adaptive = shared.isAdaptive(options),
                     .active = shared.requests->active(),
                     .waiting = shared.requests->waiting(),
                     .has_admission = options.admission.has_value()};
  if (facts.is_adaptive) facts.min_rtt = shared.adaptive.minRtt();
  if (options.breaker) {
    facts.breaker = upstream::nameOf(shared.breaker->state());
    facts.error_percent = shared.breaker->errorPercent();
    facts.open_left = shared.breaker->timeLeft(now);
  }
  if (facts.has_admission) facts.refused_percent = static_cast<uint32_t>(shared.admission.share() * 100);
  return facts;
}

void addEndpoint(const EndpointFacts& facts, std::vector<EndpointFacts>& sums) {
  // One address may come from two names.
  const auto known = std::ranges::find_if(
      sums, [&](const EndpointFacts& sum) { return sum.address == facts.address && sum.name == facts.name; });
  if (known == sums.end()) {
    sums.push_back(facts);
    return;
  }
  known->active += facts.active;
  known->idle += facts.idle;
  known->requests += facts.requests;
  known->failures += facts.failures;
  const bool is_shorter = facts.learned_idle.count() && facts.learned_idle < known->learned_idle;
  if (is_shorter || !known->learned_idle.count()) known->learned_idle = facts.learned_idle;
}

}  // namespace

CoreFacts copyCoreFacts(proxy::Core& core) {
  CoreFacts facts{.connections = core.connections()};
  if (!core.snapshot()) return facts;
  facts.generation = (*core.snapshot())->generation;
  for (const Ref<upstream::ClusterState>& state : core.snapshot()->clusters()) {
    ClusterFacts cluster{.name = state->name(),
                         .version = state->version(),
                         .has_dns_failed = state->hasDnsFailed(),
                         .holding = holdingOf(*state, core.now())};
    for (const Ref<upstream::EndpointState>& endpoint : state->endpoints()) {
      cluster.endpoints.push_back(factsOf(*endpoint));
    }
    facts.clusters.push_back(std::move(cluster));
  }
  return facts;
}

std::vector<ClusterFacts> sumClusters(const std::vector<std::optional<CoreFacts>>& cores) {
  std::vector<ClusterFacts> sums;
  for (const auto& core : cores) {
    if (!core) continue;
    for (const ClusterFacts& cluster : core->clusters) {
      auto known = std::ranges::find_if(sums, [&](const ClusterFacts& sum) { return sum.name == cluster.name; });
      if (known == sums.end()) {
        sums.push_back(cluster);
        continue;
      }
      known->version = std::max(known->version, cluster.version);
      known->has_dns_failed |= cluster.has_dns_failed;
      for (const EndpointFacts& endpoint : cluster.endpoints) addEndpoint(endpoint, known->endpoints);
    }
  }
  return sums;
}

}  // namespace remora::admin
