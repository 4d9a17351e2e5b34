#include "http/h2_session.h"

#include <gtest/gtest.h>

#include "http/h2_test_peers.h"

namespace remora::http {
namespace {

using std::chrono::seconds;

TEST(H2Exchange, ARequestAndItsAnswerPass) {
  H2Pair pair;
  auto stream = pair.ask();
  ASSERT_EQ(pair.server_owner.requests.size(), 1u);
  H2Stream& asked = pair.asked();
  const RawRequest& request = asked.request();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a");
  EXPECT_EQ(request.scheme, "http");
  EXPECT_EQ(request.major, 2);
  EXPECT_FALSE(request.has_body);
  EXPECT_EQ(request.headers.valueOf(HeaderId::kHost), "shop");
  EXPECT_EQ(readAll(asked), "$");
  EXPECT_FALSE(asked.hasHangup()) << "the end of a request is no hang-up";

  const std::vector<HeadField> head{{":status", "200"}, {"content-type", "text/plain"}};
  ASSERT_TRUE(asked.sendHead(head, End::kMore));
  const net::IoResult written = writeText(asked, "hello", End::kLast);
  EXPECT_EQ(written.bytes, 5u);
  EXPECT_EQ(written.error, 0);
  EXPECT_EQ(readAll(*stream), "") << "nothing has been written yet";
  pair.loop.settle();
  EXPECT_TRUE(stream->mayRead());
  EXPECT_EQ(readAll(*stream), "") << "the head comes first";
  const RawResponse* response = stream->takeResponse();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_TRUE(response->has_body);
  EXPECT_EQ(response->headers.valueOf(HeaderId::kContentType), "text/plain");
  EXPECT_EQ(readAll(*stream), "hello$");
  EXPECT_FALSE(stream->hasHangup());
  EXPECT_EQ(stream->takeResponse(), nullptr);

  EXPECT_FALSE(pair.client->isIdle());
  const int changes = pair.client_owner.changes;
  stream.reset();
  pair.server_owner.requests.clear();
  pair.loop.settle();
  EXPECT_TRUE(pair.client->isIdle());
  EXPECT_EQ(pair.client_owner.changes, changes + 1);
  EXPECT_EQ(pair.client->counts().resets_received, 0u);
  EXPECT_EQ(pair.server->counts().resets_received, 0u);
}

TEST(H2Exchange, HeadsAreLinesThatHttp1CanCopy) {
  H2Pair pair;
  std::vector<HeadField> fields = kGet;
  fields.insert(fields.end(), {{"cookie", "a=1"}, {"x-one", "1"}, {"cookie", "b=2"}, {"host", "shop"}});
  auto stream = pair.ask(fields);
  const Headers& headers = pair.asked().request().headers;
  ASSERT_EQ(headers.size(), 3u);
  std::string lines(headers[0].name.data(), headers[0].line_bytes);
  EXPECT_EQ(lines, "host: shop\r\n");
  EXPECT_EQ(headers[0].name.data() + headers[0].line_bytes, headers[1].name.data());
  EXPECT_EQ(headers[1].name, "x-one");
  EXPECT_EQ(headers.valueOf(HeaderId::kCookie), "a=1; b=2");
}

TEST(H2Exchange, BodiesPassBothWaysAtOnceWithTrailers) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  H2Stream& asked = pair.asked();
  EXPECT_TRUE(asked.request().has_body);
  EXPECT_EQ(readAll(asked), "");
  EXPECT_EQ(writeText(*stream, "one").bytes, 3u);
  ASSERT_TRUE(asked.sendHead(kOk, End::kMore));
  EXPECT_EQ(writeText(asked, "uno").bytes, 3u);
  pair.loop.settle();
  EXPECT_EQ(readAll(asked), "one");
  ASSERT_TRUE(stream->takeResponse());
  EXPECT_EQ(readAll(*stream), "uno");

