#include "net/stream.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loop/faulty_sys.h"
#include "loop/test_loop.h"
#include "net/listen_socket.h"
#include "net/memory_net.h"
#include "net/tcp_stream.h"

namespace remora::net {
namespace {

constexpr Failure kLate{Reason::kResponseTimeout, Reached::kMaybe, 0};

loop::Task<void> waitToRead(Stream& stream, Deadline deadline) {
  co_await ReadWait(stream, deadline, kLate);
  co_return loop::done;
}

loop::Task<void> waitToWrite(Stream& stream, Deadline deadline) {
  co_await WriteWait(stream, deadline, kLate);
  co_return loop::done;
}

struct Counter final : loop::Runnable {
  void run() override { ++count; }
  int count = 0;
};

std::string readAll(Stream& stream) {
  std::string all;
  char buffer[16];
  for (;;) {
    const IoResult got = stream.read(buffer);
    if (got.bytes == 0) return all;
    all.append(buffer, got.bytes);
  }
}

IoResult writeText(Stream& stream, std::string_view text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  return stream.write({&piece, 1});
}

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() { std::tie(near_, far_) = MemoryStream::pair(loop_, 8); }
  Deadline in(Duration span) { return Deadline::after(loop_.loop().now(), span); }
  // As after a read that found nothing.
  void drain(Stream& stream) { EXPECT_EQ(readAll(stream), ""); }

