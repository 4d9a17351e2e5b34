// HTTP/2 on either side of an exchange, in virtual time: a client's session against a whole core.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "http/websocket.h"
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

TEST(H2, AGrpcStreamWithoutAMessageEndsApartFromItsHead) {
  World world([](model::Config& config) { config.clusters[0].protocol = model::Protocol::kHttp2; });
  auto client = clientOf(world);
  for (const bool is_grpc : {true, false}) {
    std::unique_ptr<http::H2Stream> stream = client->session().openStream();
    std::vector<http::HeadField> fields = {
        {":method", "POST"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/a"}};
    if (is_grpc) fields.push_back({"content-type", "application/grpc"});
    ASSERT_TRUE(stream->sendHead(fields, http::End::kMore));
    stream->shutdownWrite();
    world.settle();
    world.connector.apps.resize(1);
    H2End app(world, std::move(world.connector.apps[0]), http::H2Session::Role::kServer);
    world.settle();
    ASSERT_EQ(app.requests.size(), 1U);
    EXPECT_EQ(app.requests[0]->request().has_body, is_grpc);
    EXPECT_TRUE(app.requests[0]->isReceived());
    world.connector.apps.clear();
  }
}

std::string fieldOf(const std::string& head, const std::string& name) {
  const size_t at = head.find(name + ": ");
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 2;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

void write(net::Stream& stream, std::string_view text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  EXPECT_EQ(stream.write({&piece, 1}).bytes, text.size());
}

std::string readAll(net::Stream& stream) {
  std::array<char, 4096> bytes;
  return {bytes.data(), stream.read(bytes).bytes};
}

TEST(H2, AWebSocketOfHttp2BecomesOneOfHttp1) {
  World world;
  auto client = clientOf(world);
  ASSERT_TRUE(client->session().peerAllowsExtendedConnect());
  std::unique_ptr<http::H2Stream> stream = client->session().openStream();
  const std::array<http::HeadField, 6> fields = {{{":method", "CONNECT"},
                                                  {":protocol", "websocket"},
                                                  {":scheme", "http"},
                                                  {":authority", "shop"},
                                                  {":path", "/chat"},
                                                  {"sec-websocket-version", "13"}}};
  ASSERT_TRUE(stream->sendHead(fields, http::End::kMore));
  world.settle();
  const std::string request = world.app().take();
  EXPECT_TRUE(request.starts_with("GET /chat HTTP/1.1\r\n")) << request;
  EXPECT_EQ(fieldOf(request, "Upgrade"), "websocket");
  EXPECT_EQ(fieldOf(request, "Connection"), "Upgrade");
  const std::string key = fieldOf(request, "Sec-WebSocket-Key");
  EXPECT_EQ(key.size(), 24U);
  world.app().put(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      http::websocket::acceptFor(key) + "\r\n\r\nhello");
  world.settle();
  const http::RawResponse* const head = stream->takeResponse();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_FALSE(head->headers.find(http::HeaderId::kSecWebsocketAccept));
  EXPECT_EQ(readAll(*stream), "hello");
  write(*stream, "ping");
  world.settle();
  EXPECT_EQ(world.app().take(), "ping");
  world.app().put("pong");
  world.settle();
  EXPECT_EQ(readAll(*stream), "pong");
}

TEST(H2, AWebSocketWithoutTheRightProofIsRefused) {
  World world;
  auto client = clientOf(world);
  std::unique_ptr<http::H2Stream> stream = client->session().openStream();
  const std::array<http::HeadField, 5> fields = {{{":method", "CONNECT"},
                                                  {":protocol", "websocket"},
                                                  {":scheme", "http"},
                                                  {":authority", "shop"},
                                                  {":path", "/chat"}}};
  ASSERT_TRUE(stream->sendHead(fields, http::End::kMore));
  world.settle();
  world.app().put(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
  world.settle();
  const http::RawResponse* const head = stream->takeResponse();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 502);
}

TEST(H2, AWebSocketOfHttp1BecomesOneOfHttp2) {
  World world([](model::Config& config) { config.clusters[0].protocol = model::Protocol::kHttp2; });
  auto warm = world.client();
  warm->put("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");  // a connection whose SETTINGS have come
  world.settle();
  H2End app(world, std::move(world.connector.apps[0]), http::H2Session::Role::kServer);
  world.settle();
  auto client = world.client();
  client->put(
      "GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  world.settle();
  ASSERT_EQ(app.requests.size(), 2U);
  http::H2Stream& stream = *app.requests[1];
  EXPECT_EQ(stream.request().method, "CONNECT");
  EXPECT_EQ(stream.request().protocol, "websocket");
  EXPECT_FALSE(stream.request().headers.find(http::HeaderId::kSecWebsocketKey));
  const std::array<http::HeadField, 1> fields = {{{":status", "200"}}};
  ASSERT_TRUE(stream.sendHead(fields, http::End::kMore));
  world.settle();
  const std::string head = client->take();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
  EXPECT_EQ(fieldOf(head, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  client->put("ping");
  world.settle();
  EXPECT_EQ(readAll(stream), "ping");
  write(stream, "pong");
  world.settle();
  EXPECT_EQ(client->take(), "pong");
}

TEST(H2, AWebSocketGoesToNobodyWhoTakesNone) {
  World world([](model::Config& config) { config.clusters[0].protocol = model::Protocol::kHttp2; });
  auto client = world.client();
  client->put(
      "GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  world.settle();
  EXPECT_EQ(client->take(), "") << "it waits for the application's SETTINGS";
  world.app().put(std::string("\0\0\0\4\0\0\0\0\0", 9));  // empty SETTINGS
  world.settle();
  EXPECT_TRUE(client->take().starts_with("HTTP/1.1 502 "));
}

class CountingMeter final : public OverloadMeter {
 public:
  explicit CountingMeter(int& looks) : looks_(looks) {}
  OverloadUse memory(Bytes) override { return {80 << 20, 100 << 20}; }
  OverloadUse descriptors() override { return {}; }
  OverloadUse memoryNow() override {
    ++looks_;
    return {80 << 20, 100 << 20};
  }

 private:
  int& looks_;
};

// 3 MiB may be admitted until memory is measured again: with heads of 20 KB fewer than 40 requests.
TEST(H2, LongHeadsAreMeasuredSooner) {
  for (const bool is_long : {false, true}) {
    int looks = 0;
    Overload overload(1, std::make_unique<CountingMeter>(looks));
    overload.tick(Instant{1});
    World world(basicConfig(), &overload);
    const auto client = clientOf(world);
    std::vector<std::unique_ptr<http::H2Stream>> streams;
    const std::string value(is_long ? 20'000 : 20, 'x');
    for (int i = 0; i < 40; ++i) streams.push_back(client->request("/", {}, {{"x-more", value}}));
    EXPECT_EQ(world.appConnections(), 40u);
    EXPECT_EQ(looks > 1, is_long) << looks;
    const int64_t promised = overload.core(0).promised - 40 * int64_t{Overload::kExchangeBytes};
    if (is_long) {
      EXPECT_GE(promised, 40 * 20'000) << "an endpoint may take it slowly";
    } else {
      EXPECT_EQ(promised, 0);
    }
  }
}

TEST(H2, NearTheEndStreamsAreRefusedUnread) {
  int looks = 0;
  Overload overload(1, std::make_unique<CountingMeter>(looks));
  World world(basicConfig(), &overload);
  const auto client = clientOf(world);
  overload.configure({.disable_http_keepalive = 0,
                      .refuse_low_priority = 0,
                      .stop_accepting_requests = 0,
                      .stop_accepting_connections = 80});
  overload.tick(Instant{1});
  const auto stream = client->request("/");
  EXPECT_TRUE(stream->wasRefused());
  EXPECT_EQ(world.appConnections(), 0u);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(client->request("/")->wasRefused());
  EXPECT_EQ(world.metrics.overload_refused.value(), 201u);
  overload.configure({});
  overload.tick(Instant{1});
  const auto later = client->request("/");  // the client did nothing wrong
  EXPECT_FALSE(later->wasRefused());
  EXPECT_EQ(world.appConnections(), 1u);
}

TEST(H2, WhatAClientMaySendUnreadIsPromisedMemory) {
  Overload overload(1, nullptr);
  World world(basicConfig(), &overload);
  H2End client(world, world.client(), http::H2Session::Role::kClient);
  std::vector<std::unique_ptr<http::H2Stream>> streams;
  const auto post = [&] {
    streams.push_back(client.session().openStream());
    const std::vector<http::HeadField> fields = {{":method", "POST"},
                                                 {":scheme", "http"},
                                                 {":authority", "shop"},
                                                 {":path", "/"},
                                                 {"content-length", "1000000"}};
    EXPECT_TRUE(streams.back()->sendHead(fields, http::End::kMore));
    world.settle();
  };
  const model::Http2Options bounds;
  const auto windowsPromised = [&] {
    return overload.core(0).promised - static_cast<int64_t>(streams.size()) * Overload::kExchangeBytes;
  };
  post();
  EXPECT_EQ(windowsPromised(), static_cast<int64_t>(bounds.stream_window.count));
  for (int i = 0; i < 5; ++i) post();
  EXPECT_EQ(windowsPromised(), static_cast<int64_t>(bounds.connection_window.count)) << "never more than that";
  client.end().resetOnClose();
  client.session().end(http::H2Error::kNone);
  streams.clear();
  world.settle();
  world.core().closeAll();
  EXPECT_EQ(overload.core(0).promised, 0);
}

TEST(H2, UnderOverloadAConnectionSaysGoawayAndFinishesWhatItHas) {
  struct Full final : OverloadMeter {
    OverloadUse memory(Bytes) override { return {percent << 20, 100 << 20}; }
    OverloadUse descriptors() override { return {}; }
    OverloadUse memoryNow() override { return memory({}); }
    uint64_t percent = 86;
  };
  auto meter = std::make_unique<Full>();
  Full& full = *meter;
  Overload overload(1, std::move(meter));
  World world(basicConfig(), &overload);
  H2End client(world, world.client(), http::H2Session::Role::kClient);
  overload.tick(Instant{1});
  const auto stream = client.request("/a");
  EXPECT_TRUE(client.session().isDraining());
  world.app().put(kOk);
  world.settle();
  EXPECT_EQ(client.answer(*stream).status, 200);
  EXPECT_EQ(world.metrics.overload_closed.value(), 1u);

  full.percent = 94;
  overload.tick(Instant{1});
  H2End late(world, world.client(), http::H2Session::Role::kClient);
  const auto refused = late.request("/a");
  const H2End::Answer answer = late.answer(*refused);
  EXPECT_EQ(answer.status, 503) << "in its own protocol";
  EXPECT_TRUE(has(answer.body, "overloaded: memory 94 of 100 MiB")) << answer.body;
}

TEST(H2, RequestsShareAConnectionToTheApp) {
  World world([](model::Config& config) { config.clusters[0].protocol = model::Protocol::kHttp2; });
  std::vector<std::unique_ptr<PipeEnd>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(world.client());
    clients.back()->put("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  }
  world.settle();
  ASSERT_EQ(world.connector.apps.size(), 1U);
  H2End app(world, std::move(world.connector.apps[0]), http::H2Session::Role::kServer);
  world.settle();
  ASSERT_EQ(app.requests.size(), 5U);
  const std::array<http::HeadField, 1> fields = {{{":status", "204"}}};
  for (const auto& request : app.requests) ASSERT_TRUE(request->sendHead(fields, http::End::kLast));
  world.settle();
  for (const auto& client : clients) EXPECT_TRUE(client->take().starts_with("HTTP/1.1 204 "));
}

TEST(H2, ARefusedStreamIsSentAgain) {
  World world([](model::Config& config) { config.clusters[0].protocol = model::Protocol::kHttp2; });
  auto client = world.client();
  client->put("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nhi");
  world.settle();
  H2End app(world, std::move(world.connector.apps[0]), http::H2Session::Role::kServer);
  world.settle();
  ASSERT_EQ(app.requests.size(), 1U);
  app.requests[0]->resetOnClose(http::H2Error::kRefusedStream);
  app.requests.clear();
  world.settle();
  ASSERT_EQ(app.requests.size(), 1U) << "the application says that it did nothing with it";
  EXPECT_EQ(world.metrics.replays.value(), 1U);
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
