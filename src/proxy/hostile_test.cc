// Bytes that were made to confuse: nothing ambiguous reaches the other side, the connection they came on is not
// believed any further, and the next client is served.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

struct Refused {
  std::string_view request;
  int status;
  Reason reason;
};

class HostileRequest : public testing::TestWithParam<Refused> {};

TEST_P(HostileRequest, IsRefusedAndItsConnectionClosed) {
  const Refused& c = GetParam();
  World world;
  auto client = world.client();
  client->put(std::string(c.request) + kGet);
  world.settle();
  const std::string reply = client->take();
  EXPECT_EQ(statusOf(reply), c.status) << reply;
  EXPECT_EQ(countOf(reply, "HTTP/1.1 "), 1u) << reply;
  EXPECT_TRUE(has(reply, "Connection: close\r\n")) << reply;
  EXPECT_TRUE(has(reply, "Proxy-Status: remora; error=http_request_error")) << reply;
  EXPECT_TRUE(has(reply, "\"reason\":\"" + std::string(tokenOf(c.reason)) + "\"")) << reply;
  EXPECT_EQ(world.last().reason, c.reason) << tokenOf(world.last().reason);
  EXPECT_EQ(world.metrics.protocol_errors_downstream.value(), 1u);
  EXPECT_EQ(world.appConnections(), 0u);
  world.advance(std::chrono::seconds(2));
  EXPECT_TRUE(client->isEnded());
  auto next = world.client();
  EXPECT_EQ(world.exchange(*next, kGet, kOk), kOk);
}

constexpr std::string_view kPost = "POST / HTTP/1.1\r\nHost: a\r\n";

