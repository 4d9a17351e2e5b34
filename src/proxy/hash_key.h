// What of a request decides which endpoint or member of a split it goes to, or by what it is counted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "model/hash_key.h"
#include "net/address.h"

namespace remora::proxy {

struct Keyed {
  const http::Request& request;
  const net::Peer& client;  // as believed
};

// Nothing when the request has none; what has to be written is written to `text`.
std::optional<std::string_view> valueOf(const Keyed& keyed, const model::HashKey& key,
                                        std::span<char, net::kPeerTextMax> text);
// The hash of the first key that the request has; nothing when it has none.
std::optional<uint64_t> hashOf(const Keyed& keyed, const std::vector<model::HashKey>& keys, uint64_t seed = 0);
// The value of the first cookie of that name.
std::optional<std::string_view> cookieOf(const http::Headers& headers, std::string_view name);

}  // namespace remora::proxy
