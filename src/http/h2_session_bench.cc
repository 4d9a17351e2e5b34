// An exchange over HTTP/2 between two sessions in memory: both roles' codec, heads, frames and queues, without a
// kernel.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/h2_session.h"
#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace remora::http {
namespace {

struct Ends final : H2Session::Owner {
  void onRequest(std::unique_ptr<H2Stream> stream) override { requests.push_back(std::move(stream)); }
  void onSessionChange() override {}
  std::vector<std::unique_ptr<H2Stream>> requests;
};

struct Pair {
  Pair() {
    std::tie(near, far) = net::MemoryStream::pair(loop, 1 << 20);
    H2Bounds bounds;
    bounds.http2.streams = 200;
    client.emplace(H2Session::Role::kClient, *near, scratch, bounds, client_owner);
    server.emplace(H2Session::Role::kServer, *far, scratch, bounds, server_owner);
    client->start();
    server->start();
    loop.settle();
  }
  loop::TestLoop loop;
  std::array<char, 64 << 10> scratch;
  Ends client_owner;
  Ends server_owner;
  std::unique_ptr<net::MemoryStream> near;
  std::unique_ptr<net::MemoryStream> far;
  std::optional<H2Session> client;
  std::optional<H2Session> server;
};

constexpr std::array<HeadField, 9> kRequest{{{":method", "GET"},
                                             {":scheme", "http"},
                                             {":authority", "orders.shop.svc.cluster.local"},
                                             {":path", "/v1/orders/1234"},
                                             {"user-agent", "bench/1"},
                                             {"accept", "application/json"},
                                             {"x-forwarded-for", "10.1.2.3"},
                                             {"x-forwarded-proto", "http"},
                                             {"x-request-id", "0af7651916cd43dd8448eb211c80319c"}}};
constexpr std::array<HeadField, 4> kResponse{
    {{":status", "200"}, {"content-type", "application/json"}, {"content-length", "100"}, {"server", "bench"}}};

// `range(0)` exchanges at once, with a body of `range(1)` bytes in the answer.
void exchange(benchmark::State& state) {
  Pair pair;
  const auto count = static_cast<size_t>(state.range(0));
  std::string body(static_cast<size_t>(state.range(1)), 'x');
  std::array<HeadField, 4> response = kResponse;
  const std::string length = std::to_string(body.size());
  response[2].value = length;
  std::vector<std::unique_ptr<H2Stream>> streams(count);
  std::array<char, 64 << 10> piece;
  for (auto _ : state) {
    for (auto& stream : streams) {
      stream = pair.client->openStream();
      if (!stream || !stream->sendHead(kRequest, End::kLast)) return state.SkipWithError("no stream");
    }
    pair.loop.settle();
    for (auto& stream : pair.server_owner.requests) {
      const iovec bytes{body.data(), body.size()};
      if (!stream->sendHead(response, End::kMore) || stream->writeLast({&bytes, 1}).error) {
        return state.SkipWithError("not written");
      }
    }
    pair.server_owner.requests.clear();
    pair.loop.settle();
    for (auto& stream : streams) {
      if (!stream->takeResponse()) return state.SkipWithError("no answer");
      while (stream->read(piece).bytes) {
      }
      stream.reset();
    }
    pair.loop.settle();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
}
BENCHMARK(exchange)->Args({1, 100})->Args({32, 100})->Args({32, 8000})->Args({4, 60'000});

}  // namespace
}  // namespace remora::http
