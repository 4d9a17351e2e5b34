// What becomes of header fields on their way: what belongs to a hop stays there, what a proxy must add is added, and
// everything else keeps its case and its order.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";

// The request as the application gets it.
std::string forwarded(World& world, std::string_view fields) {
  auto client = world.client();
  client->put("GET /a HTTP/1.1\r\nHost: shop\r\n" + std::string(fields) + "\r\n");
  return world.toApp();
}
std::string forwarded(std::string_view fields, const std::function<void(model::HttpOptions&)>& change = {}) {
  World world([&](model::Config& config) {
    if (change) change(httpOf(config));
  });
  return forwarded(world, fields);
}

TEST(Fields, CaseOrderAndRepetitionsAreKept) {
  const std::string request = forwarded("x-B: 1\r\nX-a: 2\r\nx-b: 3\r\nCookie: a=b\r\ncookie: c=d\r\nEmpty: \r\n");
  EXPECT_TRUE(has(request, "Host: shop\r\nx-B: 1\r\nX-a: 2\r\nx-b: 3\r\nCookie: a=b\r\ncookie: c=d\r\nEmpty: \r\n"))
      << request;
}

TEST(Fields, HopByHopOnesAreRemoved) {
  const std::string request = forwarded(
      "Connection: keep-alive, X-Mine\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nX-Mine: 1\r\n"
      "Proxy-Authorization: Basic x\r\nUpgrade: foo\r\nX-Other: 2\r\n");
  EXPECT_TRUE(has(request, "X-Other: 2\r\n")) << request;
  for (const std::string_view gone : {"Connection", "Keep-Alive", "TE:", "X-Mine", "Proxy-Auth", "Upgrade"}) {
    EXPECT_FALSE(has(request, gone)) << gone << request;
  }
}

TEST(Fields, EveryConnectionFieldIsHeard) {
  const std::string request = forwarded("Connection: close\r\nConnection: X-Mine\r\nX-Mine: 1\r\n");
  EXPECT_FALSE(has(request, "X-Mine")) << request;
}

TEST(Fields, WhatAProxyNeedsCannotBeNominatedAway) {
  const std::string request = forwarded(
      "Connection: host, x-forwarded-for, content-length, authorization, cookie, traceparent, x-request-id\r\n"
      "Authorization: a\r\nCookie: b\r\nX-Forwarded-For: 198.51.100.1\r\nX-Request-Id: me\r\n");
  for (const std::string_view kept : {"Host: shop", "Authorization: a", "Cookie: b",
                                      "X-Forwarded-For: 198.51.100.1, 192.0.2.7", "X-Request-Id: me"}) {
    EXPECT_TRUE(has(request, kept)) << kept << request;
  }
}

TEST(Fields, ForwardingFieldsAreAppendedOrKept) {
  const std::string request = forwarded(
      "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 198.51.100.2\r\nX-Forwarded-Proto: https\r\n"
      "X-Forwarded-Host: outside\r\n");
  EXPECT_TRUE(has(request, "X-Forwarded-For: 198.51.100.1, 198.51.100.2, 192.0.2.7\r\n")) << request;
  EXPECT_TRUE(has(request, "X-Forwarded-Proto: https\r\n"));
  EXPECT_TRUE(has(request, "X-Forwarded-Host: outside\r\n"));
  EXPECT_EQ(countOf(request, "X-Forwarded-"), 3u);
}

TEST(Fields, AtAnEdgeWhatAClientSaysOfItselfIsOverwritten) {
  const std::string request = forwarded(
      "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: outside\r\n"
      "x_forwarded_for: 1\r\nX-Forwarded_Proto: 2\r\nX_Real_IP: 3\r\nForwarded: for=1\r\nX_Mine: 4\r\n",
      [](model::HttpOptions& http) { http.edge = true; });
  EXPECT_TRUE(has(request, "X-Forwarded-Proto: http\r\n")) << request;
  EXPECT_TRUE(has(request, "X-Forwarded-Host: shop\r\n"));
  EXPECT_TRUE(has(request, ", 192.0.2.7\r\n"));
  EXPECT_TRUE(has(request, "X_Mine: 4\r\n"));
  for (const std::string_view gone : {"https", "outside", "x_forwarded", "Forwarded_", "X_Real", "Forwarded: "}) {
    EXPECT_FALSE(has(request, gone)) << gone << request;
  }
}

