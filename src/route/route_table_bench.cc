// What choosing a route costs by the size and the kind of the table, and what normalising a path costs before that.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/path.h"
#include "route/route_table.h"

namespace remora::route {
namespace {

std::unique_ptr<const RouteTable> tableOf(size_t count) {
  model::VirtualHost host{.hosts = {"orders.shop.svc.cluster.local"}};
  for (size_t i = 0; i < count; ++i) {
    model::Route route{.action = model::Forward{{{"s", 1, {}}}}};
    const std::string path = "/api/v1/resource-" + std::to_string(i);
    constexpr std::array kKinds = {model::PathMatch::Kind::kPrefix, model::PathMatch::Kind::kExact,
                                   model::PathMatch::Kind::kTemplate};
    const auto kind = kKinds[i % kKinds.size()];
    route.match.path = {kind, kind == model::PathMatch::Kind::kTemplate ? path + "/{id}" : path};
    host.routes.push_back(route);
  }
  host.routes.back().match.path = {model::PathMatch::Kind::kPrefix, "/api/v1/orders"};
  auto table = RouteTable::compile({.hosts = {host}}, {});
  return table ? std::move(*table) : nullptr;
}

// The worst case of order: the last route of all is the one that wins.
void matchLastRoute(benchmark::State& state) {
  const auto table = tableOf(static_cast<size_t>(state.range(0)));
  http::Headers headers;
  for (const char* name : {"host", "user-agent", "accept", "x-request-id"}) headers.add(name, "value");
  const RouteInput input{
      .host = "orders.shop.svc.cluster.local", .path = "/api/v1/orders/17/items", .method = "GET", .headers = &headers};
  for (auto _ : state) benchmark::DoNotOptimize(table->match(input));
}
BENCHMARK(matchLastRoute)->Arg(1)->Arg(8)->Arg(9)->Arg(10)->Arg(100)->Arg(5'000)->Arg(10'000);

// --- 10,000 routes --------------------------------------------------------------------------------------------------

constexpr size_t kMany = 10'000;
using model::PathMatch;

// How the routes of a table, and the requests for them, are made of a number.
struct Kind {
  size_t routes_of_a_host = kMany;
  PathMatch::Kind path = PathMatch::Kind::kExact;
  const char* route_end = "";
  const char* request_end = "";
  size_t routes_of_a_path = 1;  // told apart by method, or where there are more of them than two, by a header too
  bool is_nested = false;       // /api/v1/team-7/resource-1234 in place of /resource-1234
};

std::string hostOf(const Kind& kind, size_t number) {
  return "service-" + std::to_string(number / kind.routes_of_a_host) + ".shop.svc.cluster.local";
}

std::string pathOf(const Kind& kind, size_t number) {
  const std::string own = "/resource-" + std::to_string(number / kind.routes_of_a_path);
  return kind.is_nested ? "/api/v1/team-" + std::to_string(number % 97) + own : own;
}

std::string tenantOf(const Kind& kind, size_t number) {
  return "tenant-" + std::to_string(number % kind.routes_of_a_path / 2);
}

std::string_view methodOf(const Kind& kind, size_t number) {
  return kind.routes_of_a_path == 1 || number % 2 == 0 ? "GET" : "POST";
}

model::Route routeOf(const Kind& kind, size_t number) {
  model::Route route{.action = model::Forward{{{"s", 1, {}}}}};
  route.match.path = {kind.path, pathOf(kind, number) + kind.route_end};
  if (kind.routes_of_a_path > 1) route.match.methods = {std::string(methodOf(kind, number))};
  if (kind.routes_of_a_path > 2) {
    route.match.headers = {
        {.name = "x-tenant", .kind = model::ValueMatch::Kind::kExact, .text = tenantOf(kind, number)}};
  }
  return route;
}

model::RouteTable manyRoutes(const Kind& kind) {
  model::RouteTable source;
  for (size_t number = 0; number < kMany; ++number) {
    if (number % kind.routes_of_a_host == 0) source.hosts.push_back({.hosts = {hostOf(kind, number)}});
    source.hosts.back().routes.push_back(routeOf(kind, number));
  }
  return source;
}

// One request for each route, in an order of chance. Their texts lie side by side in that order, so that they are in
// the cache when their turn comes, as those of a request that has just been read; the table isn't.
struct Requests {
  explicit Requests(const Kind& kind) : tenants(kind.routes_of_a_path / 2 + 1) {
    std::vector<size_t> numbers(kMany);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::ranges::shuffle(numbers, std::minstd_rand(1));
    for (const size_t number : numbers) texts += hostOf(kind, number) + pathOf(kind, number) + kind.request_end;
    size_t at = 0;
    const auto take = [&](size_t size) { return std::string_view(texts).substr(std::exchange(at, at + size), size); };
    for (const size_t number : numbers) {
      http::Headers& headers = tenants[number % kind.routes_of_a_path / 2];
      const std::string_view host = take(hostOf(kind, number).size());
      const std::string_view path = take((pathOf(kind, number) + kind.request_end).size());
      inputs.push_back({.host = host, .path = path, .method = methodOf(kind, number), .headers = &headers});
    }
    for (size_t i = 0; i < tenants.size(); ++i) {
      for (const char* name : {"host", "user-agent", "accept", "x-request-id"}) tenants[i].add(name, "value");
      tenants[i].add("x-tenant", names.emplace_back("tenant-" + std::to_string(i)));
    }
  }
  std::string texts;
  std::deque<std::string> names;
  std::vector<http::Headers> tenants;
  std::vector<RouteInput> inputs;
};

void matchOneOfMany(benchmark::State& state, const Kind& kind) {
  const auto table = RouteTable::compile(manyRoutes(kind), {});
  if (!table) return state.SkipWithError("the table has errors");
  const Requests requests(kind);
  for (const RouteInput& input : requests.inputs) {
    if ((*table)->match(input).route == nullptr) return state.SkipWithError("a request finds no route");
  }
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize((*table)->match(requests.inputs[next]));
    next = next + 1 == requests.inputs.size() ? 0 : next + 1;
  }
}
constexpr auto kTemplate = PathMatch::Kind::kTemplate;
constexpr auto kPrefix = PathMatch::Kind::kPrefix;
BENCHMARK_CAPTURE(matchOneOfMany, exact, Kind{});
BENCHMARK_CAPTURE(matchOneOfMany, exact_nested, Kind{.is_nested = true});
BENCHMARK_CAPTURE(matchOneOfMany, prefix, Kind{.path = kPrefix, .request_end = "/items/17"});
BENCHMARK_CAPTURE(matchOneOfMany, prefix_nested,
                  Kind{.path = kPrefix, .request_end = "/items/17/details", .is_nested = true});
BENCHMARK_CAPTURE(matchOneOfMany, template,
                  Kind{.path = kTemplate, .route_end = "/{id}/items/{item}", .request_end = "/17/items/4"});
BENCHMARK_CAPTURE(
    matchOneOfMany, template_nested,
    Kind{.path = kTemplate, .route_end = "/{id}/items/{item}", .request_end = "/17/items/4", .is_nested = true});
BENCHMARK_CAPTURE(matchOneOfMany, exact_of_100_hosts, Kind{.routes_of_a_host = 100});
BENCHMARK_CAPTURE(matchOneOfMany, exact_of_10000_hosts, Kind{.routes_of_a_host = 1});
BENCHMARK_CAPTURE(matchOneOfMany, template_of_1250_hosts,  // the most that is tested in order
                  Kind{.routes_of_a_host = 8, .path = kTemplate, .route_end = "/{id}", .request_end = "/17"});
BENCHMARK_CAPTURE(matchOneOfMany, template_methods,
                  Kind{.path = kTemplate, .route_end = "/{id}", .request_end = "/17", .routes_of_a_path = 2});
BENCHMARK_CAPTURE(matchOneOfMany, template_methods_headers,  // up to 8 routes of one path
                  Kind{.path = kTemplate, .route_end = "/{id}", .request_end = "/17", .routes_of_a_path = 8});
BENCHMARK_CAPTURE(matchOneOfMany, template_methods_headers_of_100_hosts,
                  Kind{.routes_of_a_host = 104,
                       .path = kTemplate,
                       .route_end = "/{id}",
                       .request_end = "/17",
                       .routes_of_a_path = 8,
                       .is_nested = false});
BENCHMARK_CAPTURE(matchOneOfMany, prefix_100_of_a_path,  // beyond any index by paths
                  Kind{.path = kPrefix, .request_end = "/17", .routes_of_a_path = 100});

void normalize(benchmark::State& state, std::string_view path) {
  std::array<char, 256> scratch;
  for (auto _ : state) {
    benchmark::DoNotOptimize(path);
    benchmark::DoNotOptimize(http::normalizePath(path, {}, scratch));
  }
}
BENCHMARK_CAPTURE(normalize, short_path, "/orders/17");
BENCHMARK_CAPTURE(normalize, plain_path, "/api/v1/orders/17/items/details/of-the-order");
BENCHMARK_CAPTURE(normalize, odd_path, "/api/v1/../v2/%6frders/17//items/details");

}  // namespace
}  // namespace remora::route