  const std::vector<HeadField> trailers{{"grpc-status", "0"}};
  ASSERT_TRUE(stream->sendTrailers(trailers));
  ASSERT_TRUE(asked.sendTrailers(trailers));
  EXPECT_EQ(writeText(*stream, "more").error, EPIPE);
  pair.loop.settle();
  EXPECT_EQ(readAll(asked), "$");
  EXPECT_EQ(readAll(*stream), "$");
  ASSERT_EQ(stream->trailers().size(), 1u);
  EXPECT_EQ(stream->trailers()[0].value, "0");
  EXPECT_EQ(asked.trailers()[0].name, "grpc-status");
  EXPECT_FALSE(stream->hasError());
  EXPECT_FALSE(asked.hasError());
}

TEST(H2Exchange, TrailersThatFrameOrRouteAreRefused) {
  H2Raw raw(kServerRole);
  raw.say(raw.hpack.head(1, kRawPost, 0) + raw.hpack.head(1, {{"authorization", "x"}}));
  ASSERT_EQ(raw.owner.requests.size(), 1u);
  std::array<char, 10> piece;
  EXPECT_EQ(raw.owner.requests[0]->read(piece).error, EBADMSG);
}

TEST(H2Exchange, InterimHeadsComeOneByOne) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  H2Stream& asked = pair.asked();
  const std::vector<HeadField> go_on{{":status", "100"}};
  const std::vector<HeadField> hints{{":status", "103"}, {"link", "</a.css>"}};
  ASSERT_TRUE(asked.sendHead(go_on, End::kMore));
  ASSERT_TRUE(asked.sendHead(hints, End::kMore));
  pair.loop.settle();
  ASSERT_TRUE(stream->mayRead());
  EXPECT_EQ(stream->takeResponse()->status, 100);
  EXPECT_TRUE(stream->mayRead());
  EXPECT_EQ(stream->takeResponse()->status, 103);
  EXPECT_FALSE(stream->mayRead()) << "a wait would spin";
  ASSERT_TRUE(asked.sendHead(kOk, End::kMore));
  EXPECT_EQ(writeText(asked, "body", End::kLast).bytes, 4u);
  pair.loop.settle();
  EXPECT_EQ(stream->takeResponse()->status, 200);
  EXPECT_EQ(readAll(*stream), "body$");
}

TEST(H2Exchange, InterimHeadsThatNobodyTakesAreBounded) {
  H2Raw raw(kClientRole);
  for (int i = 0; i < 20; ++i) raw.say(raw.hpack.head(1, {{":status", "103"}}, 0));
  EXPECT_TRUE(raw.owner.requests[0]->hasError());
  EXPECT_EQ(raw.owner.requests[0]->resetCode(), static_cast<uint32_t>(H2Error::kEnhanceYourCalm));
}

TEST(H2Exchange, ManyStreamsRunUpToThePeersBound) {
  H2Bounds server;
  server.http2.streams = 3;
  H2Pair pair({}, server);
  EXPECT_EQ(pair.client->streamsMost(), 3u);
  std::vector<std::unique_ptr<H2Stream>> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(pair.ask());
  EXPECT_EQ(pair.server_owner.requests.size(), 3u);
  EXPECT_FALSE(pair.client->mayOpen());
  EXPECT_EQ(pair.client->openStream(), nullptr);
  // Answered in another order than asked.
  for (const int i : {2, 0, 1}) ASSERT_TRUE(pair.server_owner.requests[i]->sendHead(kOk, End::kLast));
  pair.server_owner.requests.clear();
  pair.loop.settle();
  for (auto& stream : streams) {
    ASSERT_TRUE(stream->takeResponse());
    EXPECT_EQ(readAll(*stream), "$");
  }
  const int changes = pair.client_owner.changes;
  streams.pop_back();
  pair.loop.settle();
  EXPECT_GT(pair.client_owner.changes, changes) << "there is room again";
  EXPECT_TRUE(pair.client->mayOpen());
}

TEST(H2Exchange, ThePrefaceMayHaveBeenReadBefore) {
  loop::TestLoop loop;
  auto [near, far] = net::MemoryStream::pair(loop);
  std::array<char, 4096> scratch;
  H2TestOwner owner;
  H2Session session(kServerRole, *near, scratch, {}, owner);
  frames::Hpack hpack;
  session.start(std::string(frames::kPreface) + frames::settings() + hpack.head(1, kRawGet));
  EXPECT_TRUE(owner.requests.empty()) << "told from the run queue";
  loop.settle();
  ASSERT_EQ(owner.requests.size(), 1u);
  EXPECT_EQ(owner.requests[0]->id(), 1);
}

TEST(H2Exchange, ExtendedConnectIsATunnel) {
  H2Pair pair;
  EXPECT_TRUE(pair.client->peerAllowsExtendedConnect());
  const std::vector<HeadField> connect{{":method", "CONNECT"},
                                       {":protocol", "websocket"},
                                       {":scheme", "http"},
                                       {":authority", "shop"},
                                       {":path", "/chat"}};
  auto stream = pair.ask(connect, End::kMore);
  H2Stream& asked = pair.asked();
  EXPECT_EQ(asked.request().protocol, "websocket");
  ASSERT_TRUE(asked.sendHead(kOk, End::kMore));
  pair.loop.settle();
  ASSERT_TRUE(stream->takeResponse());
  writeText(*stream, "ping");
  writeText(asked, "pong");
  pair.loop.settle();
  EXPECT_EQ(readAll(asked), "ping");
  EXPECT_EQ(readAll(*stream), "pong");
  stream->shutdownWrite();
  pair.loop.settle();
  EXPECT_EQ(readAll(asked), "$");
  EXPECT_FALSE(asked.hasHangup());
  asked.shutdownWrite();
  pair.loop.settle();
  EXPECT_EQ(readAll(*stream), "$");
}

