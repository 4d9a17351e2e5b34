#include "loop/send_batch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "loop/faulty_sys.h"

namespace remora::loop {
namespace {

struct Owner final : SendOwner {
  void onSent(std::span<const char> data, size_t bytes, int why) override {
    ++calls;
    offered.assign(data.data(), data.size());
    sent = bytes;
    error = why;
  }
  int calls = 0;
  std::string offered;
  size_t sent = 0;
  int error = -1;
};

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~Pair() {
    for (int fd : ends) close(fd);
  }
  std::string received() const {
    std::string text(1 << 16, '\0');
    const ssize_t n = recv(ends[1], text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return text;
  }
  int ends[2];
};

size_t put(SendBatch& batch, const Pair& pair, Owner& owner, std::string_view text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  return batch.put(pair.ends[0], owner, {&piece, 1});
}

// With one call for all, and with a call each where that can't be had.
class SendBatchTest : public testing::TestWithParam<bool> {
 protected:
  SendBatchTest() { std::signal(SIGPIPE, SIG_IGN); }  // as the process does
  FaultySys one_by_one_{{}};
  SendBatch batch_{GetParam() ? Sys::real() : one_by_one_};
};
INSTANTIATE_TEST_SUITE_P(All, SendBatchTest, testing::Values(true, false));

TEST_P(SendBatchTest, NothingGoesOutBeforeTheFlush) {
  const Pair pair;
  Owner owner;
  std::string text = "hello";
  EXPECT_TRUE(put(batch_, pair, owner, text));
  text = "later";  // it was copied
  EXPECT_FALSE(batch_.isEmpty());
  EXPECT_EQ(pair.received(), "");
  EXPECT_EQ(owner.calls, 0);
  batch_.flush();
  EXPECT_EQ(pair.received(), "hello");
  EXPECT_EQ(owner.sent, 5u);
  EXPECT_EQ(owner.error, 0);
  EXPECT_TRUE(batch_.isEmpty());
  batch_.flush();
  EXPECT_EQ(owner.calls, 1);
}

TEST_P(SendBatchTest, PiecesAreOneSend) {
  const Pair pair;
  Owner owner;
  const iovec pieces[] = {{const_cast<char*>("he"), 2}, {nullptr, 0}, {const_cast<char*>("llo"), 3}};
  EXPECT_TRUE(batch_.put(pair.ends[0], owner, pieces));
  batch_.flush();
  EXPECT_EQ(pair.received(), "hello");
}

TEST_P(SendBatchTest, MoreThanFitGoOutInGoodTime) {
  constexpr size_t kMany = SendBatch::kSendsMost * 2 + 3;
  std::vector<Pair> pairs(kMany);
  std::vector<Owner> owners(kMany);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < kMany; ++i) EXPECT_TRUE(put(batch_, pairs[i], owners[i], "n" + std::to_string(i)));
    EXPECT_EQ(owners[0].calls, round + 1);  // flushed to make room
    EXPECT_EQ(owners[kMany - 1].calls, round);
    batch_.flush();
    for (size_t i = 0; i < kMany; ++i) EXPECT_EQ(pairs[i].received(), "n" + std::to_string(i));
  }
}

TEST_P(SendBatchTest, WhatIsTooLargeIsLeftToTheCaller) {
  const Pair pair;
  Owner owner;
  EXPECT_FALSE(put(batch_, pair, owner, std::string(SendBatch::kBytesMost + 1, 'x')));
  EXPECT_FALSE(put(batch_, pair, owner, ""));
  EXPECT_TRUE(put(batch_, pair, owner, std::string(SendBatch::kBytesMost, 'x')));
  batch_.flush();
  EXPECT_EQ(pair.received().size(), SendBatch::kBytesMost);
}

TEST_P(SendBatchTest, OneThatFailsDoesNotStopTheOthers) {
  const Pair good, full, gone, last;
  Owner owners[4];
  std::string filled;
  while (send(full.ends[0], filled.assign(4096, 'f').data(), 4096, MSG_NOSIGNAL) > 0) {
  }
  shutdown(gone.ends[1], SHUT_RD);
  EXPECT_TRUE(put(batch_, good, owners[0], "a"));
  EXPECT_TRUE(put(batch_, full, owners[1], std::string(4000, 'b')));
  EXPECT_TRUE(put(batch_, gone, owners[2], "c"));
  EXPECT_TRUE(put(batch_, last, owners[3], "d"));
  batch_.flush();
  EXPECT_EQ(owners[0].error, 0);
  EXPECT_EQ(owners[1].error, EAGAIN);
  EXPECT_EQ(owners[1].offered.size(), 4000u);
  EXPECT_EQ(owners[2].error, EPIPE);
  EXPECT_EQ(owners[2].sent, 0u);
  EXPECT_EQ(owners[3].error, 0);
  EXPECT_EQ(last.received(), "d");
}

TEST_P(SendBatchTest, ABadDescriptorIsOnlyItsOwnersTrouble) {
  const Pair first, last;
  Owner owners[3];
  EXPECT_TRUE(put(batch_, first, owners[0], "a"));
  const iovec piece{const_cast<char*>("b"), 1};
  EXPECT_TRUE(batch_.put(-1, owners[1], {&piece, 1}));
  EXPECT_TRUE(put(batch_, last, owners[2], "c"));
  batch_.flush();
  EXPECT_EQ(first.received(), "a");
  EXPECT_EQ(owners[1].error, EBADF);
  EXPECT_EQ(last.received(), "c");
}

TEST(SendBatch, AShortSendSaysHowFarItCame) {
  std::string problem;
  FaultySys faulty(parseFaults("send:1:short=3,send:2:EINTR", problem));
  SendBatch batch(faulty);
  const Pair pair, other;
  Owner owner, interrupted;
  EXPECT_TRUE(put(batch, pair, owner, "abcdef"));
  EXPECT_TRUE(put(batch, other, interrupted, "again"));
  batch.flush();
  EXPECT_EQ(owner.sent, 3u);
  EXPECT_EQ(owner.error, EAGAIN);
  EXPECT_EQ(interrupted.error, 0);
  EXPECT_EQ(other.received(), "again");
}

}  // namespace
}  // namespace remora::loop
