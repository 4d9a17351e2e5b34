#include "admin/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/server.h"
#include "admin/test_world.h"
#include "net/memory_net.h"

namespace remora::admin {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// A whole server over streams in memory.
class SessionTest : public testing::Test {
 protected:
  std::unique_ptr<net::MemoryStream> connect(Guard guard = Guard::kLoopback, size_t capacity = 1 << 20) {
    auto [client, server] = net::MemoryStream::pair(loop_.loop(), capacity);
    server_.serve(std::move(server), guard);
    loop_.settle();
    return std::move(client);
  }
  std::string exchange(net::MemoryStream& client, std::string_view request) {
    client.put(request);
    settleMail(loop_);
    return client.take();
  }
  std::string once(std::string_view request, Guard guard = Guard::kLoopback) {
    return exchange(*connect(guard), request);
  }

  loop::TestLoop loop_;
  FakeProcess process_{loop_};
  Server server_{process_, loop_.loop(), loop::Sys::real()};
};

TEST_F(SessionTest, AnswersAndKeepsTheConnection) {
  const auto client = connect();
  const std::string first = exchange(*client, "GET /ready HTTP/1.1\r\nHost: localhost:9901\r\n\r\n");
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\nDate: Mon, 21 Sep 2026 14:13:21 GMT\r\n"));
  EXPECT_THAT(first, HasSubstr("Content-Length: 6\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(first, EndsWith("\r\n\r\nready\n"));
  EXPECT_THAT(exchange(*client, "HEAD /ready HTTP/1.1\r\nHost: [::1]\r\n\r\n"), EndsWith("nosniff\r\n\r\n"));
  EXPECT_THAT(exchange(*client, "GET /live/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
              HasSubstr("Connection: close\r\n\r\nalive\n"));
  EXPECT_TRUE(client->isEnded());
}

TEST_F(SessionTest, AnswersPipelinedAndCutRequests) {
  const auto client = connect();
  const std::string two =
      "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /log-level HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nlevel=debugGET ";
  for (const char c : two) client->put({&c, 1});
  loop_.settle();
  EXPECT_THAT(exchange(*client, "/live HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr("debug\nHTTP/1.1 200 OK"));
  const std::string chunked =
      "POST /log-level HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n";
  client->put(chunked);
  loop_.settle();
  EXPECT_THAT(exchange(*client, "b\r\nlevel=error\r\n0\r\n\r\nGET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              testing::AllOf(HasSubstr("\r\n\r\nerror\n"), EndsWith("alive\n")));
}

TEST_F(SessionTest, RefusesNamesThatDnsCouldPointHere) {
  EXPECT_THAT(once("GET /config HTTP/1.1\r\nHost: evil.example:9901\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("http://localhost")));
  EXPECT_THAT(once("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(once("GET /live HTTP/1.1\r\nHost: evil.example\r\n\r\n", Guard::kNone), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(once("GET /live HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(SessionTest, RefusesBrowsersOfOtherSites) {
  const std::string drain = "POST /drain HTTP/1.1\r\nHost: localhost:9901\r\n";
  EXPECT_THAT(once(drain + "Sec-Fetch-Site: cross-site\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(once(drain + "Origin: http://evil.example\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(once(drain + "Origin: http://localhost:3000\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(once(drain + "Origin: null\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(process_.drains, 0);
  EXPECT_THAT(once(drain + "Origin: http://localhost:9901\r\nSec-Fetch-Site: same-origin\r\n\r\n"),
              StartsWith("HTTP/1.1 202"));
  EXPECT_EQ(process_.drains, 1);
}

TEST_F(SessionTest, IsStrictAndClosesAfterwards) {
  const auto refused = [&](std::string_view request, std::string_view status) {
    const auto client = connect();
    EXPECT_THAT(exchange(*client, request), StartsWith("HTTP/1.1 " + std::string(status))) << request;
    EXPECT_TRUE(client->isEnded()) << request;
  };
  refused("GET / HTTP/1.1\n\n", "400");
  refused("GET / HTTP/1.1\r\n\r\n", "400");
  refused("GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "400");
  refused("GET / HTTP/1.1\r\nHost: localhost\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n", "431");
  refused("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi", "400");
  refused("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n", "413");
  refused("POST /explain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" +
              std::string(65'537, 'a'),
          "413");
  refused("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "400");
  refused("GET / HTTP/2.0\r\n\r\n", "505");
}

TEST_F(SessionTest, TellsMethodsThatFit) {
  EXPECT_THAT(once("GET /drain HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: POST\r\n")));
  EXPECT_THAT(once("DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(SessionTest, ContinuesWhoeverExpectsIt) {
  const auto client = connect();
  const std::string head =
      "POST /explain HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n";
  EXPECT_EQ(exchange(*client, head), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(exchange(*client, R"({"url": "/"})"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(SessionTest, TakesJsonByAccept) {
  EXPECT_THAT(once("GET /live HTTP/1.1\r\nHost: localhost\r\nAccept: text/html, application/json;q=0.9\r\n\r\n"),
              EndsWith("{\n  \"message\": \"alive\"\n}\n"));
}

TEST_F(SessionTest, EndsSlowAndIdleConnections) {
  const auto silent = connect();
  loop_.advance(std::chrono::seconds(10));
  EXPECT_TRUE(silent->isEnded());
  EXPECT_THAT(silent->take(), IsEmpty());

  const auto slow = connect();
  slow->put("GET / HT");
  loop_.advance(Milliseconds(9'999));
  EXPECT_FALSE(slow->isEnded());
  loop_.advance(Milliseconds(1));
  EXPECT_THAT(slow->take(), StartsWith("HTTP/1.1 408"));

  const auto idle = connect();
  exchange(*idle, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  loop_.advance(std::chrono::seconds(59));
  EXPECT_FALSE(idle->isEnded());
  loop_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(idle->isEnded());

  const auto body = connect();
  body->put("POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n{");
  loop_.advance(std::chrono::seconds(10));
  EXPECT_THAT(body->take(), StartsWith("HTTP/1.1 408"));
  loop_.advance(std::chrono::seconds(2));
  EXPECT_EQ(server_.sessions(), 0u);
}

TEST_F(SessionTest, GivesUpOnAClientThatDoesNotRead) {
  const auto client = connect(Guard::kLoopback, 100);
  client->put("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  loop_.settle();
  EXPECT_EQ(server_.sessions(), 1u);
  loop_.advance(std::chrono::seconds(10));
  EXPECT_EQ(server_.sessions(), 0u);
}

TEST_F(SessionTest, ClientThatGoesAwayWhileItsPageIsGatheredHurtsNobody) {
  FakeProcess half_stuck(loop_, 1, 1);
  Server server(half_stuck, loop_.loop(), loop::Sys::real());
  auto [client, end] = net::MemoryStream::pair(loop_.loop());
  server.serve(std::move(end), Guard::kLoopback);
  client->put("GET /clusters HTTP/1.1\r\nHost: localhost\r\n\r\n");
  loop_.settle();
  client.reset();
  loop_.advance(std::chrono::seconds(2));
  EXPECT_EQ(server.sessions(), 0u);
}

TEST_F(SessionTest, ServerMayGoWhileAPageIsGathered) {
  FakeProcess half_stuck(loop_, 1, 1);
  auto server = std::make_unique<Server>(half_stuck, loop_.loop(), loop::Sys::real());
  auto [client, end] = net::MemoryStream::pair(loop_.loop());
  server->serve(std::move(end), Guard::kLoopback);
  client->put("GET /recent HTTP/1.1\r\nHost: localhost\r\n\r\n");
  loop_.loop().queue().drain();  // the cores have been asked and have not answered
  server.reset();
  loop_.advance(std::chrono::seconds(2));
  EXPECT_THAT(client->take(), IsEmpty());
}

TEST_F(SessionTest, MakesRoomByTheOneIdleForLongest) {
  std::vector<std::unique_ptr<net::MemoryStream>> clients;
  for (size_t i = 0; i < Server::kMostSessions; ++i) {
    clients.push_back(connect());
    exchange(*clients.back(), "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_.advance(Milliseconds(1));
  }
  const auto next = connect();
  EXPECT_THAT(exchange(*next, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(clients[0]->isEnded());
  EXPECT_FALSE(clients[1]->isEnded());
  EXPECT_EQ(server_.sessions(), Server::kMostSessions);
}

TEST_F(SessionTest, RefusesMoreWhenNobodyIsIdle) {
  std::vector<std::unique_ptr<net::MemoryStream>> clients;
  for (size_t i = 0; i < Server::kMostSessions; ++i) {
    clients.push_back(connect());
    exchange(*clients.back(), "GET ");
  }
  const auto next = connect();
  EXPECT_THAT(next->take(), testing::AllOf(StartsWith("HTTP/1.1 503"), EndsWith("64 connections already\n")));
  EXPECT_TRUE(next->isEnded());
}

TEST_F(SessionTest, ListensOnAnAddress) {
  EXPECT_EQ(server_.address(), "");
  ASSERT_TRUE(server_.listen({.host = "127.0.0.1", .port = 0}));
  EXPECT_THAT(server_.address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(server_.address(), Not(EndsWith(":0")));
  EXPECT_FALSE(server_.listen({.host = "nonsense", .port = 1}));
}

}  // namespace
}  // namespace remora::admin