TEST(H2Resets, DestroyingAStreamCancelsIt) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  stream.reset();
  pair.loop.settle();
  H2Stream& asked = pair.asked();
  EXPECT_TRUE(asked.hasError());
  EXPECT_TRUE(asked.hasHangup());
  EXPECT_EQ(asked.resetCode(), static_cast<uint32_t>(H2Error::kCancel));
  EXPECT_EQ(readAll(asked), "!");
  EXPECT_FALSE(asked.sendHead(kOk, End::kMore));
}

TEST(H2Resets, ResetOnCloseSaysInternalError) {
  H2Pair pair;
  auto stream = pair.ask();
  pair.asked().resetOnClose();
  pair.server_owner.requests.clear();
  pair.loop.settle();
  EXPECT_TRUE(stream->hasError());
  EXPECT_EQ(stream->resetCode(), static_cast<uint32_t>(H2Error::kInternal));
  EXPECT_FALSE(stream->wasRefused());
}

TEST(H2Resets, AnAnswerBeforeTheRequestsEndStopsItInGoodOrder) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  ASSERT_TRUE(pair.asked().sendHead(kOk, End::kMore));
  writeText(pair.asked(), "enough", End::kLast);
  pair.server_owner.requests.clear();
  pair.loop.settle();
  EXPECT_FALSE(stream->hasError()) << "the answer is whole";
  EXPECT_EQ(stream->resetCode(), 0u);
  ASSERT_TRUE(stream->takeResponse());
  EXPECT_EQ(readAll(*stream), "enough$");
  EXPECT_EQ(writeText(*stream, "more").error, ECONNRESET);
  EXPECT_FALSE(pair.client->isEnded());
}

TEST(H2Resets, RefusedStreamsAreKnown) {
  H2Raw raw(kClientRole);
  raw.say(frames::reset(1, H2Error::kRefusedStream));
  EXPECT_TRUE(raw.owner.requests[0]->wasRefused());
  EXPECT_TRUE(raw.owner.requests[0]->hasError());
}

TEST(H2Resets, UnreadBytesOfADestroyedStreamGiveTheirCreditBack) {
  H2Bounds bounds;
  bounds.http2.connection_window = 100_KiB;
  bounds.http2.stream_window = 90_KiB;
  H2Pair pair({}, bounds);
  const std::string block(60 << 10, 'x');
  for (int i = 0; i < 5; ++i) {
    auto stream = pair.ask(kPost, End::kMore);
    EXPECT_EQ(writeText(*stream, block).bytes, block.size()) << i;
    pair.loop.settle();
    EXPECT_TRUE(pair.asked().mayRead());
    pair.server_owner.requests.clear();
    pair.loop.settle();
  }
}

TEST(H2Resets, AnAnswerThatIsNotAsLongAsAnnouncedIsMalformed) {
  H2Raw raw(kClientRole);
  raw.say(raw.hpack.head(1, {{":status", "200"}, {"content-length", "5"}}, 0));
  ASSERT_TRUE(raw.owner.requests[0]->takeResponse());
  raw.say(frames::data(1, "abc", frames::kEndStream));
  EXPECT_TRUE(raw.owner.requests[0]->wasMalformed());
  EXPECT_EQ(readAll(*raw.owner.requests[0]), "abc!");
  EXPECT_EQ(raw.session->counts().resets_forced, 1u);
}

TEST(H2Resets, AHeadTooLargeToSendIsAFailureAndNoSilence) {
  H2Pair pair;
  auto stream = pair.client->openStream();
  const std::string value(2 << 20, 'x');
  std::vector<HeadField> fields = kGet;
  fields.push_back({"x-large", value});
  EXPECT_FALSE(stream->sendHead(fields, End::kLast));
  EXPECT_TRUE(stream->hasError());
  auto other = pair.ask();
  ASSERT_EQ(pair.server_owner.requests.size(), 1u);
  EXPECT_FALSE(pair.asked().sendHead(std::vector<HeadField>{{":status", "200"}, {"x-large", value}}, End::kLast));
  EXPECT_FALSE(pair.client->isEnded());
  EXPECT_FALSE(pair.server->isEnded());
}