// The scheme of an absolute target is the client's word, not the transport's.
TEST(Fields, AtAnEdgeTheSchemeIsTheTransports) {
  World world([](model::Config& config) { httpOf(config).edge = true; });
  auto client = world.client();
  client->put("GET https://shop/a HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_TRUE(has(world.toApp(), "X-Forwarded-Proto: http\r\n"));
}

TEST(Fields, ForwardedAndViaAreAddedWhenAskedFor) {
  const std::string request = forwarded("Forwarded: for=198.51.100.1\r\nVia: 1.0 a\r\n", [](model::HttpOptions& http) {
    http.forwarded = true;
    http.via = "remora";
  });
  EXPECT_TRUE(has(request, "Forwarded: for=198.51.100.1, for=192.0.2.7;host=\"shop\";proto=http\r\n")) << request;
  EXPECT_TRUE(has(request, "Via: 1.0 a, 1.1 remora\r\n")) << request;
}

TEST(Fields, ATraceIsContinuedWithANewSpan) {
  const std::string received = "00-" + kTrace + "-b7ad6b7169203331-01";
  const std::string request = forwarded("traceparent: " + received + "\r\ntracestate: a=b\r\n");
  EXPECT_TRUE(has(request, "traceparent: 00-" + kTrace + "-")) << request;
  EXPECT_FALSE(has(request, "b7ad6b7169203331")) << request;
  EXPECT_TRUE(has(request, "tracestate: a=b\r\n")) << request;
  EXPECT_EQ(countOf(request, "traceparent"), 1u);
}

TEST(Fields, AnInvalidTraceIsBegunAnewWithoutItsState) {
  for (const std::string& received : {std::string("traceparent: 00-xyz\r\n"), std::string(),
                                      "traceparent: 00-" + kTrace + "-b7ad6b7169203331-01\r\ntraceparent: 00-" +
                                          kTrace + "-b7ad6b7169203332-01\r\n"}) {
    const std::string request = forwarded(received + "tracestate: a=b\r\n");
    EXPECT_FALSE(has(request, kTrace)) << request;
    EXPECT_FALSE(has(request, "tracestate")) << request;
    EXPECT_EQ(countOf(request, "traceparent: 00-"), 1u) << request;
  }
}

TEST(Fields, TraceAndIdAreLeftAloneWhenNotWanted) {
  const std::string request =
      forwarded("traceparent: odd\r\ntracestate: a=b\r\nX-Request-Id: me\r\n", [](model::HttpOptions& http) {
        http.trace_context = false;
        http.request_id = false;
      });
  EXPECT_TRUE(has(request, "traceparent: odd\r\ntracestate: a=b\r\nX-Request-Id: me\r\n")) << request;
}

TEST(Fields, ARequestIdIsKeptInsideAndMadeAtAnEdge) {
  EXPECT_TRUE(has(forwarded("X-Request-Id: me\r\n"), "X-Request-Id: me\r\n"));
  const std::string request = forwarded("X-Request-Id: me\r\n", [](model::HttpOptions& http) { http.edge = true; });
  EXPECT_EQ(countOf(request, "X-Request-Id: "), 1u);
  EXPECT_FALSE(has(request, "X-Request-Id: me")) << request;
  const std::string longest(128, 'x');
  EXPECT_TRUE(has(forwarded("X-Request-Id: " + longest + "\r\n"), "X-Request-Id: " + longest + "\r\n"));
  EXPECT_EQ(countOf(forwarded("X-Request-Id: x" + longest + "\r\n"), "xxx"), 0u);
}

TEST(Fields, AnApplicationsOwnCallsCarryNoForwardedFor) {
  World world([](model::Config& config) { config.listeners[0].direction = model::Direction::kOutbound; });
  auto [client, ours] = PipeEnd::pair(world.loop(), 1 << 16);
  world.core().serve(std::move(ours), *net::parsePeer("127.0.0.1:4711"), "in");
  client->put("GET /%7Ea//b HTTP/1.1\r\nHost: shop\r\n\r\n");
  const std::string request = world.toApp();
  EXPECT_FALSE(has(request, "X-Forwarded")) << request;
  EXPECT_TRUE(request.starts_with("GET /%7Ea//b HTTP/1.1\r\n")) << request;  // outbound: the bytes as they came
}

TEST(Fields, InboundTheApplicationGetsThePathThatTheRulesSaw) {
  World world;
  auto client = world.client();
  client->put("GET /%7Ea//b/./c?x=%7E HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_TRUE(world.toApp().starts_with("GET /~a/b/c?x=%7E HTTP/1.1\r\n"));
}

TEST(Fields, OfAResponseTheHopsOwnAreRemovedAndTheRestKept) {
  World world([](model::Config& config) { httpOf(config).via = "remora"; });
  auto client = world.client();
  EXPECT_EQ(world.exchange(*client, kGet,
                           "HTTP/1.1 200 Fine\r\nSet-cookie: a\r\nKeep-Alive: 5\r\nConnection: X-Mine\r\nX-Mine: 1\r\n"
                           "SET-Cookie: b\r\nContent-Length: 2\r\nETag: \"x\"\r\nVia: 1.1 app\r\n\r\nhi"),
            "HTTP/1.1 200 Fine\r\nSet-cookie: a\r\nSET-Cookie: b\r\nContent-Length: 2\r\nETag: \"x\"\r\n"
            "Via: 1.1 app, 1.1 remora\r\n\r\nhi");
}

TEST(Fields, RoutesChangeThem) {
  World world([](model::Config& config) {
    routeOf(config).request_headers = {{{"X-Set", "new"}}, {{"X-Add", "more"}}, {"x-gone"}};
    routeOf(config).response_headers = {{{"Server", "shop"}}, {{"X-Add", "more"}}, {"x-powered-by"}};
  });
  const std::string request = forwarded(world, "x-set: old\r\nX-Set: older\r\nX-Gone: 1\r\nX-Add: one\r\n");
  EXPECT_TRUE(has(request, "X-Set: new\r\n")) << request;
  EXPECT_FALSE(has(request, "old")) << request;
  EXPECT_FALSE(has(request, "X-Gone")) << request;
  EXPECT_TRUE(has(request, "X-Add: one\r\n") && has(request, "X-Add: more\r\n")) << request;
  auto client = world.client();
  const std::string response =
      world.exchange(*client, kGet, "HTTP/1.1 200 OK\r\nserver: x\r\nX-Powered-By: y\r\nContent-Length: 0\r\n\r\n", 1);
  EXPECT_EQ(response, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: shop\r\nX-Add: more\r\n\r\n");
}

// A route may set what remora writes itself; then the route's word counts, once.
TEST(Fields, ARouteMaySetForwardingFieldsOnce) {
  World world([](model::Config& config) {
    routeOf(config).request_headers.set = {
        {"X-Forwarded-Proto", "https"}, {"X-Forwarded-For", "0.0.0.0"}, {"X-Request-Id", "fixed"}, {"Via", "none"}};
  });
  const std::string request = forwarded(world, "");
  for (const std::string_view name : {"X-Forwarded-Proto:", "X-Forwarded-For:", "X-Request-Id:", "Via:"}) {
    EXPECT_EQ(countOf(request, name), 1u) << name << request;
  }
}

TEST(Fields, ARewriteChangesTargetAndHost) {
  World world([](model::Config& config) {
    routeOf(config).match.path = {model::PathMatch::Kind::kPrefix, "/a"};
    routeOf(config).rewrite = model::Rewrite{.path_prefix = "/new", .host = "inside"};
  });
  auto client = world.client();
  client->put("GET /a/b?c=d HTTP/1.1\r\nHost: shop\r\n\r\n");
  const std::string request = world.toApp();
  EXPECT_TRUE(request.starts_with("GET /new/b?c=d HTTP/1.1\r\nHost: inside\r\n")) << request;
  EXPECT_TRUE(has(request, "X-Forwarded-Host: shop\r\n")) << request;
}

TEST(Fields, TheBelievedClientIsCountedFromTheRight) {
  World world([](model::Config& config) { httpOf(config).trusted_hops = 2; });
  (void)forwarded(world, "X-Forwarded-For: 6.6.6.6, 198.51.100.9\r\nX-Forwarded-For: 10.0.0.1\r\n");
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(world.last().remote.view(), "192.0.2.7:4711");
}

}  // namespace
}  // namespace remora::proxy::test
