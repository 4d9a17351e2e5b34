// HTTP/2 on either side of an exchange, in virtual time: a client's session against a whole core.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

// A client that speaks HTTP/2, or an application that does.
class H2End final : http::H2Session::Owner {
 public:
  H2End(World& world, std::unique_ptr<PipeEnd> end, http::H2Session::Role role)
      : world_(world), end_(std::move(end)), scratch_(64 << 10, '\0'), session_(role, *end_, scratch_, {}, *this) {
    session_.start();
  }

  struct Answer {
    uint16_t status = 0;
    std::string body;
    std::string trailer;
    bool is_complete = false;
    bool is_reset = false;
  };

  // Client.
  std::unique_ptr<http::H2Stream> request(std::string_view path, std::string_view body = {},
                                          std::vector<http::HeadField> more = {}) {
    std::unique_ptr<http::H2Stream> stream = session_.openStream();
    std::vector<http::HeadField> fields = {
        {":method", body.empty() ? "GET" : "POST"}, {":scheme", "http"}, {":authority", "shop"}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    EXPECT_TRUE(stream->sendHead(fields, body.empty() ? http::End::kLast : http::End::kMore));
    if (!body.empty()) {
      const iovec piece{const_cast<char*>(body.data()), body.size()};
      EXPECT_EQ(stream->writeLast({&piece, 1}).bytes, body.size());
    }
    world_.settle();
    return stream;
  }
  Answer answer(http::H2Stream& stream) {
    Answer answer;
    for (const http::RawResponse* head = stream.takeResponse(); head; head = stream.takeResponse()) {
      answer.status = head->status;
    }
    std::array<char, 4096> bytes;
    for (;;) {
      const net::IoResult read = stream.read(bytes);
      answer.body.append(bytes.data(), read.bytes);
      answer.is_complete = read.isEnd();
      answer.is_reset = read.error && !read.isBlocked();
      if (read.bytes == 0) break;
      world_.settle();
    }
    if (answer.is_complete && stream.trailers().size()) answer.trailer = stream.trailers()[0].value;
    return answer;
  }

  http::H2Session& session() { return session_; }
  PipeEnd& end() { return *end_; }
  std::vector<std::unique_ptr<http::H2Stream>> requests;  // application: what came

 private:
  void onRequest(std::unique_ptr<http::H2Stream> stream) override { requests.push_back(std::move(stream)); }
  void onSessionChange() override {}

  World& world_;
  std::unique_ptr<PipeEnd> end_;
  std::string scratch_;
  http::H2Session session_;
};

std::unique_ptr<H2End> clientOf(World& world) {
  auto client = std::make_unique<H2End>(world, world.client(), http::H2Session::Role::kClient);
  world.settle();
  return client;
}

TEST(H2, ARequestGoesOnOverHttp1) {
  World world;
  auto client = clientOf(world);
  auto stream = client->request("/orders?x=1");
  const std::string request = world.app().take();
  EXPECT_TRUE(request.starts_with("GET /orders?x=1 HTTP/1.1\r\nhost: shop\r\n")) << request;
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kept: Yes\r\n\r\nhello");
  world.settle();
  const H2End::Answer answer = client->answer(*stream);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(answer.is_complete);
}

TEST(H2, ABodyOfUnknownLengthIsChunkedTowardsHttp1) {
  World world;
  auto client = clientOf(world);
  auto stream = client->request("/", "some body");
  const std::string request = world.app().take();
  EXPECT_TRUE(has(request, "Transfer-Encoding: chunked\r\n")) << request;
  EXPECT_TRUE(request.ends_with("9\r\nsome body\r\n0\r\n\r\n")) << request;
}

TEST(H2, AChunkedAnswersTrailersArrive) {
  World world;
  auto client = clientOf(world);
  auto stream = client->request("/");
  world.app().put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n");
  world.settle();
  const H2End::Answer answer = client->answer(*stream);
  EXPECT_EQ(answer.body, "hi");
  EXPECT_EQ(answer.trailer, "7");
}

TEST(H2, StreamsRunBesideEachOther) {
  World world;
  auto client = clientOf(world);
  auto slow = client->request("/slow");
  auto quick = client->request("/quick");
  EXPECT_EQ(world.connector.apps.size(), 2U);
  world.app(1).put("HTTP/1.1 204 No Content\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->answer(*quick).status, 204);
  EXPECT_EQ(client->answer(*slow).status, 0);
  world.app(0).put("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->answer(*slow).status, 201);
}

TEST(H2, AResetStreamCancelsItsAttemptAlone) {
  World world;
  auto client = clientOf(world);
  auto gone = client->request("/gone");
  auto stays = client->request("/stays");
  gone.reset();
  world.settle();
  EXPECT_TRUE(world.app(0).isEnded());
  EXPECT_FALSE(world.app(1).isEnded());
  EXPECT_EQ(world.last().reason, Reason::kClientReset);
  world.app(1).put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->answer(*stays).status, 200);
}

TEST(H2, AnAppsTruncatedAnswerResetsTheStreamAndNotTheConnection) {
  World world;
  auto client = clientOf(world);
  auto stream = client->request("/");
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  world.settle();
  world.connector.apps[0].reset();
  world.settle();
  EXPECT_TRUE(client->answer(*stream).is_reset);
  EXPECT_FALSE(client->session().isEnded());
}

TEST(H2, FailuresDescribeThemselves) {
  World world;
  world.connector.otherwise = ScriptedConnector::Way::kRefuseAtOnce;
  auto client = clientOf(world);
  auto stream = client->request("/");
  const H2End::Answer answer = client->answer(*stream);
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(has(answer.body, "connect_refused"));
  EXPECT_TRUE(answer.is_complete);
}

TEST(H2, AGrpcFailureIsTrailersOnly) {
  World world;
  world.connector.otherwise = ScriptedConnector::Way::kRefuseAtOnce;
  auto client = clientOf(world);
  auto stream = client->request("/shop.Orders/Get", "x", {{"content-type", "application/grpc"}, {"te", "trailers"}});
  const http::RawResponse* const head = stream->takeResponse();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_FALSE(head->has_body);
  EXPECT_EQ(head->headers.valueOf(http::HeaderId::kGrpcStatus), "14");
}

TEST(H2, BackPressureReachesTheApp) {
  World world;
  auto client = clientOf(world);
  auto stream = client->request("/");
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  size_t taken = 0;
  const std::string piece(32 << 10, 'x');
  for (int i = 0; i < 200; ++i) {
    taken += world.app().put(piece);
    world.settle();
  }
  EXPECT_LT(taken, 2U << 20) << "the client read nothing";
}

}  // namespace
}  // namespace remora::proxy::test
