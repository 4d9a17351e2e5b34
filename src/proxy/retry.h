// Tries endpoints until one answers. Sends a request again only when it provably never reached the application, or when
// a connection ended under it unused and sending it twice is the same as sending it once. Belongs to one core.
#pragma once

#include "http/message.h"
#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// The first, one more for the idle race (on a fresh connection it can't happen twice), one more for an endpoint that
// refuses connections. Also of connections that are relayed as they are.
inline constexpr uint8_t kAttemptsMost = 3;

// Another endpoint may do better: this one can't be connected to, and not all of `endpoints`
// were tried.
bool mayTryAnother(const Failure& failure, uint8_t attempts, size_t endpoints);

// Why the service had no endpoint to choose. `subset`: null where any would do.
Failure noEndpoint(const upstream::ClusterState& cluster, const model::Subset* subset);
// Tells the trail among how many with the labels of `subset` that endpoint was chosen.
void noteSubset(observe::ExchangeRecord& record, upstream::ClusterState& cluster, const upstream::EndpointState& chosen,
                const model::Subset& subset, observe::RuleId rule, Instant now);

// Leaves the answer in exchange.response, see attempt().
loop::Task<void> tryUpstreams(Core& core, Exchange& exchange);

}  // namespace remora::proxy
