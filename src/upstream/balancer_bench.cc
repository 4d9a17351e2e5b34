// Picking one of many endpoints.
#include "upstream/balancer.h"

#include <benchmark/benchmark.h>

#include "loop/test_loop.h"

namespace remora::upstream {
namespace {

void pick(benchmark::State& state) {
  loop::TestLoop loop;
  observe::CoreMetrics metrics;
  observe::IdSource random{{1, 2, 3, 4}};
  std::vector<Ref<EndpointState>> endpoints;
  std::vector<HashRing::Member> members;
  for (int i = 0; i < 1000; ++i) {
    const model::SocketAddress address{model::SocketAddress::Kind::kIp, "10.0.0.1", static_cast<uint16_t>(i + 1)};
    endpoints.push_back(
        makeRef<EndpointState>(Endpoint{.address = *net::Address::of(address),
                                        .text = model::toText(address),
                                        .weight = static_cast<uint32_t>(state.range(1) ? 1 + i % 7 : 1)},
                               loop.loop(), metrics));
  }
  for (const auto& endpoint : endpoints) members.push_back({endpoint->endpoint.text, endpoint->endpoint.weight});
  const auto balance = static_cast<model::Balance>(state.range(0));
  std::shared_ptr<const HashRing> ring;
  if (balance == model::Balance::kRingHash) ring = HashRing::make(HashRing::Kind::kRing, members);
  if (balance == model::Balance::kMaglev) ring = HashRing::make(HashRing::Kind::kMaglev, members);
  Balancer balancer;
  balancer.rebuild({.balance = balance}, endpoints, ring);
  uint64_t key = 0;
  for (auto _ : state) {
    key += 0x9e3779b97f4a7c15ULL;
    benchmark::DoNotOptimize(balancer.pick({.now = loop.loop().now(), .random = random, .hash = key}));
  }
}
BENCHMARK(pick)->ArgNames({"balance", "weighted"})->ArgsProduct({{0, 1, 2, 3, 4, 5}, {0, 1}});

}  // namespace
}  // namespace remora::upstream
