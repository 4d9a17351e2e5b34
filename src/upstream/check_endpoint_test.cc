#include "upstream/check_endpoint.h"

#include "tls/test_certificates.h"
#include "upstream/health_test_world.h"

namespace remora::upstream {
namespace {

using std::string_literals::operator""s;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class CheckEndpointTest : public test::HealthWorld {};

TEST_F(CheckEndpointTest, Http1AsksForThePathOfTheEndpointsOwnHost) {
  EXPECT_EQ(firstFinding(), "healthy");
  EXPECT_THAT(endpoint(1).requests,
              ElementsAre("GET /healthz HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: remora-health-check\r\n"
                          "Accept: */*\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(endpoint(1).open, 0u) << "its connection is closed";
}

TEST_F(CheckEndpointTest, Http1AsksAsItIsTold) {
  settings_.check.method = "HEAD";
  settings_.check.path = "/up?deep=1";
  settings_.check.host = "shop.example";
  settings_.check.port = 9000;
  net_["10.0.0.1:9000"].answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  EXPECT_EQ(firstFinding(), "healthy");
  EXPECT_EQ(checks(), 0u);
  EXPECT_THAT(net_["10.0.0.1:9000"].requests,
              ElementsAre(StartsWith("HEAD /up?deep=1 HTTP/1.1\r\nHost: shop.example\r\n")));
}

TEST_F(CheckEndpointTest, ADnsNameIsTheHostWithThePortThatIsAsked) {
  settings_.check.port = 9000;
  follow({1}, "orders.internal");
  loop_.advance(seconds(1));
  EXPECT_THAT(net_["10.0.0.1:9000"].requests, ElementsAre(HasSubstr("\r\nHost: orders.internal:9000\r\n")));
}

TEST_F(CheckEndpointTest, StatusesDecide) {
  settings_.check.statuses = {{200, 204}, {302, 302}};
  settings_.check.unhealthy_threshold = settings_.check.healthy_threshold = 1;
  follow({1});
  for (const auto& [status, is_well] : std::vector<std::pair<int, bool>>{
           {200, true}, {204, true}, {205, false}, {199, false}, {302, true}, {301, false}, {503, false}}) {
    if (status < 200) continue;  // interim: tested below
    endpoint(1).answer = "HTTP/1.1 " + std::to_string(status) + " X\r\n\r\n";
    advanceIntervals(1);
    EXPECT_EQ(isHealthy(), is_well) << status;
  }
  EXPECT_EQ(failure(), "GET /healthz was answered with status 503, not 200..204, 302");
}

TEST_F(CheckEndpointTest, InterimAnswersArePassedOver) {
  endpoint(1).answer = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(firstFinding(), "healthy");
}

TEST_F(CheckEndpointTest, InterimAnswersWithoutEndAreNoAnswer) {
  endpoint(1).answer.clear();
  for (int i = 0; i < 20; ++i) endpoint(1).answer += "HTTP/1.1 103 Early Hints\r\n\r\n";
  EXPECT_EQ(firstFinding(), "its answer is malformed");
}

TEST_F(CheckEndpointTest, WhatIsNoAnswerSaysWhy) {
  settings_.check.unhealthy_threshold = 1;
  follow({1});
  for (const auto& [answer, why] : std::vector<std::pair<std::string, std::string>>{
           {"SSH-2.0-OpenSSH_9.2\r\n", "its answer is malformed"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "its answer is malformed"},
           {"HTTP/1.1 200 OK\r\nX: " + std::string(kCheckHeadMost, 'x'), "its answer is too long for a health check"},
           {"HTTP/1.1 200 O", "it closed the connection before it answered"},
           {"", "it closed the connection before it answered"}}) {
    endpoint(1).answer = answer;
    advanceIntervals(1);
    EXPECT_EQ(finding(), why) << answer.substr(0, 40);
  }
  for (const auto& [mode, why] : std::vector<std::pair<Mode, std::string>>{
           {Mode::kRefuses, "it refuses connections: is the application listening there?"},
           {Mode::kCloses, "it closed the connection before it answered"},
           {Mode::kResets, "it reset the connection before it answered"},
           {Mode::kNeverConnects, "no connection within 1 s"},
           {Mode::kSilent, "connected, but no answer within 1 s"}}) {
    endpoint(1).mode = mode;
    loop_.advance(settings_.check.interval + settings_.check.timeout);
    EXPECT_EQ(finding(), why);
  }
}

TEST_F(CheckEndpointTest, TheTimeIsForAllOfIt) {
  settings_.check.timeout = milliseconds(250);
  settings_.check.interval = seconds(1);
  endpoint(1).mode = Mode::kSilent;
  follow({1});
  loop_.advance(milliseconds(249));
  EXPECT_EQ(finding(), "not checked");
  loop_.advance(milliseconds(1));
  EXPECT_EQ(finding(), "connected, but no answer within 250 ms");
}

TEST_F(CheckEndpointTest, ABodyIsReadToABoundAndChangesNothing) {
  settings_.check.interval = seconds(10);
  endpoint(1).keeps_open = true;
  endpoint(1).answer = "HTTP/1.1 200 OK\r\n\r\n" + std::string(kCheckBodyMost - 100, 'x');
  follow({1});
  loop_.advance(milliseconds(999));
  EXPECT_EQ(endpoint(1).open, 1u) << "it may say more";
  loop_.advance(milliseconds(1));
  EXPECT_TRUE(isHealthy());
  EXPECT_EQ(endpoint(1).open, 0u);
  endpoint(1).answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  loop_.advance(seconds(10));
  EXPECT_EQ(checks(), 2u);
  EXPECT_EQ(endpoint(1).open, 0u) << "nothing more can come";
}

TEST_F(CheckEndpointTest, TcpIsContentWithAConnection) {
  settings_.check.kind = Kind::kTcp;
  settings_.check.unhealthy_threshold = 1;
  endpoint(1).mode = Mode::kSilent;
  EXPECT_EQ(firstFinding(), "healthy");
  EXPECT_TRUE(endpoint(1).requests.empty());
  EXPECT_EQ(endpoint(1).open, 0u);
  endpoint(1).mode = Mode::kRefuses;
  advanceIntervals(1);
  EXPECT_EQ(finding(), "it refuses connections: is the application listening there?");
}

TEST_F(CheckEndpointTest, OverHttp2) {
  settings_.protocol = model::Protocol::kHttp2;
  settings_.check.unhealthy_threshold = 1;
  endpoint(1).is_http2 = true;
  endpoint(1).body = "fine";
  EXPECT_EQ(firstFinding(), "healthy");
  EXPECT_THAT(endpoint(1).requests, ElementsAre("/healthz"));
  EXPECT_EQ(endpoint(1).open, 0u);
  endpoint(1).head = {{":status", "500"}};
  advanceIntervals(1);
  EXPECT_EQ(finding(), "GET /healthz was answered with status 500, not 200..299");
  endpoint(1).mode = Mode::kSilent;
  loop_.advance(settings_.check.interval + settings_.check.timeout);
  EXPECT_EQ(finding(), "connected, but no answer within 1 s");
}

TEST_F(CheckEndpointTest, OverHttp2WithOneWhoDoesNotSpeakIt) {
  settings_.protocol = model::Protocol::kHttp2;
  endpoint(1).answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  EXPECT_EQ(firstFinding(), "what it sends isn't HTTP/2");
}

class GrpcCheckTest : public test::HealthWorld {
 protected:
  GrpcCheckTest() {
    settings_.check.kind = Kind::kGrpc;
    settings_.check.unhealthy_threshold = settings_.check.healthy_threshold = 1;
    settings_.protocol = model::Protocol::kHttp2;
    endpoint(1).is_http2 = true;
    endpoint(1).head = kGrpcHead;
    say(1);
  }
  void say(int serving) {
    endpoint(1).body = "\0\0\0\0\x02\x08"s + static_cast<char>(serving);
    endpoint(1).grpc_status = "0";
  }
  std::string next() {
    advanceIntervals(1);
    return finding();
  }
  const std::vector<http::HeadField> kGrpcHead{{":status", "200"}, {"content-type", "application/grpc"}};
};

TEST_F(GrpcCheckTest, ServingIsWellAndNothingElse) {
  EXPECT_EQ(firstFinding(), "healthy");
  EXPECT_THAT(endpoint(1).requests, ElementsAre("/grpc.health.v1.Health/Check \0\0\0\0\0"s));
  say(2);
  EXPECT_EQ(next(), "it says that the server is NOT_SERVING");
  say(1);
  EXPECT_EQ(next(), "healthy");
  endpoint(1).body = "\0\0\0\0\0"s;
  EXPECT_EQ(next(), "it says that the server is UNKNOWN");
}

TEST_F(GrpcCheckTest, AServiceHasItsOwnStanding) {
  settings_.check.grpc_service = "shop.Orders";
  say(3);
  EXPECT_EQ(firstFinding(), "it says that 'shop.Orders' is SERVICE_UNKNOWN");
  EXPECT_THAT(endpoint(1).requests, ElementsAre("/grpc.health.v1.Health/Check \0\0\0\0\x0d\x0a\x0bshop.Orders"s));
  endpoint(1).grpc_status = "5";
  endpoint(1).body.clear();
  EXPECT_EQ(next(), "its health service doesn't know 'shop.Orders' (NOT_FOUND)");
}

TEST_F(GrpcCheckTest, StatusesOfGrpcSayWhy) {
  follow({1});
  endpoint(1).body.clear();
  endpoint(1).grpc_status.clear();
  endpoint(1).head = {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "12"}};
  EXPECT_EQ(next(), "it has no grpc.health.v1.Health service (UNIMPLEMENTED)");
  endpoint(1).head = kGrpcHead;
  EXPECT_EQ(next(), "its answer has no grpc-status: is it a gRPC server?");
  endpoint(1).grpc_status = "14";
  EXPECT_EQ(next(), "its health service failed with UNAVAILABLE");
  endpoint(1).grpc_status = "99";
  EXPECT_EQ(next(), "its answer has no grpc-status: is it a gRPC server?");
}

TEST_F(GrpcCheckTest, WhatIsNoGrpcSaysSo) {
  follow({1});
  endpoint(1).head = {{":status", "200"}, {"content-type", "text/html"}};
  EXPECT_EQ(next(), "its answer isn't gRPC: is it a gRPC server?");
  endpoint(1).head = {{":status", "404"}};
  EXPECT_EQ(next(), "the gRPC health call got status 404");
  endpoint(1).head = kGrpcHead;
  endpoint(1).body = "nonsense";
  EXPECT_EQ(next(), "its answer is malformed");
  endpoint(1).body = std::string(8 << 10, 'x');
  EXPECT_EQ(next(), "its answer is malformed") << "no more of it is kept";
}

class TlsCheckTest : public test::HealthWorld {
 protected:
  TlsCheckTest() {
    server_.name = "endpoint";
    server_.certificates = {authority_.issue({.name = "app", .sans = {"IP:10.0.0.1"}})};
    client_.ca = authority_.ca();
  }
  void serve(const std::vector<std::string>& alpn) {
    auto made = tls::ServerContext::make(server_, alpn, nullptr);
    ASSERT_TRUE(made) << made.error().text;
    endpoint(1).tls = *made;
  }
  std::string asked(const std::vector<std::string>& alpn) {
    auto made = tls::ClientContext::make(client_, alpn);
    EXPECT_TRUE(made) << made.error().text;
    settings_.tls = *made;
    return firstFinding();
  }

  tls::TestAuthority authority_{"root"};
  tls::TestAuthority stranger_{"stranger"};
  model::TlsServer server_;
  model::TlsClient client_;
};

TEST_F(TlsCheckTest, ChecksSpeakTheServicesTls) {
  serve({"http/1.1"});
  EXPECT_EQ(asked({"http/1.1"}), "healthy");
  EXPECT_THAT(endpoint(1).requests, ElementsAre(StartsWith("GET /healthz HTTP/1.1")));
}

TEST_F(TlsCheckTest, AlpnSettlesTheProtocol) {
  endpoint(1).is_http2 = true;
  serve({"h2"});
  EXPECT_EQ(asked({"h2", "http/1.1"}), "healthy");
  EXPECT_THAT(endpoint(1).requests, ElementsAre("/healthz"));
}

TEST_F(TlsCheckTest, GrpcNeedsAlpnToSettleOnHttp2) {
  settings_.check.kind = Kind::kGrpc;
  serve({"http/1.1"});
  EXPECT_EQ(asked({"h2", "http/1.1"}), "it settled on HTTP/1.1 (ALPN), and gRPC needs HTTP/2");
}

TEST_F(TlsCheckTest, ACertificateThatIsNotTrustedIsIll) {
  client_.ca = stranger_.ca();
  serve({});
  EXPECT_THAT(asked({}), StartsWith("the endpoint's certificate isn't valid for the service"));
}

TEST_F(TlsCheckTest, TcpMakesTheHandshakeToo) {
  settings_.check.kind = Kind::kTcp;
  serve({});
  EXPECT_EQ(asked({}), "healthy");
}

TEST_F(TlsCheckTest, WhoDoesNotSpeakTlsIsIll) {
  settings_.check.kind = Kind::kTcp;
  endpoint(1).mode = Mode::kSilent;
  EXPECT_EQ(asked({}), "no connection within 1 s");
}

}  // namespace
}  // namespace remora::upstream