  loop::TestLoop loop_;
  std::unique_ptr<MemoryStream> near_, far_;
};

TEST_F(StreamTest, AReaderIsWokenByBytesFromTheQueue) {
  drain(*near_);
  loop::TestRun<void> run(waitToRead(*near_, in(Milliseconds(10))));
  loop_.settle();
  EXPECT_FALSE(run.isEnded());
  far_->put("hi");
  EXPECT_FALSE(run.isEnded());  // never on the stack of whoever writes
  loop_.settle();
  ASSERT_TRUE(run.isEnded());
  EXPECT_TRUE(run.outcome());
  EXPECT_EQ(loop_.loop().timers().size(), 0u);
  EXPECT_EQ(readAll(*near_), "hi");
}

TEST_F(StreamTest, AReaderDoesNotWaitForWhatIsThere) {
  far_->put("hi");
  loop::TestRun<void> run(waitToRead(*near_, Deadline::never()));
  EXPECT_TRUE(run.isEnded());
  EXPECT_EQ(loop_.loop().timers().size(), 0u);
}

TEST_F(StreamTest, AReaderFailsAtItsDeadlineAndNotBefore) {
  drain(*near_);
  loop::TestRun<void> run(waitToRead(*near_, in(Milliseconds(10))));
  loop_.advance(Milliseconds(9));
  EXPECT_FALSE(run.isEnded());
  loop_.advance(Milliseconds(1));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(run.outcome().error(), kLate);
}

TEST_F(StreamTest, ACancelledReaderLeavesNothingBehind) {
  drain(*near_);
  loop::TestRun<void> run(waitToRead(*near_, in(Milliseconds(10))));
  run.cancel();
  EXPECT_EQ(loop_.loop().timers().size(), 0u);
  far_->put("hi");
  loop_.settle();
  loop::TestRun<void> next(waitToRead(*near_, in(Milliseconds(10))));
  EXPECT_TRUE(next.isEnded());
}

TEST_F(StreamTest, ACancelledReaderThatWasWokenIsNotResumed) {
  drain(*near_);
  loop::TestRun<void> run(waitToRead(*near_, in(Milliseconds(10))));
  far_->put("hi");
  run.cancel();
  loop_.settle();
  EXPECT_EQ(readAll(*near_), "hi");
}

TEST_F(StreamTest, AnInterruptedReaderFailsAsItIsTold) {
  near_->interruptRead(kLate);  // nobody reads: nothing happens
  drain(*near_);
  loop::TestRun<void> run(waitToRead(*near_, Deadline::never()));
  near_->interruptRead({Reason::kDraining, Reached::kNo, 0});
  far_->put("too late");
  loop_.settle();
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(run.outcome().error().reason, Reason::kDraining);
}

TEST_F(StreamTest, AWriterWaitsUntilThereIsRoom) {
  const IoResult first = writeText(*near_, "0123456789");
  EXPECT_EQ(first.bytes, 8u);
  EXPECT_TRUE(first.isBlocked());
  EXPECT_FALSE(near_->mayWrite());
  loop::TestRun<void> run(waitToWrite(*near_, in(Milliseconds(10))));
  loop_.settle();
  EXPECT_FALSE(run.isEnded());
  char some[3];
  EXPECT_EQ(far_->read(some).bytes, 3u);
  loop_.settle();
  ASSERT_TRUE(run.isEnded());
  EXPECT_TRUE(run.outcome());
  EXPECT_EQ(writeText(*near_, "89").bytes, 2u);
  EXPECT_EQ(readAll(*far_), "3456789");
}

TEST_F(StreamTest, AWriterFailsAtItsDeadline) {
  writeText(*near_, "0123456789");
  loop::TestRun<void> run(waitToWrite(*near_, in(Milliseconds(10))));
  loop_.advance(Milliseconds(10));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(run.outcome().error(), kLate);
}

TEST_F(StreamTest, TheWatcherHearsWhatNobodyWaitsFor) {
  Counter watcher;
  drain(*near_);
  near_->setWatcher(&watcher);
  far_->put("a");
  loop_.settle();
  EXPECT_EQ(watcher.count, 1);
  EXPECT_EQ(readAll(*near_), "a");
  loop::TestRun<void> run(waitToRead(*near_, Deadline::never()));
  far_->put("b");
  loop_.settle();
  EXPECT_TRUE(run.isEnded());
  EXPECT_EQ(watcher.count, 1);
  near_->setWatcher(nullptr);
  far_->put("c");
  loop_.settle();
  EXPECT_EQ(watcher.count, 1);
}

TEST_F(StreamTest, TheWatcherHearsAResetWhileAWriterWaits) {
  Counter watcher;
  near_->setWatcher(&watcher);
  writeText(*near_, "0123456789");
  loop::TestRun<void> run(waitToWrite(*near_, Deadline::never()));
  far_->resetOnClose();
  far_.reset();
  loop_.settle();
  EXPECT_TRUE(run.isEnded());
  EXPECT_EQ(watcher.count, 1);
  EXPECT_TRUE(near_->hasError());
  EXPECT_EQ(writeText(*near_, "x").error, ECONNRESET);
}

TEST_F(StreamTest, AFinIsTheEndAfterTheBytesBeforeIt) {
  far_->put("bye");
  far_->shutdownWrite();
  EXPECT_TRUE(near_->hasHangup());
  EXPECT_FALSE(near_->hasError());
  char buffer[16];
  EXPECT_EQ(near_->read(buffer).bytes, 3u);
  EXPECT_TRUE(near_->mayRead());
  EXPECT_TRUE(near_->read(buffer).isEnd());
  EXPECT_EQ(writeText(*near_, "still").bytes, 5u);  // half-closed
  EXPECT_EQ(readAll(*far_), "still");
}

// Over the kernel.
class TcpStreamTest : public ::testing::Test {
 protected:
  TcpStreamTest() {
    model::Listener listener;
    listener.address = {model::SocketAddress::Kind::kIp, "127.0.0.1", 0};
    auto bound = BoundSocket::bind(listener);
    EXPECT_TRUE(bound) << bound.error();
    socket_ = *bound;
    acceptor_ = std::make_unique<Acceptor>(
        loop_, sys_, socket_,
        [this](int fd, const Peer&) {
          accepted_.push_back(std::make_unique<TcpStream>(loop_, sys_, fd, TcpStream::State::kConnected));
        },
        [](int) {});
  }
  template <class Condition>
  bool turnUntil(Condition condition) {
    const Deadline limit = Deadline::after(loop_.readClock(), std::chrono::seconds(10));
    while (!condition() && !limit.hasPassed(loop_.now())) {
      loop_.turn(Deadline::after(loop_.now(), Milliseconds(20)));
    }
    return condition();
  }
  // A connected pair: what connected, and what was accepted.
  std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> connectPair(TcpConnector& connector) {
    auto made = connector.connect(socket_->address());
    EXPECT_TRUE(made);
    EXPECT_TRUE(turnUntil([&] { return (*made)->mayWrite() && !accepted_.empty(); }));
    EXPECT_EQ((*made)->connectError(), 0);
    auto accepted = std::move(accepted_.back());
    accepted_.pop_back();
    return {std::move(*made), std::move(accepted)};
  }