TEST(H2Resets, AnAnswerThatWasEndedIsWholeThoughItsStreamIsDestroyed) {
  H2Bounds small;
  small.http2.stream_window = 10_KiB;
  H2Pair pair(small);
  auto stream = pair.ask(kPost, End::kMore);
  ASSERT_TRUE(pair.asked().sendHead(kOk, End::kMore));
  EXPECT_EQ(writeText(pair.asked(), std::string(10'240, 'x')).bytes, 10'240u);
  pair.asked().shutdownWrite();
  EXPECT_TRUE(pair.asked().isSent());
  EXPECT_EQ(writeText(pair.asked(), "more").error, EPIPE);
  pair.server_owner.requests.clear();
  pair.loop.settle();
  ASSERT_TRUE(stream->takeResponse());
  EXPECT_EQ(readAll(*stream), std::string(10'240, 'x') + "$");
  EXPECT_FALSE(stream->hasError());
  EXPECT_EQ(writeText(*stream, "x").error, ECONNRESET) << "the rest of the request is for nobody";
}

TEST(H2Resets, WhatAClientSendsOnAStreamThatItEndedEndsTheSession) {
  for (const bool is_data : {false, true}) {
    H2Raw raw(kServerRole);
    raw.say(raw.hpack.head(1, kRawGet));
    ASSERT_TRUE(raw.owner.requests[0]->sendHead(kOk, End::kLast));
    raw.owner.requests.clear();
    raw.loop.settle();
    raw.say(is_data ? frames::data(1, "x") : raw.hpack.head(1, kRawGet));
    EXPECT_EQ(raw.session->endReason(), H2End::kBadPeer);
    EXPECT_EQ(raw.goAwayError(), static_cast<int64_t>(H2Error::kStreamClosed));
  }
}

TEST(H2Resets, WhatWasUnderWayToAStreamThatWeResetIsSkipped) {
  H2Raw raw(kServerRole);
  for (int32_t id = 1; id < 400; id += 2) {
    raw.say(raw.hpack.head(id, kRawPost, 0));
    ASSERT_TRUE(raw.owner.requests.at(0)->sendHead(kOk, End::kLast));
    raw.owner.requests.clear();
    raw.loop.settle();
    raw.heard();
    raw.say(frames::data(id, "late") + raw.hpack.head(id, {{"x-sum", "1"}}));
  }
  raw.say(frames::data(1, "very late"));
  EXPECT_FALSE(raw.session->isEnded());
}

TEST(H2Resets, TheTransportsEndFailsEveryStream) {
  H2Pair pair;
  auto first = pair.ask();
  auto second = pair.ask(kPost, End::kMore);
  pair.server_owner.requests.clear();
  pair.server.reset();
  pair.far.reset();
  pair.loop.settle();
  EXPECT_TRUE(pair.client->isEnded());
  EXPECT_TRUE(pair.client->endReason() == H2End::kPeerClosed || pair.client->endReason() == H2End::kPeerReset);
  EXPECT_TRUE(first->hasError());
  EXPECT_TRUE(second->hasError());
  EXPECT_EQ(readAll(*first), "!");
  EXPECT_EQ(writeText(*second, "x").error, ECONNRESET);
  EXPECT_EQ(pair.client->openStream(), nullptr);
}

TEST(H2Resets, WhatArrivedBeforeTheTransportBrokeIsRead) {
  H2Raw raw(kClientRole);
  raw.far->put(raw.hpack.head(1, {{":status", "200"}}, 0) + frames::data(1, "hi", frames::kEndStream));
  raw.far.reset();
  EXPECT_EQ(writeText(*raw.owner.requests[0], "more").bytes, 4u);
  raw.loop.settle();
  EXPECT_TRUE(raw.session->isEnded());
  ASSERT_TRUE(raw.owner.requests[0]->takeResponse());
  EXPECT_EQ(readAll(*raw.owner.requests[0]), "hi$");
}

TEST(H2Resets, StreamsOutliveTheirSession) {
  H2Pair pair;
  auto stream = pair.ask();
  pair.client.reset();
  EXPECT_EQ(readAll(*stream), "!");
  EXPECT_FALSE(stream->sendTrailers({}));
  stream.reset();
}

TEST(H2GoAway, HasTwoPhasesAndRunningStreamsFinish) {
  H2Raw raw(kServerRole);
  raw.say(raw.hpack.head(1, kRawGet));
  raw.session->goAway();
  raw.loop.settle();
  const auto first = raw.heard();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].type, H2Frame::kGoAway);
  EXPECT_EQ(first[0].number(0), 0x7fffffffu);
  EXPECT_EQ(first[1].type, H2Frame::kPing);
  raw.say(raw.hpack.head(3, kRawGet));
  EXPECT_EQ(raw.owner.requests.size(), 2u) << "sent before the GOAWAY was heard";
  raw.say(frames::frame(H2Frame::kPing, frames::kAck, 0, first[1].payload));
  const auto second = raw.heard();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].number(0), 3u);
  raw.say(raw.hpack.head(5, kRawGet));
  EXPECT_EQ(raw.owner.requests.size(), 2u);
  EXPECT_FALSE(raw.session->isEnded());
  for (auto& stream : raw.owner.requests) EXPECT_TRUE(stream->sendHead(kOk, End::kLast));
  raw.owner.requests.clear();
  raw.loop.settle();
  EXPECT_TRUE(raw.session->isEnded());
  EXPECT_EQ(raw.session->endReason(), H2End::kDone);
}

