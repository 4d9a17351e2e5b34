// What of a request decides which endpoint it goes to, where a service is balanced by hash, or by what it is counted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/cluster.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Nothing when the request has none; what has to be written is written to `text`.
std::optional<std::string_view> valueOf(const Exchange& exchange, const model::HashKey& key,
                                        std::span<char, net::kPeerTextMax> text);
// The hash of the first key that the request has; nothing when it has none.
std::optional<uint64_t> hashOf(const Exchange& exchange, const std::vector<model::HashKey>& keys, uint64_t seed = 0);

}  // namespace remora::proxy