  loop::Sys& sys_ = loop::Sys::real();
  loop::SystemClock clock_;
  loop::Loop loop_{clock_, std::make_unique<loop::EpollPoller>(sys_)};
  TcpConnector connector_{loop_, sys_};
  std::shared_ptr<BoundSocket> socket_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<std::unique_ptr<TcpStream>> accepted_;
};

TEST_F(TcpStreamTest, CarriesBytesBothWays) {
  auto [near, far] = connectPair(connector_);
  EXPECT_EQ(writeText(*near, "question").bytes, 8u);
  std::string got;
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*far)) == "question"; }));
  EXPECT_FALSE(far->mayRead());
  const iovec pieces[] = {{const_cast<char*>("an"), 2}, {const_cast<char*>("swer"), 4}};
  EXPECT_EQ(far->write(pieces).bytes, 6u);
  got.clear();
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*near)) == "answer"; }));
}

TEST_F(TcpStreamTest, AShortReadMeansDrainedUntilTheNextEdge) {
  auto [near, far] = connectPair(connector_);
  char buffer[4];
  EXPECT_TRUE(far->read(buffer).isBlocked());
  writeText(*near, "abc");
  EXPECT_TRUE(turnUntil([&] { return far->mayRead(); }));
  EXPECT_EQ(far->read(buffer).bytes, 3u);
  EXPECT_FALSE(far->mayRead());
  loop::TestRun<void> run(waitToRead(*far, Deadline::never()));
  writeText(*near, "defgh");
  EXPECT_TRUE(turnUntil([&] { return run.isEnded(); }));
  EXPECT_EQ(far->read(buffer).bytes, 4u);
  EXPECT_TRUE(far->mayRead());  // as much as was asked for: there may be more
  EXPECT_EQ(far->read(buffer).bytes, 1u);
}

TEST_F(TcpStreamTest, WhatIsPeekedAtStaysAndTheWatcherHearsOfMore) {
  auto [near, far] = connectPair(connector_);
  char buffer[16];
  EXPECT_TRUE(far->peek(buffer).isBlocked());
  EXPECT_FALSE(far->mayRead());
  Counter watcher;
  far->setWatcher(&watcher);
  writeText(*near, "abc");
  EXPECT_TRUE(turnUntil([&] { return watcher.count == 1; }));
  EXPECT_EQ(far->peek(buffer).bytes, 3u);
  EXPECT_TRUE(far->mayRead());  // no edge would tell of these bytes again
  writeText(*near, "de");
  EXPECT_TRUE(turnUntil([&] { return watcher.count == 2; }));
  EXPECT_EQ(far->peek(buffer).bytes, 5u);
  EXPECT_EQ(far->peek({buffer, 2}).bytes, 2u);
  EXPECT_EQ(readAll(*far), "abcde");
  near->shutdownWrite();
  EXPECT_TRUE(turnUntil([&] { return far->hasHangup(); }));
  EXPECT_TRUE(far->peek(buffer).isEnd());
}

TEST_F(TcpStreamTest, SeesTheEndBehindTheLastBytes) {
  auto [near, far] = connectPair(connector_);
  writeText(*near, "bye");
  near->shutdownWrite();
  EXPECT_TRUE(turnUntil([&] { return far->hasHangup(); }));
  char buffer[64];
  EXPECT_EQ(far->read(buffer).bytes, 3u);
  EXPECT_TRUE(far->mayRead());  // no further edge would come
  EXPECT_TRUE(far->read(buffer).isEnd());
}

TEST_F(TcpStreamTest, ResetOnCloseIsSeenAsAnError) {
  auto [near, far] = connectPair(connector_);
  near->resetOnClose();
  near.reset();
  EXPECT_TRUE(turnUntil([&] { return far->hasError(); }));
  char buffer[8];
  EXPECT_EQ(far->read(buffer).error, ECONNRESET);
}

TEST_F(TcpStreamTest, AWriterWaitsForTheReader) {
  auto [near, far] = connectPair(connector_);
  const std::string much(1 << 20, 'x');
  size_t sent = 0;
  while (near->mayWrite()) sent += writeText(*near, much).bytes;
  loop::TestRun<void> run(waitToWrite(*near, Deadline::never()));
  EXPECT_FALSE(run.isEnded());
  size_t received = 0;
  EXPECT_TRUE(turnUntil([&] {
    std::vector<char> buffer(1 << 20);
    for (;;) {
      const IoResult got = far->read(buffer);
      if (got.bytes == 0) break;
      received += got.bytes;
    }
    return run.isEnded() && received == sent;
  }));
}

// With a loop that gathers small sends until the end of its turn.
class GatheredSends : public TcpStreamTest {
 protected:
  explicit GatheredSends(std::string_view faults = "") {
    std::signal(SIGPIPE, SIG_IGN);  // as the process does
    std::string problem;
    faulty_ = std::make_unique<loop::FaultySys>(loop::parseFaults(faults, problem));
    EXPECT_EQ(problem, "");
    if (faults.empty()) {
      loop_.gatherSends(loop::Sys::real());
    } else {
      loop_.gatherSends(*faulty_);
    }
  }
  std::unique_ptr<loop::FaultySys> faulty_;
};

