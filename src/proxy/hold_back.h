// What holds a request back before its first attempt: a service that fails, how many may run at it at once, and who
// goes first. Belongs to one core.
#pragma once

#include <optional>

#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// The service's circuit_breaker and admission_control: both refuse at once.
Result<void> mayAsk(Exchange& exchange, upstream::ClusterState& cluster);
// What one attempt tells the circuit breaker.
void tellBreaker(Exchange& exchange, upstream::ClusterState& cluster, bool is_failure);

// Of one that began to wait then: "it waited 1000 ms, 40 others wait, the first for 812 ms".
std::string describeQueue(upstream::Permits& permits, Instant began, Instant now);

// Of the service's limit, where one can be had at once. Nothing: it can't; an empty one: the service has no limit.
std::optional<upstream::Permits::Permit> tryPermit(const Exchange& exchange, upstream::ClusterState& cluster);
// The same into exchange.permit. True: none is needed, or it was had at once.
bool takePermit(Exchange& exchange, upstream::ClusterState& cluster);
// Waits for one, by priority and then in the order of the process. Fails where too many wait already, or for too long.
loop::Task<void> awaitPermit(Exchange& exchange, upstream::ClusterState& cluster);

}  // namespace remora::proxy
