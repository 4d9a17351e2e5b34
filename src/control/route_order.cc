#include "control/route_order.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace remora::control {

namespace {

// A route as one virtual host sees it.
struct Candidate {
  size_t index;      // in the file
  size_t host_size;  // how specific the host is that brought it here; exact hosts beat every wildcard
};

using HostIndex = std::unordered_map<std::string_view, std::vector<size_t>>;

size_t specificity(std::string_view host) {
  if (host == "*") return 0;
  return host.starts_with("*.") ? host.size() : SIZE_MAX;
}

size_t literalCharacters(std::string_view path_template) {
  size_t count = 0;
  bool is_inside = false;
  for (const char c : path_template) {
    if (c == '{') is_inside = true;
    if (!is_inside) ++count;
    if (c == '}') is_inside = false;
  }
  return count;
}

// Smaller comes first.
std::pair<int, int64_t> pathRank(const model::PathMatch& path) {
  const auto longestFirst = [](size_t size) { return -static_cast<int64_t>(size); };
  switch (path.kind) {
    case model::PathMatch::Kind::kExact:
      return {0, 0};
    case model::PathMatch::Kind::kTemplate:
      return {1, longestFirst(literalCharacters(path.text))};
    case model::PathMatch::Kind::kPrefix:
      return {2, longestFirst(path.text.size())};
    case model::PathMatch::Kind::kRegex:
      return {3, 0};
    case model::PathMatch::Kind::kAny:
      return {4, 0};
  }
  return {5, 0};
}

auto precedence(const model::RouteMatch& match, const Candidate& candidate) {
  return std::tuple(pathRank(match.path), match.methods.empty() ? 1 : 0, -static_cast<int64_t>(match.headers.size()),
                    -static_cast<int64_t>(match.query.size()), -static_cast<int64_t>(match.cookies.size()),
                    match.sources.empty() ? 1 : 0, SIZE_MAX - candidate.host_size, candidate.index);
}

// The host itself and every pattern that covers it, most specific first.
std::vector<Candidate> candidatesFor(std::string_view host, const HostIndex& index, std::string& scratch) {
  std::vector<Candidate> out;
  const auto take = [&](std::string_view pattern) {
    const auto found = index.find(pattern);
    if (found == index.end()) return;
    for (const size_t route : found->second) out.push_back({route, specificity(pattern)});
  };
  take(host);
  std::string_view rest = host.starts_with("*.") ? host.substr(2) : host;
  for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    rest.remove_prefix(dot + 1);
    scratch.assign("*.").append(rest);
    take(scratch);
  }
  if (host != "*") take("*");
  return out;
}

}  // namespace

bool coversHost(std::string_view wide, std::string_view narrow) {
  if (wide == narrow) return false;
  if (wide == "*") return true;
  if (!wide.starts_with("*.") || narrow == "*") return false;
  const std::string_view suffix = wide.substr(1);  // ".a"
  if (narrow.starts_with("*.")) narrow.remove_prefix(1);
  return narrow.size() > suffix.size() && narrow.ends_with(suffix);
}

std::expected<std::vector<model::VirtualHost>, size_t> arrangeRoutes(const std::vector<HostedRoute>& routes) {
  std::vector<model::VirtualHost> hosts;
  HostIndex index;
  for (size_t i = 0; i < routes.size(); ++i) {
    for (const std::string& host : routes[i].hosts) {
      std::vector<size_t>& bearers = index[host];
      if (bearers.empty()) {
        hosts.push_back({.origin = routes[i].hosts_origin, .name = host, .hosts = {host}, .routes = {}});
      }
      if (bearers.empty() || bearers.back() != i) bearers.push_back(i);
    }
  }
  std::string scratch;
  size_t total = 0;
  for (model::VirtualHost& host : hosts) {
    std::vector<Candidate> candidates = candidatesFor(host.name, index, scratch);
    total += candidates.size();
    if (total > kMostMergedRoutes) return std::unexpected(total);
    // A route that comes by several of its hosts counts for the most specific, which comes first here.
    std::ranges::sort(candidates, {}, [](const Candidate& c) { return std::pair(c.index, SIZE_MAX - c.host_size); });
    const auto repeated = std::ranges::unique(candidates, {}, &Candidate::index);
    candidates.erase(repeated.begin(), repeated.end());
    std::ranges::sort(candidates, [&](const Candidate& a, const Candidate& b) {
      return precedence(routes[a.index].route.match, a) < precedence(routes[b.index].route.match, b);
    });
    host.routes.reserve(candidates.size());
    for (const Candidate& candidate : candidates) host.routes.push_back(routes[candidate.index].route);
  }
  return hosts;
}

}  // namespace remora::control