INSTANTIATE_TEST_SUITE_P(
    All, HostileRequest,
    testing::Values(
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
                Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400,
                Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabcd", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, Reason::kBadFraming},
        Refused{
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
                Reason::kBadTransferCoding},
        Refused{"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, Reason::kBadFraming},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
                "chunked\r\n\r\n0\r\n\r\n",
                400, Reason::kBadHeader},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, Reason::kBadHeader},
        Refused{"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n", 400, Reason::kBadHeader},
        Refused{"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, Reason::kBadHeader},
        Refused{"GET / HTTP/1.1\r\n\r\n", 400, Reason::kBadHost},
        Refused{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, Reason::kBadHost},
        Refused{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, Reason::kBadHost},
        Refused{"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400, Reason::kBadHost},
        Refused{"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, Reason::kBadHost},
        Refused{"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, Reason::kBadTarget},
        Refused{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, Reason::kBadTarget},
        Refused{"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", 400, Reason::kBadPath},
        Refused{"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, Reason::kBadPath},
        Refused{"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, Reason::kConnectMethod},
        Refused{"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417, Reason::kBadExpect},
        Refused{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, Reason::kBadVersion},
        Refused{"PRI * HTTP/2.0\r\nHost: a\r\n\r\n", 505, Reason::kBadVersion}));

TEST(HostileRequests, BoundsOnAHeadAreKept) {
  const std::pair<std::string, Reason> cases[] = {
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", Reason::kTargetTooLong},
      {"GET / HTTP/1.1\r\nHost: a\r\nx: " + std::string(70'000, 'a') + "\r\n\r\n", Reason::kHeadTooLarge},
      {"GET / HTTP/1.1\r\nHost: a\r\n" +
           [] {
             std::string many;
             for (int i = 0; i < 101; ++i) many += "x: y\r\n";
             return many;
           }() +
           "\r\n",
       Reason::kTooManyHeaders}};
  for (const auto& [request, reason] : cases) {
    World world;
    auto client = world.client("in", 1 << 20);
    client->put(request);
    world.settle();
    EXPECT_EQ(statusOf(client->take()), rowOf(reason).status);
    EXPECT_EQ(world.last().reason, reason) << tokenOf(world.last().reason);
  }
}

TEST(HostileRequests, AMalformedBodyEndsTheAttemptWithoutAnEnd) {
  for (const std::string_view chunk : {"zz\r\n", "5\r\nhelloX\r\n", "-1\r\n", "5;\n\r\nhello\r\n"}) {
    World world;
    auto client = world.client();
    client->put(std::string(kPost) + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    EXPECT_TRUE(world.toApp().ends_with("3\r\nabc\r\n"));
    client->put(chunk);
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 400);
    EXPECT_EQ(world.last().reason, Reason::kBadChunk);
    EXPECT_TRUE(world.app().isEnded());
    EXPECT_FALSE(has(world.toApp(), "0\r\n\r\n"));
    EXPECT_EQ(world.metrics.upstream_idle.value(), 0);
  }
}

TEST(HostileRequests, ATrailerThatFramesOrAuthenticatesIsRefused) {
  for (const std::string_view trailer : {"Content-Length: 3", "Authorization: x", "Host: b", "a b: c"}) {
    World world;
    auto client = world.client();
    client->put(std::string(kPost) + "Transfer-Encoding: chunked\r\n\r\n");
    (void)world.toApp();
    client->put("0\r\n" + std::string(trailer) + "\r\n\r\n");
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 400);
    EXPECT_EQ(world.last().reason, Reason::kBadTrailer);
    EXPECT_FALSE(has(world.toApp(), "0\r\n"));
  }
}

TEST(HostileRequests, BytesBehindAnUpgradeThatWasRefusedAreARequest) {
  World world;
  auto client = world.client();
  client->put("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET /x HTTP/1.1\r\n\r\n");
  const std::string first = world.toApp();
  EXPECT_FALSE(has(first, "/x")) << first;
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(countOf(client->take(), "HTTP/1.1 "), 2u);  // the answer, and a 400 for the second: it has no Host
  EXPECT_EQ(world.last().reason, Reason::kBadHost);
}

TEST(HostileRequests, AnUpgradeToCleartextHttp2IsNotPassedOn) {
  World world;
  auto client = world.client();
  client->put(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n");
  const std::string request = world.toApp();
  EXPECT_FALSE(has(request, "pgrade")) << request;
  EXPECT_FALSE(has(request, "HTTP2")) << request;
}

class HostileResponse : public testing::TestWithParam<std::string_view> {};

TEST_P(HostileResponse, BecomesA502AndItsConnectionIsNotUsedAgain) {
  World world;
  auto client = world.client();
  const std::string reply = world.exchange(*client, kGet, GetParam());
  EXPECT_EQ(statusOf(reply), 502) << reply;
  EXPECT_TRUE(has(reply, "Proxy-Status: remora; error=http_")) << reply;
  EXPECT_FALSE(has(reply, "Secret")) << reply;
  EXPECT_TRUE(world.app().isEnded());
  EXPECT_EQ(world.metrics.upstream_idle.value(), 0);
  EXPECT_FALSE(client->isEnded());
  EXPECT_EQ(world.exchange(*client, kGet, kOk, 1), kOk);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileResponse,
    testing::Values("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nSecret : x\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nX: a\n\r\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n",
                    "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2 200\r\n\r\n--------", "HTTP/1.1 2000 OK\r\n\r\n",
                    "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n X: folded\r\n\r\n",
                    "HTTP/1.1 103 Hints\r\nContent-Length: 3\r\n\r\nabc",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"));

TEST(HostileResponses, AnUnaskedSwitchOfProtocolsHasItsOwnName) {
  World world;
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, "HTTP/1.1 101 Switching Protocols\r\n\r\n")), 502);
  EXPECT_EQ(world.last().reason, Reason::kUpgradeRefused);
}

TEST(HostileResponses, AHeadPastItsBoundsIsNotPassedOn) {
  const std::string large = "HTTP/1.1 200 OK\r\nx: " + std::string(70'000, 'a') + "\r\n\r\n";
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 101; ++i) many += "x: y\r\n";
  for (const std::string& response : {large, many + "\r\n"}) {
    World world;
    world.connector.capacity = 1 << 20;
    auto client = world.client();
    EXPECT_EQ(statusOf(world.exchange(*client, kGet, response)), 502);
    EXPECT_EQ(world.last().reason, Reason::kResponseTooLarge);
  }
}

TEST(HostileResponses, BytesBehindAResponseAreThrownAwayWithTheirConnection) {
  for (const bool comes_later : {false, true}) {
    World world;
    auto client = world.client();
    EXPECT_EQ(world.exchange(*client, kGet, kOk + (comes_later ? "" : "HTTP/1.1 200 Poison\r\n\r\n")), kOk);
    if (comes_later) world.app().put("HTTP/1.1 200 Poison\r\n\r\n");
    world.settle();
    EXPECT_TRUE(world.app().isEnded());
    EXPECT_EQ(world.metrics.glitches_upstream.value(), 1u);
    EXPECT_EQ(world.exchange(*client, kGet, kOk, 1), kOk);
  }
}

TEST(HostileResponses, ABodyWhereThereMayBeNoneIsNotPassedOn) {
  const std::pair<std::string, std::string> cases[] = {
      {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
      {kGet, "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nhi"},
      {kGet, "HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\nhi"}};
  for (const auto& [request, response] : cases) {
    World world;
    auto client = world.client();
    const std::string got = world.exchange(*client, request, response);
    EXPECT_TRUE(got.ends_with("\r\n\r\n")) << got;
    EXPECT_TRUE(world.app().isEnded());
    EXPECT_EQ(world.exchange(*client, kGet, kOk, 1), kOk);
  }
}

TEST(HostileResponses, ATruncatedBodyCutsTheClientVisibly) {
  for (const std::string_view response : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    World world;
    auto client = world.client();
    client->put(kGet);
    (void)world.toApp();
    world.app().put(response);
    world.settle();
    world.connector.apps[0].reset();
    world.settle();
    EXPECT_TRUE(client->isReset());
    EXPECT_EQ(world.last().reason, Reason::kResponseTruncated);
  }
}

TEST(HostileResponses, AMalformedBodyThatIsThereWithItsHeadIsStillAClean502) {
  World world;
  auto client = world.client();
  client->put(kGet);
  (void)world.toApp();
  world.app().other()->read_most = 47;  // the head ends exactly there
  world.app().put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 502);
}

}  // namespace
}  // namespace remora::proxy::test
