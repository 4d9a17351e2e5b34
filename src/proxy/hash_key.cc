#include "proxy/hash_key.h"

#include <array>

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

}  // namespace

std::optional<std::string_view> valueOf(const Keyed& keyed, const model::HashKey& key,
                                        std::span<char, net::kPeerTextMax> text) {
  const http::Request& request = keyed.request;
  switch (key.kind) {
    case model::HashKey::Kind::kSource:
      return std::string_view(text.data(), net::printIp(keyed.client, text));
    case model::HashKey::Kind::kPath:
      return request.path;
    case model::HashKey::Kind::kHeader: {
      const http::Field* const field = request.headers->find(key.name);
      return field ? std::optional(field->value) : std::nullopt;
    }
    case model::HashKey::Kind::kQuery:
      return pieceOf(request.query, '&', key.name);
    case model::HashKey::Kind::kCookie:
      return cookieOf(*request.headers, key.name);
  }
  return std::nullopt;
}

std::optional<uint64_t> hashOf(const Keyed& keyed, const std::vector<model::HashKey>& keys, uint64_t seed) {
  for (const model::HashKey& key : keys) {
    std::array<char, net::kPeerTextMax> text;
    if (const auto value = valueOf(keyed, key, text)) return upstream::hashOf(*value, seed);
  }
  return std::nullopt;
}

std::optional<std::string_view> cookieOf(const http::Headers& headers, std::string_view name) {
  for (const http::Field& field : headers) {
    if (field.id != http::HeaderId::kCookie) continue;
    if (const auto value = pieceOf(field.value, ';', name)) return value;
  }
  return std::nullopt;
}

}  // namespace remora::proxy
