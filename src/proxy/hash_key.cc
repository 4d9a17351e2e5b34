#include "proxy/hash_key.h"

#include <array>
#include <string_view>

#include "base/ascii.h"
#include "upstream/hash_ring.h"

namespace remora::proxy {
namespace {

// `name=value` pieces between `separator`s; nothing when the name isn't among them.
std::optional<std::string_view> pieceOf(std::string_view text, char separator, std::string_view name) {
  while (!text.empty()) {
    const size_t end = text.find(separator);
    const std::string_view piece = ascii::trim(text.substr(0, end));
    const size_t equals = piece.find('=');
    if (equals != std::string_view::npos && piece.substr(0, equals) == name) return piece.substr(equals + 1);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<uint64_t> hashOf(const Keyed& keyed, const model::HashKey& key, uint64_t seed) {
  const http::Request& request = keyed.request;
  switch (key.kind) {
    case model::HashKey::Kind::kSource: {
      std::array<char, net::kPeerTextMax> text;
      const size_t bytes = net::printIp(keyed.client, text);
      return upstream::hashOf({text.data(), bytes}, seed);
    }
    case model::HashKey::Kind::kPath:
      return upstream::hashOf(request.path, seed);
    case model::HashKey::Kind::kHeader: {
      const http::Field* const field = request.headers->find(key.name);
      return field ? std::optional(upstream::hashOf(field->value, seed)) : std::nullopt;
    }
    case model::HashKey::Kind::kQuery: {
      const auto value = pieceOf(request.query, '&', key.name);
      return value ? std::optional(upstream::hashOf(*value, seed)) : std::nullopt;
    }
    case model::HashKey::Kind::kCookie: {
      const auto value = cookieOf(*request.headers, key.name);
      return value ? std::optional(upstream::hashOf(*value, seed)) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> hashOf(const Keyed& keyed, const std::vector<model::HashKey>& keys, uint64_t seed) {
  for (const model::HashKey& key : keys) {
    if (const std::optional<uint64_t> hash = hashOf(keyed, key, seed)) return hash;
  }
  return std::nullopt;
}

std::optional<std::string_view> cookieOf(const http::Headers& headers, std::string_view name) {
  return pieceOf(headers.valueOf(http::HeaderId::kCookie), ';', name);
}

}  // namespace remora::proxy