TEST(H2GoAway, AClientThatLeavesIsHeardUntilItCloses) {
  H2Raw raw(kServerRole);
  raw.say(frames::goAway(0));
  raw.say(frames::ping());
  const auto heard = raw.heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].type, H2Frame::kPing);
  EXPECT_EQ(heard[0].flags, frames::kAck);
  EXPECT_FALSE(raw.session->isEnded()) << "a frame that finds the connection closed would reset it";
  raw.far.reset();
  raw.loop.settle();
  EXPECT_EQ(raw.session->endReason(), H2End::kPeerClosed);
}

TEST(H2GoAway, StreamsAboveItWereRefused) {
  H2Raw raw(kClientRole);
  H2Stream& later = raw.open(End::kLast);
  raw.say(frames::goAway(1));
  EXPECT_TRUE(later.wasRefused());
  EXPECT_FALSE(raw.owner.requests[0]->hasError());
  EXPECT_FALSE(raw.session->mayOpen());
  EXPECT_GT(raw.owner.changes, 0);
  raw.say(raw.hpack.head(1, {{":status", "200"}}));
  EXPECT_EQ(raw.owner.requests[0]->takeResponse()->status, 200);
  raw.owner.requests.clear();
  raw.loop.settle();
  EXPECT_EQ(raw.session->endReason(), H2End::kDone);
}

TEST(H2Time, SettingsThatAreNotAnsweredEndTheSession) {
  loop::TestLoop loop;
  auto [near, far] = net::MemoryStream::pair(loop);
  std::array<char, 4096> scratch;
  H2TestOwner owner;
  H2Session session(kServerRole, *near, scratch, {}, owner);
  session.start();
  loop.advance(seconds(9));
  EXPECT_FALSE(session.isEnded());
  loop.advance(seconds(2));
  EXPECT_EQ(session.endReason(), H2End::kSettingsTimeout);
}

TEST(H2Time, AHeadThatDripsHasOneTimeForAllOfIt) {
  H2Bounds bounds;
  bounds.head_time = seconds(10);
  H2Raw raw(kServerRole, bounds);
  const std::string block = raw.hpack.block(kRawGet);
  raw.say(frames::frame(H2Frame::kHeaders, frames::kEndStream, 1, std::string_view(block).substr(0, 2)));
  raw.loop.advance(seconds(6));
  raw.say(frames::frame(H2Frame::kContinuation, 0, 1, std::string_view(block).substr(2, 1)));
  EXPECT_FALSE(raw.session->isEnded());
  raw.loop.advance(seconds(5));
  EXPECT_EQ(raw.session->endReason(), H2End::kHeadTimeout);
  EXPECT_TRUE(raw.owner.requests.empty());
}

TEST(H2Time, SilenceIsAskedAndAnAnswerIsEnough) {
  H2Bounds bounds;
  bounds.http2.ping = Milliseconds(20'000);
  bounds.http2.ping_timeout = Milliseconds(5'000);
  H2Raw raw(kServerRole, bounds);
  raw.loop.advance(seconds(21));
  auto heard = raw.heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].type, H2Frame::kPing);
  raw.say(frames::frame(H2Frame::kPing, frames::kAck, 0, heard[0].payload));
  raw.loop.advance(seconds(10));
  EXPECT_FALSE(raw.session->isEnded());
  raw.loop.advance(seconds(16));
  EXPECT_EQ(raw.session->endReason(), H2End::kPingTimeout);
}

}  // namespace
}  // namespace remora::http
