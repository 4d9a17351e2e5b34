// What choosing a route costs by the size of the table, and what normalising a path costs before that.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>
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
BENCHMARK(matchLastRoute)->Arg(1)->Arg(8)->Arg(9)->Arg(10)->Arg(100)->Arg(5'000);

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
