#include "proxy/sticky.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "proxy/hash_key.h"
#include "upstream/hash_ring.h"

namespace remora::proxy {
namespace {

// "name=value; Path=/; ..."; only over TLS where it was given over TLS.
std::string cookieText(const Exchange& exchange, std::string_view name, uint64_t value, Milliseconds ttl,
                       std::string_view path) {
  std::string text = fmt::format("{}={:016x}; Path={}; HttpOnly; SameSite=Lax", name, value, path);
  if (ttl.count() > 0) text += fmt::format("; Max-Age={}", std::max<int64_t>(ttl.count() / 1000, 1));
  if (exchange.request.scheme == "https") text += "; Secure";
  return text;
}

// What the client says of where it was; nothing where it has no cookie, or the service isn't sticky.
std::optional<std::string_view> stickyCookie(const Exchange& exchange, const upstream::ClusterState& cluster) {
  const std::optional<model::Sticky>& sticky = cluster.options().sticky;
  return sticky ? cookieOf(*exchange.request.headers, sticky->cookie) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> hashOrMakeCookie(Exchange& exchange, const model::Cluster& cluster) {
  if (const auto hash = hashOf({exchange.request, exchange.client}, cluster.hash_by)) return hash;
  for (const model::HashKey& key : cluster.hash_by) {
    if (!key.ttl) continue;
    const uint64_t value = exchange.core.ids().next();
    exchange.set_cookie = cookieText(exchange, key.name, value, *key.ttl, "/");
    return upstream::hashOf(fmt::format("{:016x}", value), 0);
  }
  return std::nullopt;
}

upstream::EndpointState* stickyEndpoint(Exchange& exchange, upstream::ClusterState& cluster,
                                        const model::Subset* subset) {
  const std::optional<std::string_view> value = stickyCookie(exchange, cluster);
  if (!value) return nullptr;
  upstream::EndpointState* named = cluster.endpointOfToken(*value);
  if (named && subset && !model::hasAll(named->endpoint.labels, subset->labels)) named = nullptr;
  exchange.record.decide(observe::Outcome::kStuck, {}, named ? 0 : 1, exchange.core.now());
  return named;
}

bool isStuck(const Exchange& exchange, upstream::ClusterState& cluster) {
  const std::optional<std::string_view> value = stickyCookie(exchange, cluster);
  return value && cluster.endpointOfToken(*value) == exchange.endpoint.get();
}

void keepAtEndpoint(Exchange& exchange, const upstream::ClusterState& cluster) {
  const std::optional<model::Sticky>& sticky = cluster.options().sticky;
  if (!sticky) return;
  const uint64_t token = exchange.endpoint->token;
  const std::optional<std::string_view> value = stickyCookie(exchange, cluster);
  if (value && cluster.tokenOf(*value) == token) return;
  exchange.set_cookie = cookieText(exchange, sticky->cookie, token, sticky->ttl, sticky->path);
}

}  // namespace remora::proxy
