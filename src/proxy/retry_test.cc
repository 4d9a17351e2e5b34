// When a request is sent again, and when never: the race in which an application closes an idle connection just as it
// is used must not reach the client, and nothing may be executed twice.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

const std::string kPost = "POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc";

// A world whose application is in the pool, and has closed it without remora knowing.
struct Race {
  Race() : client(world.client()) {
    world.connector.on_connect = [this](PipeEnd& ours, PipeEnd&) { pooled = pooled ? pooled : &ours; };
    EXPECT_EQ(world.exchange(*client, kGet, kOk), kOk);
  }
  void closeUnnoticed() { PipeEnd::closeUnnoticed(world.connector.apps[0]); }
  // What the fresh connection got, answered.
  std::string answeredAgain() {
    const std::string request = world.toApp(1);
    world.app(1).put(kOk);
    world.settle();
    EXPECT_EQ(client->take(), kOk);
    EXPECT_EQ(world.metrics.replays.value(), 1u);
    EXPECT_EQ(world.last().attempts, 2);
    EXPECT_FALSE(world.last().reused);
    return request;
  }
  void expectGivenUp() {
    world.advance(std::chrono::seconds(1));
    EXPECT_EQ(statusOf(client->take()), 502);
    EXPECT_EQ(world.appConnections(), 1u);
    EXPECT_EQ(world.metrics.replays.value(), 0u);
  }

  World world;
  std::unique_ptr<PipeEnd> client;
  PipeEnd* pooled = nullptr;  // remora's end
};

