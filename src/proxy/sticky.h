// Cookies that keep a client where it was: at one endpoint of a service, or at one value that a hash is taken of.
// Belongs to one core.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/exchange.h"

namespace remora::proxy {

// The hash of the first of the service's hash_by that the request has. A cookie with a ttl that it lacks is made and
// goes out with the answer.
std::optional<uint64_t> hashOrMakeCookie(Exchange& exchange, const model::Cluster& cluster);

// The endpoint that the request's cookie names, where the service is sticky and that one may be used; else null.
upstream::EndpointState* stickyEndpoint(Exchange& exchange, upstream::ClusterState& cluster,
                                        const model::Subset* subset);
// exchange.endpoint is the one that its cookie names: what its session needs is there only.
bool isStuck(const Exchange& exchange, upstream::ClusterState& cluster);
// The answer comes from exchange.endpoint: its cookie goes out where the client hasn't got it.
void keepAtEndpoint(Exchange& exchange, const upstream::ClusterState& cluster);

}  // namespace remora::proxy