TEST_F(GatheredSends, GoOutAtTheEndOfTheTurn) {
  auto [near, far] = connectPair(connector_);
  EXPECT_EQ(writeText(*near, "question").bytes, 8u);
  EXPECT_FALSE(loop_.sends()->isEmpty());
  EXPECT_FALSE(near->hasUnsent());
  std::string got;
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*far)) == "question"; }));
}

TEST_F(GatheredSends, KeepTheirOrderWithWhatIsTooLarge) {
  auto [near, far] = connectPair(connector_);
  const std::string large(10'000, 'x');
  for (const std::string& text : {std::string("a"), std::string("b"), large, std::string("c")}) {
    EXPECT_EQ(writeText(*near, text).bytes, text.size());
  }
  std::string got;
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*far)).size() == large.size() + 3; }));
  EXPECT_EQ(got, "ab" + large + "c");
}

TEST_F(GatheredSends, GoOutBeforeTheEnd) {
  auto [near, far] = connectPair(connector_);
  writeText(*near, "bye");
  near->shutdownWrite();
  writeText(*far, "and good night");
  far.reset();
  std::string got;
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*near)) == "and good night"; }));
}

TEST_F(GatheredSends, AreLeftOutWhenEverythingIsToGoOutAtOnce) {
  auto [near, far] = connectPair(connector_);
  writeText(*near, "a");
  near->writeThrough();
  EXPECT_TRUE(loop_.sends()->isEmpty());
  writeText(*near, "b");
  EXPECT_TRUE(loop_.sends()->isEmpty());
  std::string got;
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*far)) == "ab"; }));
}

TEST_F(GatheredSends, ToAPeerThatIsGoneAreRefusedAndNeverLookLikeAnEndInGoodOrder) {
  auto [near, far] = connectPair(connector_);
  far->resetOnClose();
  far.reset();
  // Not turned: nothing has been heard of the reset when the bytes are taken.
  EXPECT_EQ(writeText(*near, "lost").bytes, 4u);
  EXPECT_EQ(near->refusedBytes(), 0u);
  EXPECT_TRUE(turnUntil([&] { return near->hasError(); }));
  EXPECT_EQ(near->refusedBytes(), 4u);
  char buffer[8];
  EXPECT_NE(near->read(buffer).error, 0);
  EXPECT_FALSE(near->read(buffer).isEnd());
  EXPECT_NE(writeText(*near, "more").error, 0);
}

struct FailingSends : GatheredSends {
  FailingSends() : GatheredSends("send:2:EPIPE") {}
};

// A send may fail for a reason that reading never shows.
TEST_F(FailingSends, EndTheConnectionForReadersToo) {
  TcpConnector connector(loop_, *faulty_);
  auto [near, far] = connectPair(connector);
  writeText(*far, "before");
  EXPECT_TRUE(turnUntil([&] { return near->mayRead(); }));
  EXPECT_EQ(writeText(*near, "lost").bytes, 4u);
  near->flush();
  EXPECT_TRUE(near->hasError());
  char buffer[64];
  EXPECT_EQ(near->read(buffer).bytes, 6u);  // what had come is still given
  EXPECT_EQ(near->read(buffer).error, EPIPE);
}

struct ShortSends : GatheredSends {
  ShortSends() : GatheredSends("send:1:short=2,send:2:EAGAIN") {}
};

TEST_F(ShortSends, AreFinishedWhenThereIsRoomAndTheWatcherHears) {
  struct Watcher final : loop::Runnable {
    void run() override { ++runs; }
    int runs = 0;
  } watcher;
  TcpConnector connector(loop_, *faulty_);
  auto [near, far] = connectPair(connector);
  near->setWatcher(&watcher);
  EXPECT_EQ(writeText(*near, "abcdef").bytes, 6u);
  near->flush();
  EXPECT_TRUE(near->hasUnsent());
  EXPECT_FALSE(near->mayWrite());
  EXPECT_TRUE(writeText(*near, "g").isBlocked());
  // The kernel had room all along, so that there is no edge of its own: bytes that arrive make one.
  std::string got;
  EXPECT_TRUE(turnUntil([&] {
    if (near->hasUnsent()) writeText(*far, ".");
    got += readAll(*far);
    return got == "abcdef";
  }));
  EXPECT_FALSE(near->hasUnsent());
  EXPECT_TRUE(turnUntil([&] { return near->mayWrite() && watcher.runs > 0; }));
  near->setWatcher(nullptr);
}

