#include "tls/tls_stream.h"

#include <malloc.h>

#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using std::string_view_literals::operator""sv;
using net::IoResult;

using TlsStreamTest = TlsWorld;

// What `bytes` bytes of a body might look like.
std::string bodyOf(size_t bytes) {
  std::string body(bytes, 0);
  for (size_t i = 0; i < bytes; ++i) body[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return body;
}

// Moves `body` from one to the other, whose buffers are of any size; gives up when nothing moves any more.
std::string transfer(loop::TestLoop& loop, net::Stream& from, net::Stream& to, const std::string& body, size_t step) {
  std::string received;
  size_t sent = 0;
  for (size_t idle = 0; received.size() < body.size() && idle < 100; ++idle) {
    if (sent < body.size() && from.mayWrite()) sent += put(from, std::string_view(body).substr(sent)).bytes;
    loop.settle();
    if (!to.mayRead()) continue;
    const size_t before = received.size();
    received += takeAll(to, nullptr, step);
    if (received.size() > before) idle = 0;
  }
  return received;
}

loop::Task<void> waitToWrite(net::Stream& stream) {
  const Deadline deadline = Deadline::after(stream.loop().now(), Milliseconds(100));
  co_await net::WriteWait(stream, deadline, Failure{Reason::kTlsTimeout, Reached::kNo});
  co_return loop::done;
}

TEST_F(TlsStreamTest, BecomesWritableOnceItsHandshakeIsDone) {
  TestPair tls = pair();
  EXPECT_FALSE(tls.server->mayWrite());
  EXPECT_FALSE(tls.client->mayWrite());
  EXPECT_FALSE(tls.client->mayRead());
  EXPECT_EQ(put(*tls.client, "x").error, EAGAIN);
  loop_.settle();
  ASSERT_TRUE(tls.isDone()) << tls.complaints();
  EXPECT_TRUE(tls.server->mayWrite());
  EXPECT_TRUE(tls.client->mayWrite());
  EXPECT_FALSE(tls.client->mayRead());
  EXPECT_FALSE(tls.server->mayRead());
}

TEST_F(TlsStreamTest, IsWaitedForAsAConnectionIs) {
  TestPair tls = pair();
  loop::TestRun<void> client_wait(waitToWrite(*tls.client));
  loop::TestRun<void> server_wait(waitToWrite(*tls.server));
  EXPECT_FALSE(client_wait.isEnded());
  loop_.settle();
  ASSERT_TRUE(client_wait.isEnded() && server_wait.isEnded());
  EXPECT_TRUE(client_wait.outcome() && server_wait.outcome());
  EXPECT_TRUE(tls.isDone()) << tls.complaints();
}

TEST_F(TlsStreamTest, APeerThatSaysNothingIsWaitedForUntilTheDeadline) {
  auto [mine, theirs] = net::MemoryStream::pair(loop_);
  TlsStream stream(loop_, std::move(mine), server(), memory_);
  loop::TestRun<void> run(waitToWrite(stream));
  loop_.advance(Milliseconds(99));
  EXPECT_FALSE(run.isEnded());
  loop_.advance(Milliseconds(1));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(run.outcome().error().reason, Reason::kTlsTimeout);
  EXPECT_FALSE(stream.isSettled());
}

TEST_F(TlsStreamTest, CarriesBytesBothWays) {
  TestPair tls = settledPair();
  EXPECT_EQ(put(*tls.client, "question").bytes, 8U);
  EXPECT_EQ(tls.server_transport->mayRead(), true);
  loop_.settle();
  EXPECT_TRUE(tls.server->mayRead());
  IoResult end;
  EXPECT_EQ(takeAll(*tls.server, &end), "question");
  EXPECT_TRUE(end.isBlocked());
  EXPECT_FALSE(tls.server->mayRead());
  EXPECT_EQ(put(*tls.server, "answer").bytes, 6U);
  loop_.settle();
  EXPECT_EQ(takeAll(*tls.client), "answer");
}

TEST_F(TlsStreamTest, SmallPiecesShareARecordAndAWrite) {
  TestPair tls = settledPair();
  (void)put(*tls.server, "tickets go out with the first write");
  loop_.settle();
  takeAll(*tls.client);
  const iovec pieces[] = {{const_cast<char*>("head"), 4}, {const_cast<char*>(""), 0}, {const_cast<char*>("body"), 4}};
  EXPECT_EQ(tls.server->write(pieces).bytes, 8U);
  // 5 of header, 8 of text, 1 of type, 16 of tag.
  EXPECT_EQ(tls.client_transport->take().size(), 30U);
}

TEST_F(TlsStreamTest, ReadsIntoSmallSpansWithoutLosingAByte) {
  TestPair tls = settledPair();
  const std::string body = bodyOf(40'000);
  EXPECT_EQ(put(*tls.client, body).bytes, body.size());
  loop_.settle();
  EXPECT_TRUE(takeAll(*tls.server, nullptr, 7) == body);
  EXPECT_FALSE(tls.server->mayRead());
}

TEST_F(TlsStreamTest, BigBodiesPassThroughTinyTransports) {
  for (const size_t capacity : {1, 100, 5000, 65536}) {
    SCOPED_TRACE(capacity);
    TestPair tls = settledPair(capacity);
    const std::string body = bodyOf(capacity == 1 ? 20'000 : 1'000'000);
    EXPECT_TRUE(transfer(loop_, *tls.client, *tls.server, body, 16'384) == body);
    EXPECT_TRUE(transfer(loop_, *tls.server, *tls.client, body, 1000) == body);
    EXPECT_FALSE(tls.server->hasUnsent());
  }
}

TEST_F(TlsStreamTest, TakesNoMoreWhileSealedBytesWait) {
  TestPair tls = settledPair(1000);
  const std::string body = bodyOf(200'000);
  const IoResult first = put(*tls.server, body);
  EXPECT_EQ(first.bytes, CipherMemory::kSealBytes);
  EXPECT_EQ(first.error, EAGAIN);
  EXPECT_TRUE(tls.server->hasUnsent());
  EXPECT_FALSE(tls.server->mayWrite());
  EXPECT_EQ(put(*tls.server, body).error, EAGAIN);
  loop_.settle();
  EXPECT_FALSE(tls.server->mayWrite());
}

TEST_F(TlsStreamTest, APeerThatTakesNothingBreaksTheConnectionInTheEnd) {
  TestPair tls = settledPair(1000);
  (void)put(*tls.server, bodyOf(60'000));  // of which the peer's TLS takes one record
  loop_.advance(std::chrono::seconds(29));
  EXPECT_FALSE(tls.server->hasError());
  loop_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(tls.server->hasError());
  EXPECT_EQ(put(*tls.server, "x").error, ETIMEDOUT);
}

TEST_F(TlsStreamTest, CloseNotifyIsAnEnd) {
  TestPair tls = settledPair();
  (void)put(*tls.client, "last");
  tls.client->shutdownWrite();
  loop_.settle();
  IoResult end{1, 1};
  EXPECT_EQ(takeAll(*tls.server, &end), "last");
  EXPECT_TRUE(end.isEnd());
  EXPECT_TRUE(tls.server->hasHangup());
  EXPECT_FALSE(tls.server->hasError());
  // Half closed: the other direction goes on.
  EXPECT_EQ(put(*tls.client, "x").error, EPIPE);
  EXPECT_EQ(put(*tls.server, "answer").bytes, 6U);
  tls.server.reset();
  loop_.settle();
  EXPECT_EQ(takeAll(*tls.client, &end), "answer");
  EXPECT_TRUE(end.isEnd());
}

TEST_F(TlsStreamTest, ShutdownWaitsForWhatIsUnsent) {
  TestPair tls = settledPair(1000);
  const std::string body = bodyOf(20'000);
  EXPECT_EQ(put(*tls.server, body).bytes, body.size());
  tls.server->shutdownWrite();
  std::string received;
  IoResult end{1, 0};
  for (int i = 0; i < 100 && !end.isEnd(); ++i) {
    loop_.settle();
    end = {1, 0};
    received += takeAll(*tls.client, &end);
  }
  EXPECT_TRUE(end.isEnd());
  EXPECT_TRUE(received == body);
}

TEST_F(TlsStreamTest, DestroyingSaysCloseNotify) {
  TestPair tls = settledPair();
  tls.server.reset();
  loop_.settle();
  IoResult end{1, 1};
  takeAll(*tls.client, &end);
  EXPECT_TRUE(end.isEnd());
}

TEST_F(TlsStreamTest, AFinWithoutCloseNotifyIsACutButLooksLikeAHangup) {
  TestPair tls = settledPair();
  (void)put(*tls.server, "half of it");
  tls.server_transport->shutdownWrite();
  loop_.settle();
  EXPECT_TRUE(tls.client->hasHangup());
  EXPECT_FALSE(tls.client->hasError());
  IoResult end;
  EXPECT_EQ(takeAll(*tls.client, &end), "half of it");
  EXPECT_EQ(end.error, ECONNRESET);
  EXPECT_TRUE(tls.client->mayRead());
  EXPECT_EQ(put(*tls.client, "its own side is still open").error, 0);
}

TEST_F(TlsStreamTest, AResetIsAnError) {
  TestPair tls = settledPair();
  tls.server->resetOnClose();
  tls.server.reset();
  loop_.settle();
  EXPECT_TRUE(tls.client->hasError());
  IoResult end;
  takeAll(*tls.client, &end);
  EXPECT_EQ(end.error, ECONNRESET);
}

struct CountingWatcher final : loop::Runnable {
  void run() override { ++calls; }
  int calls = 0;
};

// A pool drops a connection that says something while it is idle.
TEST_F(TlsStreamTest, ATicketOnAnIdleConnectionIsNothingToRead) {
  TestPair tls = settledPair();
  CountingWatcher watcher;
  tls.client->setWatcher(&watcher);
  (void)put(*tls.server, "a");
  // The last 23 bytes are the "a". AWS-LC's ticket stands before it, OpenSSL's came with the handshake.
  const std::string flight = tls.client_transport->take();
  tls.server_transport->put(flight.substr(0, flight.size() - 23));
  loop_.settle();
  EXPECT_EQ(watcher.calls, 0);
  EXPECT_FALSE(tls.client->mayRead());
  EXPECT_EQ(sessions_.size(), 1U);
  tls.server_transport->put(flight.substr(flight.size() - 23));
  loop_.settle();
  EXPECT_EQ(watcher.calls, 1);
  EXPECT_EQ(takeAll(*tls.client), "a");
}

TEST_F(TlsStreamTest, TheWatcherHearsOfTheEnd) {
  TestPair tls = settledPair();
  CountingWatcher watcher;
  tls.client->setWatcher(&watcher);
  tls.server.reset();
  loop_.settle();
  EXPECT_EQ(watcher.calls, 1);
  EXPECT_TRUE(tls.client->hasHangup());
  EXPECT_TRUE(tls.client->mayRead());
}

TEST_F(TlsStreamTest, AChangedByteBreaksTheConnectionAndSaysSo) {
  TestPair tls = settledPair();
  (void)put(*tls.client, "hello");
  std::string flight = tls.server_transport->take();
  flight.back() = static_cast<char>(flight.back() ^ 1);
  tls.client_transport->put(flight);
  loop_.settle();
  IoResult end;
  EXPECT_EQ(takeAll(*tls.server, &end), "");
  EXPECT_EQ(end.error, ECONNRESET);
  EXPECT_TRUE(tls.server->hasError());
  takeAll(*tls.client);
  EXPECT_EQ(tls.client->handshakeOutcome().error().reason, Reason::kUpstreamTls);
  EXPECT_THAT(describeTlsDetail(tls.client->handshakeOutcome().error()), testing::HasSubstr("alert bad_record_mac"));
}

TEST_F(TlsStreamTest, BytesThatWereReadToLookAtThemAreGivenBack) {
  auto [a, b] = net::MemoryStream::pair(loop_);
  net::MemoryStream* const transport = a.get();
  TlsStream client_side(loop_, std::move(b), client(), "app.example", memory_, nullptr);
  loop_.settle();
  const std::string hello = transport->take();
  TlsStream server_side(loop_, std::move(a), server(), memory_, hello);
  loop_.settle();
  EXPECT_TRUE(server_side.isSettled() && server_side.handshakeOutcome());
  EXPECT_TRUE(client_side.isSettled() && client_side.handshakeOutcome());
}

TEST_F(TlsStreamTest, PlainHttpAndGarbageAreRefusedWithAReason) {
  for (const auto& [text, words] :
       {std::pair{"GET / HTTP/1.1\r\nhost: a\r\n\r\n"sv, "plain HTTP"}, std::pair{"\x16\x03\x01\x00\x05hello"sv, ""},
        std::pair{"SSH-2.0-x\r\n"sv, "TLS"}}) {
    auto [mine, theirs] = net::MemoryStream::pair(loop_);
    TlsStream stream(loop_, std::move(mine), server(), memory_);
    theirs->put(text);
    loop_.settle();
    ASSERT_TRUE(stream.isSettled()) << text;
    EXPECT_TRUE(stream.mayWrite());
    EXPECT_EQ(stream.handshakeOutcome().error().reason, Reason::kTlsHandshake);
    EXPECT_THAT(describeTlsDetail(stream.handshakeOutcome().error()), testing::HasSubstr(words)) << text;
    EXPECT_EQ(stream.connectError(), ECONNABORTED);
    EXPECT_TRUE(theirs->isEnded());
  }
}

TEST_F(TlsStreamTest, AnEndInTheMiddleOfTheHandshakeIsAFailure) {
  auto [mine, theirs] = net::MemoryStream::pair(loop_);
  TlsStream stream(loop_, std::move(mine), client(), "app.example", memory_, nullptr);
  loop_.settle();
  EXPECT_FALSE(stream.isSettled());
  theirs->take();
  theirs.reset();
  loop_.settle();
  ASSERT_TRUE(stream.isSettled());
  EXPECT_EQ(stream.handshakeOutcome().error(), (Failure{Reason::kUpstreamTls, Reached::kNo, 0}));
  EXPECT_THAT(describeTlsDetail(stream.handshakeOutcome().error()), testing::HasSubstr("ended before"));
}

TEST_F(TlsStreamTest, AnEndlessHandshakeIsCutOff) {
  auto [mine, theirs] = net::MemoryStream::pair(loop_);
  TlsStream stream(loop_, std::move(mine), server(), memory_);
  // A ClientHello that is said to be of 16 MiB, in good records.
  std::string record("\x16\x03\x01\x40\x00", 5);
  record += std::string("\x01\xff\xff\xff", 4) + std::string(16'380, 'x');
  size_t fed = 0;
  while (!stream.isSettled() && fed < 4 * TlsStream::kHandshakeMost) {
    theirs->put(record);
    fed += record.size();
    loop_.settle();
  }
  EXPECT_TRUE(stream.isSettled());
  EXPECT_LE(fed, TlsStream::kHandshakeMost + 2 * record.size());
  EXPECT_EQ(stream.handshakeOutcome().error().reason, Reason::kTlsHandshake);
}

TEST_F(TlsStreamTest, MayBeDestroyedAtAnyMoment) {
  for (int rounds = 0; rounds < 3; ++rounds) {
    TestPair tls = pair(200);
    for (int i = 0; i < rounds; ++i) loop_.loop().queue().drain();
    tls.client.reset();
    loop_.settle();
    EXPECT_TRUE(tls.server->isSettled());
    EXPECT_FALSE(tls.server->handshakeOutcome() && !tls.server->hasHangup());
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
// Of user memory, both ways: a figure that has become too large an allowance is to be edited as well.
TEST_F(TlsStreamTest, AnIdleConnectionIsSmall) {
  constexpr size_t kMany = 200;
  const auto idleBytes = [&] {
    const auto server_context = server();
    const auto client_context = client();
    std::vector<TestPair> pairs;
    pairs.reserve(kMany);
    TestPair warm(loop_, memory_, server_context, client_context);
    loop_.settle();
    const size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < kMany; ++i) {
      pairs.emplace_back(loop_, memory_, server_context, client_context);
      loop_.settle();
      EXPECT_TRUE(pairs.back().isDone());
      (void)put(*pairs.back().server, "a word, which brings the ticket");
      loop_.settle();
      takeAll(*pairs.back().client);
    }
    const size_t with_both = mallinfo2().uordblks - before;
    const size_t all = mallinfo2().uordblks;
    for (auto& made : pairs) made.server.reset();
    const size_t of_servers = all - mallinfo2().uordblks;
    EXPECT_GT(with_both, of_servers);
    return of_servers / kMany;
  };
  const size_t plain = idleBytes();
  askForCertificates(model::TlsServer::Client::kRequired);
  showCertificate({.name = "web", .sans = {"URI:spiffe://example.org/ns/default/sa/web"}});
  const size_t mutual = idleBytes();
  RecordProperty("plain", static_cast<int>(plain));
  RecordProperty("mutual", static_cast<int>(mutual));
#ifdef OPENSSL_IS_AWSLC
  EXPECT_LT(plain, 7U << 10);
  EXPECT_GT(plain, 5U << 10);
  EXPECT_LT(mutual, 13U << 10);
  EXPECT_GT(mutual, 10U << 10);
#else
  EXPECT_LT(plain, 24U << 10);
  EXPECT_LT(mutual, 32U << 10);
#endif
}
#endif

}  // namespace
}  // namespace remora::tls
