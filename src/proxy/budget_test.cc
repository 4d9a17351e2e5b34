// What an exchange costs in steady state, asserted both ways: more is a regression, less must be written down here.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "loop/frame_pool.h"
#include "proxy/test_support.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REMORA_TEST_SANITIZED 1
#endif
#endif

namespace {
uint64_t allocations = 0;
}

#ifndef REMORA_TEST_SANITIZED
void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t bytes) {
  return operator new(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
#endif

namespace remora::proxy::test {
namespace {

struct Cost {
  uint64_t frames = 0;
  uint64_t allocations = 0;
};

// A stream that holds ready bytes in place, so that nothing the test does allocates.
class FlatStream final : public net::Stream {
 public:
  explicit FlatStream(loop::Loop& loop) : Stream(loop) {}
  net::IoResult read(std::span<char> into) override {
    if (ready.empty()) {
      may_read_ = false;
      return {0, EAGAIN};
    }
    const size_t n = std::min(into.size(), ready.size());
    std::copy_n(ready.data(), n, into.data());
    ready.remove_prefix(n);
    if (ready.empty()) may_read_ = false;
    return {n, 0};
  }
  net::IoResult write(std::span<const iovec> pieces) override {
    size_t bytes = 0;
    for (const iovec& piece : pieces) bytes += piece.iov_len;
    ++writes;
    return {bytes, 0};
  }
  void shutdownWrite() override {}
  void resetOnClose() override {}
  void arrive(std::string_view bytes) {
    ready = bytes;
    notify({.readable = true});
  }
  std::string_view ready;
  uint64_t writes = 0;
};

class FlatConnector final : public net::Connector {
 public:
  explicit FlatConnector(loop::Loop& loop) : loop_(loop) {}
  Result<std::unique_ptr<net::Stream>> connect(const net::Address&) override {
    auto stream = std::make_unique<FlatStream>(loop_);
    last = stream.get();
    return std::unique_ptr<net::Stream>(std::move(stream));
  }
  FlatStream* last = nullptr;

 private:
  loop::Loop& loop_;
};

// One exchange after a hundred like it.
Cost costOf(std::string_view request, std::string_view response) {
  loop::TestLoop loop;
  FlatConnector connector(loop);
  observe::CoreMetrics metrics;
  Core core({.loop = loop, .connector = connector, .metrics = metrics, .seed = {1, 2, 3, 4}});
  core.adoptSnapshot(*snapshot::compile(basicConfig(), 1, std::make_shared<snapshot::RuleBook>()), nullptr);
  auto set = std::make_shared<upstream::EndpointSet>();
  const model::SocketAddress address{model::SocketAddress::Kind::kIp, "10.0.0.1", 80};
  set->endpoints.push_back({.address = *net::Address::of(address), .text = "10.0.0.1:80"});
  core.adoptEndpoints("app", std::move(set));
  auto owned = std::make_unique<FlatStream>(loop);
  FlatStream& client = *owned;
  core.serve(std::move(owned), *net::parsePeer("192.0.2.7:4711"), "in");
  Cost cost;
  for (int i = 0; i < 101; ++i) {
    const uint64_t frames_before = loop::frameCounts().taken;
    const uint64_t allocations_before = allocations;
    client.arrive(request);
    loop.settle();
    connector.last->arrive(response);
    loop.settle();
    cost = {loop::frameCounts().taken - frames_before, allocations - allocations_before};
  }
  EXPECT_EQ(client.writes, 101u);
  EXPECT_EQ(core.recent().copy().front().status, 200);
  return cost;
}

TEST(Budget, AGetInSteadyStateAllocatesNothing) {
  const Cost cost = costOf(kGet, kOk);
  EXPECT_EQ(cost.allocations, 0u);
  EXPECT_EQ(cost.frames, 6u);
}

TEST(Budget, APostWithItsBodyInSteadyStateAllocatesNothing) {
  const Cost cost = costOf("POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc", kOk);
  EXPECT_EQ(cost.allocations, 0u);
  EXPECT_EQ(cost.frames, 6u);
}

TEST(Budget, AChunkedAnswerInSteadyStateAllocatesNothing) {
  const Cost cost = costOf(kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(cost.allocations, 0u);
  EXPECT_EQ(cost.frames, 6u);
}

}  // namespace
}  // namespace remora::proxy::test