// In virtual time over real sockets.
TEST(GatheredSendsThatStall, BreakTheConnectionInTheEnd) {
  std::string problem;
  loop::FaultySys full(loop::parseFaults("send:1+1:EAGAIN", problem));
  loop::VirtualClock clock;
  loop::Loop loop(clock, std::make_unique<loop::EpollPoller>(full));
  loop.gatherSends(full);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  TcpStream stream(loop, full, ends[0], TcpStream::State::kConnected);
  EXPECT_EQ(writeText(stream, "never").bytes, 5u);
  const auto turnAfter = [&](Duration span) {
    clock.set(clock.now() + span);
    loop.turn(Deadline::at(loop.readClock()));
    loop.turn(Deadline::at(loop.readClock()));
  };
  turnAfter(Duration(0));
  EXPECT_TRUE(stream.hasUnsent());
  turnAfter(std::chrono::milliseconds(29'999));
  EXPECT_FALSE(stream.hasError());
  turnAfter(std::chrono::milliseconds(1));
  EXPECT_TRUE(stream.hasError());
  EXPECT_EQ(writeText(stream, "more").error, ETIMEDOUT);
  close(ends[1]);
}

TEST_F(TcpStreamTest, TheProofSaysWhatThePeerHasAcknowledged) {
  auto [near, far] = connectPair(connector_);
  const auto before = near->proof();
  ASSERT_TRUE(before);
  EXPECT_FALSE(before->is_closed);
  writeText(*near, "12345");
  EXPECT_TRUE(turnUntil([&] { return near->proof()->acknowledged == before->acknowledged + 5; }));
}

TEST_F(TcpStreamTest, ARefusedConnectIsToldWhenItIsDecided) {
  const Address address = socket_->address();
  acceptor_.reset();
  socket_.reset();
  auto made = connector_.connect(address);
  if (!made) {  // some kernels decide at once
    EXPECT_EQ(made.error().reason, Reason::kConnectRefused);
    return;
  }
  EXPECT_TRUE(turnUntil([&] { return (*made)->mayWrite(); }));
  EXPECT_EQ((*made)->connectError(), ECONNREFUSED);
}

TEST_F(TcpStreamTest, AMissingUnixSocketRefuses) {
  const auto address = Address::of({model::SocketAddress::Kind::kUnix, "/nowhere/app.sock", 0});
  const auto made = connector_.connect(*address);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason, Reason::kConnectRefused);
  EXPECT_EQ(made.error().reached, Reached::kNo);
}

TEST_F(TcpStreamTest, ExhaustedDescriptorsAreSaidSo) {
  std::string problem;
  loop::FaultySys faulty(loop::parseFaults("socket:1:EMFILE,connect:1:ECONNREFUSED", problem));
  ASSERT_EQ(problem, "");
  TcpConnector connector(loop_, faulty);
  const auto first = connector.connect(socket_->address());
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().reason, Reason::kNoDescriptors);
  const auto second = connector.connect(socket_->address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason, Reason::kConnectRefused);
}

// Not short reads: by the kernel's word one means drained, and the stream builds on it.
TEST_F(TcpStreamTest, SignalsAndShortWritesLoseNothing) {
  std::string problem;
  loop::FaultySys faulty(
      loop::parseFaults("recv:1+2:EINTR,send:1+2:EINTR,send:2+2:short=2,sendmsg:1+1:short=1", problem));
  ASSERT_EQ(problem, "");
  TcpConnector connector(loop_, faulty);
  auto [near, far] = connectPair(connector);
  std::string_view left = "all of it";
  while (!left.empty()) {
    const IoResult wrote = writeText(*near, left);
    left.remove_prefix(wrote.bytes);
    if (wrote.error) EXPECT_EQ(wrote.error, EAGAIN);
    EXPECT_TRUE(near->mayWrite());
  }
  std::string got;
  EXPECT_TRUE(turnUntil([&] { return (got += readAll(*far)) == "all of it"; }));
  writeText(*far, "back");
  got.clear();
  EXPECT_TRUE(turnUntil([&] {
    char buffer[8];
    while (near->mayRead()) {
      const IoResult read = near->read(buffer);
      got.append(buffer, read.bytes);
    }
    return got == "back";
  })) << got;
}

}  // namespace
}  // namespace remora::net
