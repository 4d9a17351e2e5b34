#include "http/validate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http/h1_parser.h"

namespace remora::http {
namespace {

// A request validated as it would be on the way in; views live as long as this.
struct Checked {
  explicit Checked(std::string_view start, std::string_view fields = "Host: a\r\n", RequestPolicy policy = {})
      : bytes(std::string(start) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n") {
    check(policy);
  }
  static Checked old(std::string_view start, std::string_view fields = "") {
    Checked checked;
    checked.bytes = std::string(start) + " HTTP/1.0\r\n" + std::string(fields) + "\r\n";
    checked.check({});
    return checked;
  }
  std::string reason() const { return request ? "ok" : std::string(tokenOf(request.error().reason)); }

  std::string bytes;
  std::vector<char> storage;
  H1RequestParser parser{{}};
  Result<Request> request = fail(Reason::kDraining);  // until check()

 private:
  Checked() = default;
  void check(const RequestPolicy& policy) {
    const Result<size_t> end = parser.feed(bytes);
    ASSERT_TRUE(end && *end == bytes.size()) << bytes;
    const RawRequest& raw = parser.request();
    storage.resize(raw.target.size() + raw.headers.valueOf(HeaderId::kHost).size());
    request = validateRequest(raw, policy, storage);
  }
};

TEST(RequestTargets, AreTakenApartByTheirForm) {
  const Checked origin("GET /A%7e//b?x=%7E");
  ASSERT_TRUE(origin.request);
  EXPECT_EQ(origin.request->path, "/A~/b");
  EXPECT_EQ(origin.request->raw_path, "/A%7e//b?x=%7E");
  EXPECT_EQ(origin.request->query, "x=%7E");
  const Checked absolute("GET http://Shop.Example.:80/p?q", "Host: Shop.Example.:80\r\n");
  ASSERT_TRUE(absolute.request) << absolute.reason();
  EXPECT_EQ(absolute.request->host, "Shop.Example.:80");
  EXPECT_EQ(absolute.request->hostname, "shop.example");
  EXPECT_EQ(absolute.request->path, "/p");
  const Checked bare("GET http://a");
  ASSERT_TRUE(bare.request);
  EXPECT_EQ(bare.request->raw_path, "/");
  const Checked star("OPTIONS *");
  ASSERT_TRUE(star.request);
  EXPECT_EQ(star.request->path, "*");
  EXPECT_EQ(Checked("OPTIONS http://a").request->raw_path, "*");
  EXPECT_TRUE(Checked("GET /a%2Fb").request->has_encoded_slash);
}

TEST(RequestTargets, OtherFormsAreRefused) {
  for (const std::string_view start :
       {"GET *", "GET a", "GET a:80", "GET http:///x", "GET http://a?x", "GET ftp://a/", "GET http:/a", "OPTIONS a"}) {
    EXPECT_EQ(Checked(start).reason(), "bad_target") << start;
  }
  EXPECT_EQ(Checked("CONNECT a:80").reason(), "connect_method");
  EXPECT_EQ(Checked("GET /..").reason(), "bad_path");
}

TEST(Hosts, AreOneAndValid) {
  for (const std::string_view good : {"a", "A.b-c_d~e", "1.2.3.4:80", "[::1]", "[::1]:8080", "a:", "a:65535", "a."}) {
    EXPECT_EQ(Checked("GET /", "Host: " + std::string(good) + "\r\n").reason(), "ok") << good;
  }
  for (const std::string_view bad : {"", "a b", "a@b", "a/b", "a?b", "a,b", "a:b", "a:65536", "a:123456", "[::1", "[]",
                                     "[g]", "[::1]x", ":80", "\xe4", "a\\b", "<a>", "a:80:80", "\"a\""}) {
    EXPECT_EQ(Checked("GET /", "Host: " + std::string(bad) + "\r\n").reason(), "bad_host") << bad;
  }
  EXPECT_EQ(Checked("GET /", "").reason(), "bad_host");
  EXPECT_EQ(Checked("GET /", "Host: a\r\nhost: a\r\n").reason(), "bad_host");
  EXPECT_EQ(Checked("GET http://a/", "Host: b\r\n").reason(), "bad_host");
  EXPECT_EQ(Checked("GET http://a@b/", "Host: b\r\n").reason(), "bad_host");
  EXPECT_EQ(Checked("GET /", "Host: " + std::string(256, 'a') + "\r\n").reason(), "bad_host");
  EXPECT_EQ(Checked::old("GET /").reason(), "ok");
  EXPECT_EQ(Checked::old("GET /").request->hostname, "");
  EXPECT_EQ(Checked::old("GET /", "Host: \r\n").reason(), "bad_host");
}

TEST(RequestFraming, HasOneMeaningOrIsRefused) {
  const auto framing = [](std::string_view fields) { return Checked("POST /", "Host: a\r\n" + std::string(fields)); };
  EXPECT_EQ(framing("").request->body.framing, Framing::kNone);
  EXPECT_EQ(framing("Content-Length: 0\r\n").request->body.framing, Framing::kLength);
  EXPECT_EQ(framing("Content-Length: 007\r\n").request->body.length, 7u);
  EXPECT_EQ(framing("Content-Length: 9223372036854775807\r\n").request->body.length, 9223372036854775807u);
  EXPECT_EQ(framing("Transfer-Encoding: CHUNKED\r\n").request->body.framing, Framing::kChunked);
  for (const std::string_view bad :
       {"Content-Length: \r\n", "Content-Length: -1\r\n", "Content-Length: 1 2\r\n", "Content-Length: 1,1\r\n",
        "Content-Length: 9223372036854775808\r\n", "Content-Length: 1e1\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \r\n", "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"}) {
    EXPECT_EQ(framing(bad).reason(), "bad_framing") << bad;
  }
  EXPECT_EQ(framing("Transfer-Encoding: gzip, chunked\r\n").reason(), "bad_transfer_coding");
  EXPECT_EQ(Checked::old("POST /", "Transfer-Encoding: chunked\r\n").reason(), "bad_framing");
}

TEST(KeepAlive, IsAskedForOrRefusedAnywhereInTheLists) {
  EXPECT_TRUE(Checked("GET /").request->keep_alive);
  EXPECT_FALSE(Checked("GET /", "Host: a\r\nConnection: x, Close\r\n").request->keep_alive);
  EXPECT_FALSE(Checked("GET /", "Host: a\r\nConnection: keep-alive\r\nConnection: close\r\n").request->keep_alive);
  EXPECT_FALSE(Checked::old("GET /").request->keep_alive);
  EXPECT_TRUE(Checked::old("GET /", "Connection: Keep-Alive\r\n").request->keep_alive);
  EXPECT_FALSE(Checked::old("GET /", "Connection: keep-alive, close\r\n").request->keep_alive);
}

TEST(Upgrades, AreHeardOnlyWhenTheConnectionSaysSo) {
  EXPECT_EQ(Checked("GET /", "Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n").request->upgrade, "websocket");
  EXPECT_EQ(Checked("GET /", "Host: a\r\nUpgrade: websocket\r\n").request->upgrade, "");
  for (const std::string_view h2c : {"h2c", "H2C", "websocket, h2c", "h2c-14"}) {
    EXPECT_EQ(
        Checked("GET /", "Host: a\r\nConnection: upgrade\r\nUpgrade: " + std::string(h2c) + "\r\n").request->upgrade,
        "");
  }
  EXPECT_EQ(Checked::old("GET /", "Connection: upgrade\r\nUpgrade: websocket\r\n").request->upgrade, "");
}

TEST(Expectations, AreOneThatIsKnown) {
  EXPECT_TRUE(Checked("POST /", "Host: a\r\nExpect: 100-Continue\r\n").request->expects_continue);
  EXPECT_EQ(Checked("POST /", "Host: a\r\nExpect: x\r\n").reason(), "bad_expect");
  EXPECT_EQ(Checked("POST /", "Host: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n").reason(), "bad_expect");
  EXPECT_FALSE(Checked::old("POST /", "Expect: 100-continue\r\n").request->expects_continue);
}

// "refused", or framing, length and whether the connection may be used again.
std::string response(std::string_view text, Method method = Method::kGet) {
  H1ResponseParser parser({});
  const std::string bytes = std::string(text) + "\r\n";
  const Result<size_t> end = parser.feed(bytes);
  EXPECT_TRUE(end && *end == bytes.size()) << text;
  const Result<Response> checked = validateResponse(parser.response(), method);
  if (!checked) return "refused";
  constexpr std::string_view kNames[] = {"none", "length", "chunked", "close"};
  return std::string(kNames[static_cast<size_t>(checked->body.framing)]) + " " + std::to_string(checked->body.length) +
         (checked->keep_alive ? " again" : "");
}

TEST(Responses, HaveOneEnd) {
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), "length 5 again");
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n"), "length 5");
  EXPECT_EQ(response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n"), "length 5");
  EXPECT_EQ(response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"), "length 5 again");
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"), "chunked 0 again");
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\n"), "close 0");
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Method::kHead), "none 0 again");
  EXPECT_EQ(response("HTTP/1.1 204 No\r\n"), "none 0 again");
  EXPECT_EQ(response("HTTP/1.1 204 No\r\nContent-Length: 5\r\n"), "none 0");
  EXPECT_EQ(response("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n"), "none 0");
  EXPECT_EQ(response("HTTP/1.1 304 No\r\nContent-Length: 5\r\n"), "none 0 again");
  EXPECT_EQ(response("HTTP/1.1 100 Continue\r\n"), "none 0 again");
}

TEST(Responses, WithTwoMeaningsAreRefused) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.1 600 x\r\n",
        "HTTP/1.1 100 x\r\nContent-Length: 5\r\n", "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n"}) {
    EXPECT_EQ(response(text), "refused") << text;
  }
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: x\r\n", Method::kHead), "refused");
}

TEST(Trailers, NeverFrameRouteOrAuthenticate) {
  const auto may = [](std::string_view name) { return mayBeTrailer({name, "x", headerIdOf(name)}); };
  for (const std::string_view name :
       {"Content-Length", "transfer-encoding", "HOST", "Authorization", "Cookie", "Trailer", "Expect", "Connection",
        "TE", "Upgrade", "X-Forwarded-For", "Forwarded"}) {
    EXPECT_FALSE(may(name)) << name;
  }
  for (const std::string_view name : {"X-Checksum", "grpc-status", "Server-Timing"}) EXPECT_TRUE(may(name)) << name;
}

}  // namespace
}  // namespace remora::http