TEST(IdleRace, AnIdempotentRequestIsSentAgainOnAFreshConnection) {
  for (const std::string_view method : {"GET", "PUT", "DELETE", "OPTIONS", "HEAD"}) {
    Race race;
    race.closeUnnoticed();
    race.client->put(std::string(method) + " /x HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string again = race.world.toApp(1);
    EXPECT_TRUE(again.starts_with(std::string(method) + " /x ")) << again;
  }
}

TEST(IdleRace, AResetIsAsGoodAsAnEndForAnIdempotentRequest) {
  Race race;
  race.client->put(kGet);
  (void)race.world.toApp();
  race.world.app().resetOnClose();
  race.world.connector.apps[0].reset();
  EXPECT_TRUE(race.answeredAgain().starts_with("GET /a "));
}

TEST(IdleRace, APostWithoutProofIsNotSentAgain) {
  Race race;
  race.closeUnnoticed();
  race.client->put(kPost);
  race.expectGivenUp();
  EXPECT_EQ(race.world.last().reason, Reason::kUpstreamClosed);
}

TEST(IdleRace, APostIsSentAgainWhenTheTransportProvesThatNothingArrived) {
  Race race;
  race.closeUnnoticed();
  race.pooled->proof_now = net::TransportProof{.is_closed = true, .acknowledged = 0};
  race.client->put(kPost);
  EXPECT_TRUE(race.answeredAgain().ends_with("abc"));
}

TEST(IdleRace, TheProofMayComeALittleLater) {
  Race race;
  race.closeUnnoticed();
  race.pooled->proof_now = net::TransportProof{.is_closed = false, .acknowledged = 0};
  race.client->put(kPost);
  race.world.advance(Milliseconds(50));
  EXPECT_EQ(race.world.appConnections(), 1u);
  race.pooled->proof_now = net::TransportProof{.is_closed = true, .acknowledged = 0};
  race.pooled->breakNow();
  EXPECT_TRUE(race.answeredAgain().ends_with("abc"));
}

TEST(IdleRace, OneByteAcknowledgedIsNoProof) {
  Race race;
  race.closeUnnoticed();
  race.pooled->proof_now = net::TransportProof{.is_closed = true, .acknowledged = 100'000};
  race.client->put(kPost);
  race.expectGivenUp();
}

TEST(IdleRace, AResetIsNoProofForAPost) {
  Race race;
  race.client->put(kPost);
  (void)race.world.toApp();
  race.pooled->proof_now = net::TransportProof{.is_closed = true, .acknowledged = 0};
  race.world.app().resetOnClose();
  race.world.connector.apps[0].reset();
  race.expectGivenUp();
  EXPECT_EQ(race.world.last().reason, Reason::kUpstreamReset);
}

TEST(IdleRace, AWriteThatTakesNothingProvesIt) {
  Race race;
  race.pooled->write_error = EPIPE;
  race.client->put(kPost);
  EXPECT_TRUE(race.answeredAgain().ends_with("abc"));
}

TEST(IdleRace, SoDoesAGatheredWriteThatIsRefusedAtTheEndOfTheTurn) {
  Race race;
  race.pooled->refuses_late = true;
  race.client->put(kPost);
  EXPECT_TRUE(race.answeredAgain().ends_with("abc"));
}

TEST(IdleRace, ABodyThatCameInPiecesIsSentAgainWhole) {
  Race race;
  race.client->put("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  (void)race.world.toApp();
  race.client->put("3\r\ndef\r\n");
  (void)race.world.toApp();
  race.world.connector.apps[0].reset();
  race.world.settle();
  race.client->put("1\r\ng\r\n0\r\n\r\n");
  EXPECT_TRUE(race.answeredAgain().ends_with("3\r\nabc\r\n3\r\ndef\r\n1\r\ng\r\n0\r\n\r\n"));
}

TEST(IdleRace, ABodyPastWhatIsKeptIsNotSentAgain) {
  Race race;
  race.client->put("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  (void)race.world.toApp();
  for (int i = 0; i < 9; ++i) {
    race.client->put("2000\r\n" + std::string(0x2000, 'x') + "\r\n");
    (void)race.world.toApp();
  }
  race.world.connector.apps[0].reset();
  race.expectGivenUp();
}

TEST(IdleRace, ABodyKnownToBeTooLongToKeepGoesToAFreshConnection) {
  Race race;
  race.client->put("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  race.world.settle();
  EXPECT_EQ(race.world.appConnections(), 2u);
}

TEST(IdleRace, NothingIsSentAgainOnceAByteOfAResponseCame) {
  Race race;
  race.client->put(kGet);
  (void)race.world.toApp();
  race.world.app().put("H");
  race.world.connector.apps[0].reset();
  race.expectGivenUp();
}

TEST(IdleRace, NothingIsSentAgainOnceAnInterimResponseCame) {
  Race race;
  race.client->put(kGet);
  (void)race.world.toApp();
  race.world.app().put("HTTP/1.1 103 Early Hints\r\n\r\n");
  race.world.settle();
  race.world.connector.apps[0].reset();
  race.world.settle();
  EXPECT_TRUE(has(race.client->take(), "HTTP/1.1 502"));
  EXPECT_EQ(race.world.appConnections(), 1u);
}

TEST(IdleRace, OnAFreshConnectionItIsNoRace) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 502);
  EXPECT_EQ(world.last().reason, Reason::kUpstreamClosed);
  EXPECT_EQ(world.appConnections(), 1u);
}

TEST(IdleRace, AnApplicationThatAlwaysClosesIsAskedTwiceAtMost) {
  Race race;
  race.client->put(kGet);
  (void)race.world.toApp();
  race.world.connector.apps[0].reset();
  (void)race.world.toApp(1);
  race.world.connector.apps[1].reset();
  race.world.settle();
  EXPECT_EQ(statusOf(race.client->take()), 502);
  EXPECT_EQ(race.world.appConnections(), 2u);
}

TEST(IdleRace, AConnectionThatIsSeenToEndInThePoolIsNotUsed) {
  Race race;
  race.world.connector.apps[0].reset();
  race.world.settle();
  EXPECT_EQ(race.world.metrics.upstream_idle.value(), 0);
  EXPECT_EQ(race.world.metrics.upstream_closed_by_peer.value(), 1u);
  race.client->put(kPost);
  EXPECT_TRUE(race.world.toApp(1).ends_with("abc"));
  EXPECT_EQ(race.world.metrics.replays.value(), 0u);
}

TEST(IdleRace, OfALargeBodyNothingIsCountedTwice) {
  Race race;
  race.closeUnnoticed();
  race.client->put("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  (void)race.answeredAgain();
  EXPECT_EQ(race.world.last().bytes_received, 3u);
}

}  // namespace
}  // namespace remora::proxy::test
