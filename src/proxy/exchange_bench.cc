// The user time of one whole exchange, from the request's bytes to the recorded answer, over a network in memory: what
// remora's own code costs with warm caches. The kernel's part is bench/run.py's.
#include <benchmark/benchmark.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

constexpr std::string_view kRequest =
    "GET /s HTTP/1.1\r\nHost: 127.0.0.1:9101\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench/1\r\n"
    "Accept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Authorization: Bearer eyJhbGciOieyJhbGciOieyJhbGciOieyJhbGciOieyJhbGciOieyJhbGciOieyJhbGciOieyJhbGciOi\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nX-Api-Version: 3\r\n\r\n";

std::string response() {
  return "HTTP/1.1 200 OK\r\nServer: bk\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\nContent-Type: "
         "application/octet-stream\r\nContent-Length: 128\r\nX-Backend: one\r\n\r\n" +
         std::string(128, 'x');
}

void smallExchange(benchmark::State& state) {
  World world;
  auto client = world.client();
  const std::string answer = response();
  client->put(kRequest);
  world.settle();
  for (auto _ : state) {
    world.app().take();
    world.app().put(answer);
    world.settle();
    client->take();
    client->put(kRequest);
    world.settle();
  }
}
BENCHMARK(smallExchange);

}  // namespace
}  // namespace remora::proxy::test
