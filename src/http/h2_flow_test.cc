// Windows, bounds on what is unsent, and streams as net::Stream.
#include <gtest/gtest.h>

#include "http/h2_test_peers.h"
#include "http/message_body.h"

namespace remora::http {
namespace {

H2Bounds windows(Bytes stream, Bytes connection) {
  H2Bounds bounds;
  bounds.http2.stream_window = stream;
  bounds.http2.connection_window = connection;
  return bounds;
}

TEST(H2Flow, AStreamsWindowStopsItsWriterAlone) {
  H2Pair pair({}, windows(10_KiB, 1_MiB));
  auto stream = pair.ask(kPost, End::kMore);
  auto other = pair.ask(kPost, End::kMore);
  const std::string body(25'000, 'x');
  const net::IoResult first = writeText(*stream, body);
  EXPECT_EQ(first.bytes, 10'240u);
  EXPECT_TRUE(first.isBlocked());
  EXPECT_FALSE(stream->mayWrite());
  EXPECT_EQ(writeText(*other, "abc").bytes, 3u);
  pair.loop.settle();
  EXPECT_FALSE(stream->mayWrite()) << "nobody has read";

  std::string got = readAll(*pair.server_owner.requests[0]);
  pair.loop.settle();
  EXPECT_TRUE(stream->mayWrite());
  size_t sent = first.bytes;
  for (int i = 0; i < 10 && sent < body.size(); ++i) {
    sent += writeText(*stream, std::string_view(body).substr(sent), End::kLast).bytes;
    pair.loop.settle();
    got += readAll(*pair.server_owner.requests[0]);
    pair.loop.settle();
  }
  EXPECT_EQ(got, body + "$");
  EXPECT_TRUE(stream->isSent());
}

TEST(H2Flow, TheConnectionsWindowStopsAll) {
  H2Pair pair({}, windows(1_MiB, 70_KiB));
  auto first = pair.ask(kPost, End::kMore);
  auto second = pair.ask(kPost, End::kMore);
  const std::string body(100'000, 'x');
  const size_t sent = writeText(*first, body).bytes;
  pair.loop.settle();
  EXPECT_EQ(sent, 70u << 10);
  EXPECT_EQ(writeText(*second, "abc").bytes, 0u);
  EXPECT_FALSE(second->mayWrite());
  EXPECT_EQ(readAll(*pair.server_owner.requests[0]).size(), sent);
  pair.loop.settle();
  EXPECT_TRUE(second->mayWrite());
  EXPECT_EQ(writeText(*second, "abc").bytes, 3u);
}

TEST(H2Flow, NoWindowHoldsAnEndBack) {
  H2Pair pair({}, windows(10_KiB, 1_MiB));
  auto stream = pair.ask(kPost, End::kMore);
  EXPECT_EQ(writeText(*stream, std::string(10'240, 'x')).bytes, 10'240u);
  stream->shutdownWrite();
  pair.loop.settle();
  EXPECT_EQ(readAll(pair.asked()), std::string(10'240, 'x') + "$");
}

TEST(H2Flow, AnEmptyLastFrameNeedsNoWindowEvenWhereItIsBelowNone) {
  H2Raw raw(kServerRole, windows(1_KiB, 1_MiB));
  // As a client that hasn't heard of SETTINGS may: more than the window that it learns of later.
  H2Raw early(kServerRole, windows(1_KiB, 1_MiB), 1 << 20, false);
  early.say(early.hpack.head(1, kRawPost, 0) + frames::data(1, std::string(5000, 'x')));
  early.say(frames::settingsAck() + frames::data(1, "", frames::kEndStream));
  ASSERT_EQ(early.owner.requests.size(), 1u);
  EXPECT_EQ(readAll(*early.owner.requests[0]), std::string(5000, 'x') + "$");
  // One that has heard of them may not.
  raw.say(raw.hpack.head(1, kRawPost, 0) + frames::data(1, std::string(1025, 'x')));
  EXPECT_EQ(raw.session->counts().resets_forced, 1u);
}

TEST(H2Flow, WriteLastEndsWithTheLastByte) {
  H2Raw raw(kServerRole);
  raw.say(raw.hpack.head(1, kRawGet));
  ASSERT_TRUE(raw.owner.requests[0]->sendHead(kOk, End::kMore));
  EXPECT_EQ(writeText(*raw.owner.requests[0], "hello", End::kLast).error, 0);
  raw.loop.settle();
  const auto heard = raw.heard();
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[1].payload, "hello");
  EXPECT_EQ(heard[1].flags, frames::kEndStream);
}

TEST(H2Flow, WhatThePeerDoesNotTakeIsBounded) {
  H2Bounds bounds;
  bounds.http2.unsent = 64_KiB;
  H2Pair pair(windows(16_MiB, 64_MiB), bounds, 16 << 10);
  auto stream = pair.ask();
  H2Stream& asked = pair.asked();
  ASSERT_TRUE(asked.sendHead(kOk, End::kMore));
  pair.near->setWatcher(nullptr);  // the client reads nothing
  const std::string body(1 << 20, 'x');
  size_t sent = 0;
  for (int i = 0; i < 20; ++i) {
    sent += writeText(asked, std::string_view(body).substr(sent)).bytes;
    pair.loop.settle();
  }
  EXPECT_LT(sent, 200u << 10);
  EXPECT_LE(pair.server->unsent(), 100u << 10);
  EXPECT_FALSE(asked.mayWrite());
  // It goes on when the client does.
  std::string got;
  std::array<char, 8192> piece;
  while (sent < body.size()) {
    const net::IoResult read = pair.near->read(piece);
    if (read.bytes) got.append(piece.data(), read.bytes);
    pair.loop.settle();
    if (asked.mayWrite()) sent += writeText(asked, std::string_view(body).substr(sent)).bytes;
    ASSERT_FALSE(read.isBlocked() && !asked.mayWrite() && pair.server->unsent() == 0);
  }
}

TEST(H2Flow, TwoWhoSendEachOtherMuchDoNotWaitForEachOther) {
  H2Bounds bounds = windows(1_MiB, 16_MiB);
  bounds.http2.unsent = 32_KiB;
  H2Pair pair(bounds, bounds, 4 << 10);
  auto stream = pair.ask(kPost, End::kMore);
  H2Stream& asked = pair.asked();
  ASSERT_TRUE(asked.sendHead(kOk, End::kMore));
  const std::string body(500'000, 'x');
  size_t up = 0;
  size_t down = 0;
  size_t got = 0;
  for (int i = 0; i < 1000 && got < 2 * body.size(); ++i) {
    if (up < body.size()) up += writeText(*stream, std::string_view(body).substr(up)).bytes;
    if (down < body.size()) down += writeText(asked, std::string_view(body).substr(down)).bytes;
    pair.loop.settle();
    stream->takeResponse();
    got += readAll(*stream).size() + readAll(asked).size();
  }
  EXPECT_EQ(got, 2 * body.size());
}

TEST(H2Flow, OneWhoSendsMuchLeavesTheTurnToOthers) {
  H2Raw raw(kServerRole);
  std::string pings;
  for (int i = 0; i < 6000; ++i) pings += frames::frame(static_cast<H2Frame>(0x42), 0, 0, "12345678");
  raw.far->put(pings + raw.hpack.head(1, kRawGet));
  raw.loop.settle();
  EXPECT_TRUE(raw.owner.requests.empty()) << "so much isn't read in one turn";
  raw.loop.advance(Duration(0));
  EXPECT_EQ(raw.owner.requests.size(), 1u);
}

TEST(H2Flow, PiecesAreWrittenInTheirOrder) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  std::string a(20'000, 'a'), b, c(30'000, 'c');
  const std::array<iovec, 3> pieces{iovec{a.data(), a.size()}, iovec{b.data(), 0}, iovec{c.data(), c.size()}};
  EXPECT_EQ(stream->writeLast(pieces).bytes, 50'000u);
  std::ranges::fill(a, 'x');  // borrowed only until it returned
  pair.loop.settle();
  EXPECT_EQ(readAll(pair.asked()), std::string(20'000, 'a') + c + "$");
}

loop::Task<void> copy(H2Stream& stream, std::string& into, int& waits) {
  std::array<char, 100> piece;
  for (;;) {
    const net::IoResult read = stream.read(piece);
    if (read.isEnd()) co_return loop::done;
    if (read.isBlocked()) {
      ++waits;
      co_await net::ReadWait(stream, Deadline::never(), {});
      continue;
    }
    if (read.error) co_return fail(Reason::kClientReset);
    into.append(piece.data(), read.bytes);
  }
}

TEST(H2Flow, WaitsWorkOverAStream) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  std::string got;
  int waits = 0;
  loop::TestRun<void> reading(copy(pair.asked(), got, waits));
  writeText(*stream, "one");
  pair.loop.settle();
  EXPECT_EQ(got, "one");
  EXPECT_FALSE(reading.isEnded());
  writeText(*stream, "two", End::kLast);
  pair.loop.settle();
  EXPECT_TRUE(reading.isEnded());
  EXPECT_EQ(got, "onetwo");
  EXPECT_LE(waits, 2) << "a wait ends only when there is something";
}

TEST(H2Flow, AWatcherHearsOfAReset) {
  struct Watcher final : loop::Runnable {
    void run() override { ++heard; }
    int heard = 0;
  } watcher;
  H2Pair pair;
  auto stream = pair.ask();
  pair.asked().setWatcher(&watcher);
  pair.loop.settle();
  EXPECT_EQ(watcher.heard, 0);
  stream.reset();
  pair.loop.settle();
  EXPECT_EQ(watcher.heard, 1);
}

std::string pullAll(MessageBody& body, net::Stream& stream) {
  std::string text;
  for (;;) {
    const Result<Pull> pull = body.pull();
    if (!pull) return text + std::string(tokenOf(pull.error().reason));
    text.append(pull->data.data(), pull->data.size());
    if (pull->state == Pull::State::kLast) return text + "$";
    if (pull->state == Pull::State::kWait && !stream.mayRead()) return text + ".";
  }
}

TEST(H2Body, IsEverythingUntilTheStreamsEndWithItsTrailers) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  H2Stream& asked = pair.asked();
  std::array<char, 4096> scratch;
  MessageBody body({Framing::kStream, 6, true}, {}, asked, scratch,
                   {Reason::kBadChunk, Reason::kClientGone, Reason::kClientReset}, &asked.trailers());
  EXPECT_EQ(pullAll(body, asked), ".");
  writeText(*stream, "abc");
  pair.loop.settle();
  EXPECT_EQ(pullAll(body, asked), "abc.");
  EXPECT_EQ(body.remaining(), 3u);
  writeText(*stream, "def");
  const std::vector<HeadField> trailers{{"x-sum", "1"}};
  ASSERT_TRUE(stream->sendTrailers(trailers));
  pair.loop.settle();
  const Result<Pull> last = body.pull();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->state, Pull::State::kLast) << "the end comes with the last bytes";
  EXPECT_EQ(std::string(last->data.begin(), last->data.end()), "def");
  EXPECT_TRUE(body.isEnded());
  ASSERT_EQ(body.trailers().size(), 1u);
  EXPECT_EQ(body.trailers()[0].name, "x-sum");
}

TEST(H2Body, AResetIsNoEnd) {
  H2Pair pair;
  auto stream = pair.ask(kPost, End::kMore);
  H2Stream& asked = pair.asked();
  std::array<char, 4096> scratch;
  MessageBody body({Framing::kStream, 0, false}, {}, asked, scratch,
                   {Reason::kBadChunk, Reason::kClientGone, Reason::kClientReset}, &asked.trailers());
  writeText(*stream, "abc");
  pair.loop.settle();
  EXPECT_EQ(pullAll(body, asked), "abc.");
  stream.reset();
  pair.loop.settle();
  EXPECT_EQ(pullAll(body, asked), "client_reset");
}

}  // namespace
}  // namespace remora::http
