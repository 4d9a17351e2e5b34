// After a 101 two connections are one: bytes both ways, each side ending by itself.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

const std::string kAsk =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: v\r\n\r\n";

struct Tunnel {
  Tunnel() : client(world.client()) {
    client->put(kAsk);
    request = world.toApp();
    world.app().put(kSwitch);
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 101);
  }
  World world;
  std::unique_ptr<PipeEnd> client;
  std::string request;
};

TEST(Tunnels, BytesGoBothWaysAfterA101) {
  Tunnel tunnel;
  EXPECT_TRUE(has(tunnel.request, "Connection: Upgrade\r\nUpgrade: websocket\r\n")) << tunnel.request;
  EXPECT_EQ(tunnel.world.metrics.tunnels_active.value(), 1);
  tunnel.client->put("ping");
  EXPECT_EQ(tunnel.world.toApp(), "ping");
  tunnel.world.app().put("pong");
  tunnel.world.settle();
  EXPECT_EQ(tunnel.client->take(), "pong");
}

TEST(Tunnels, WhatCameWithTheHeadsIsNotLost) {
  World world;
  auto client = world.client();
  client->put(kAsk + "early");
  EXPECT_TRUE(world.toApp().ends_with("\r\n\r\n"));
  world.app().put(kSwitch + "hello");
  world.settle();
  EXPECT_TRUE(client->take().ends_with("\r\n\r\nhello"));
  EXPECT_EQ(world.toApp(), "early");
}

// Found by exchange_fuzz. RFC 9110 section 8.6: a 1xx has no Content-Length.
TEST(Tunnels, A101IsPassedOnWithoutALength) {
  World world;
  auto client = world.client();
  client->put(kAsk);
  (void)world.toApp();
  world.app().put("HTTP/1.1 101 S\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  world.settle();
  const std::string head = client->take();
  EXPECT_EQ(statusOf(head), 101);
  EXPECT_FALSE(has(head, "Content-Length")) << head;
}

TEST(Tunnels, EachSideEndsByItself) {
  Tunnel tunnel;
  tunnel.client->put("last");
  tunnel.client->shutdownWrite();
  EXPECT_EQ(tunnel.world.toApp(), "last");
  EXPECT_TRUE(tunnel.world.app().isEnded());
  tunnel.world.app().put("still there");
  tunnel.world.settle();
  EXPECT_EQ(tunnel.client->take(), "still there");
  EXPECT_FALSE(tunnel.client->isEnded());
  tunnel.world.app().shutdownWrite();
  tunnel.world.settle();
  EXPECT_TRUE(tunnel.client->isEnded());
  EXPECT_FALSE(tunnel.client->isReset());
  EXPECT_EQ(tunnel.world.metrics.tunnels_active.value(), 0);
  EXPECT_EQ(tunnel.world.last().status, 101);
  EXPECT_EQ(tunnel.world.last().bytes_received, 4u);
  EXPECT_EQ(tunnel.world.last().bytes_sent, 11u);
}

TEST(Tunnels, TheApplicationMayEndFirst) {
  Tunnel tunnel;
  tunnel.world.app().put("bye");
  tunnel.world.app().shutdownWrite();
  tunnel.world.settle();
  EXPECT_EQ(tunnel.client->take(), "bye");
  EXPECT_TRUE(tunnel.client->isEnded());
  tunnel.client->put("more");
  EXPECT_EQ(tunnel.world.toApp(), "more");
  tunnel.client->shutdownWrite();
  tunnel.world.settle();
  EXPECT_EQ(tunnel.world.core().connections(), 0u);
  EXPECT_EQ(tunnel.world.recorded(), 1u);
}

TEST(Tunnels, AResetOfEitherSideEndsBoth) {
  {
    Tunnel tunnel;
    tunnel.client->resetOnClose();
    tunnel.client.reset();
    tunnel.world.settle();
    EXPECT_TRUE(tunnel.world.app().isEnded());
    EXPECT_EQ(tunnel.world.core().connections(), 0u);
  }
  Tunnel tunnel;
  tunnel.world.app().resetOnClose();
  tunnel.world.connector.apps[0].reset();
  tunnel.world.settle();
  EXPECT_TRUE(tunnel.client->isReset());
  EXPECT_EQ(tunnel.world.core().connections(), 0u);
  EXPECT_EQ(tunnel.world.recorded(), 1u);
}

// The client takes nothing, so nothing is read of the application either.
TEST(Tunnels, AResetIsSeenAndPassedOnWhileNothingMoves) {
  World world;
  auto client = world.client("in", 200);
  client->put(kAsk);
  (void)world.toApp();
  world.app().put(kSwitch);
  world.settle();
  world.app().put(std::string(1000, 'x'));
  world.settle();
  world.app().resetOnClose();
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_TRUE(client->isReset());
  EXPECT_EQ(world.core().connections(), 0u);
}

TEST(Tunnels, IdlenessDoesNotEndThem) {
  Tunnel tunnel;
  tunnel.world.advance(std::chrono::hours(5));
  tunnel.client->put("ping");
  EXPECT_EQ(tunnel.world.toApp(), "ping");
}

TEST(Tunnels, BackPressureIsPassedOnAndNothingIsLost) {
  World world;
  auto client = world.client("in", 100);
  client->put(kAsk);
  (void)world.toApp();
  world.app().put(kSwitch);
  std::string expected;
  for (int i = 0; i < 500; ++i) expected += std::to_string(i) + ",";
  world.app().put(expected);
  std::string got;
  for (int i = 0; i < 300; ++i) {
    world.settle();
    got += client->take(30);
  }
  EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), expected);
}

TEST(Tunnels, TheyDoNotPinTheirConfiguration) {
  Tunnel tunnel;
  const long before = (*tunnel.world.core().snapshot())->rules.use_count();
  tunnel.world.adopt(basicConfig());
  EXPECT_EQ((*tunnel.world.core().snapshot())->rules.use_count(), before);  // the old Snapshot is gone
  tunnel.client->put("ping");
  EXPECT_EQ(tunnel.world.toApp(), "ping");
  tunnel.client->shutdownWrite();
  tunnel.world.app().shutdownWrite();
  tunnel.world.settle();
  EXPECT_EQ(tunnel.world.last().route.view(), "all");
  EXPECT_EQ(tunnel.world.last().service.view(), "app");
  EXPECT_EQ(tunnel.world.last().listener.view(), "in");
}

// A 101 says to what it switches (RFC 9110 section 15.2.2).
TEST(Tunnels, ASwitchToNothingIsRefused) {
  World world;
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kAsk, "HTTP/1.1 101 Switching Protocols\r\n\r\n")), 502);
  EXPECT_EQ(world.last().reason, Reason::kUpgradeRefused);
}

// The application switched before it had the whole request: what is left of that request must not run into the tunnel
// as if it were its data.
TEST(Tunnels, ASwitchBeforeTheRequestWasSentIsRefused) {
  World world;
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 10\r\n\r\nabc");
  (void)world.toApp();
  world.app().put("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 502);
  EXPECT_EQ(world.last().reason, Reason::kUpgradeRefused);
}

}  // namespace
}  // namespace remora::proxy::test
