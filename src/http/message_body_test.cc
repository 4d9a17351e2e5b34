#include "http/message_body.h"

#include <gtest/gtest.h>

#include <array>

#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace remora::http {
namespace {

class MessageBodyTest : public testing::Test {
 protected:
  MessageBodyTest() { std::tie(near_, far_) = net::MemoryStream::pair(loop_); }

  MessageBody& make(BodyPlan plan, std::string_view first = {}) {
    first_.assign(first);
    body_.emplace(plan, BodyLimits{}, *near_, scratch_,
                  MessageBody::Names{Reason::kBadChunk, Reason::kClientGone, Reason::kClientReset});
    const Result<size_t> used = body_->begin(first_);
    EXPECT_TRUE(used);
    used_ = used.value_or(0);
    return *body_;
  }
  // Everything that can be pulled now; '.' for each wait, '$' for the end, a reason's token for a failure.
  std::string pullAll() {
    std::string text;
    for (;;) {
      const Result<Pull> pull = body_->pull();
      if (!pull) return text + std::string(tokenOf(pull.error().reason));
      text.append(pull->data.data(), pull->data.size());
      if (pull->state == Pull::State::kLast) return text + "$";
      if (pull->state == Pull::State::kWait && !near_->mayRead()) return text + ".";
    }
  }

  loop::TestLoop loop_;
  std::unique_ptr<net::MemoryStream> near_;
  std::unique_ptr<net::MemoryStream> far_;
  std::string first_;
  std::array<char, 64> scratch_;
  std::optional<MessageBody> body_;
  size_t used_ = 0;
};

TEST_F(MessageBodyTest, NoBodyIsAtItsEnd) {
  EXPECT_TRUE(make({Framing::kNone, 0}, "GET /").isEnded());
  EXPECT_EQ(used_, 0u);
  EXPECT_EQ(pullAll(), "$");
}

TEST_F(MessageBodyTest, ALengthIsTakenFromTheHeadsRestAndTheStream) {
  MessageBody& body = make({Framing::kLength, 10}, "abc");
  EXPECT_EQ(body.remaining(), 7u);
  EXPECT_EQ(pullAll(), "abc.");
  far_->put("defghijGET /");
  EXPECT_EQ(pullAll(), "defghij$");
  EXPECT_EQ(body.surplus(), "GET /");
  EXPECT_EQ(body.received(), 10u);
  EXPECT_TRUE(body.isEnded());
}

TEST_F(MessageBodyTest, ChunksAreJoinedAndWhatFollowsIsLeft) {
  make({Framing::kChunked, 0}, "3\r\nabc\r\n2\r\nd");
  EXPECT_EQ(pullAll(), "abcd.");
  far_->put("e\r\n0\r\nA: b\r\n\r\nGET /");
  EXPECT_EQ(pullAll(), "e$");
  EXPECT_EQ(body_->surplus(), "GET /");
  EXPECT_EQ(body_->trailers().size(), 1u);
}

TEST_F(MessageBodyTest, AllOfItMayComeWithTheHead) {
  make({Framing::kChunked, 0}, "3\r\nabc\r\n0\r\n\r\nGET /");
  EXPECT_EQ(used_, 13u);
  EXPECT_FALSE(body_->isEnded());  // not pulled yet
  EXPECT_EQ(pullAll(), "abc$");
  EXPECT_TRUE(body_->isEnded());
}

TEST_F(MessageBodyTest, EndsAndFailuresHaveTheirNames) {
  make({Framing::kLength, 5}, "ab");
  far_->shutdownWrite();
  EXPECT_EQ(pullAll(), "abclient_gone");
  make({Framing::kUntilClose, 0}, "ab");
  EXPECT_EQ(pullAll(), "ab$");
  make({Framing::kChunked, 0});
  EXPECT_EQ(pullAll(), "client_gone");
  far_->resetOnClose();
  std::tie(near_, far_) = net::MemoryStream::pair(loop_);
  make({Framing::kChunked, 0});
  far_->put("zz");
  EXPECT_EQ(pullAll(), "bad_chunk");
  make({Framing::kChunked, 0});
  far_->put("0\r\nHost: a\r\n\r\n");
  EXPECT_EQ(pullAll(), "bad_trailer");
  make({Framing::kLength, 5});
  far_->resetOnClose();
  far_.reset();
  EXPECT_EQ(pullAll(), "client_reset");
}

TEST_F(MessageBodyTest, WhatIsKeptCanBePulledAgain) {
  MessageBody& body = make({Framing::kLength, 9}, "abc");
  body.keepForReplay(100);
  EXPECT_EQ(pullAll(), "abc.");
  far_->put("def");
  EXPECT_EQ(pullAll(), "def.");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(body.rewind());
    EXPECT_FALSE(body.isEnded());
    EXPECT_EQ(pullAll(), "abcdef.");
  }
  far_->put("ghi");
  EXPECT_EQ(pullAll(), "ghi$");
  EXPECT_TRUE(body.rewind());
  EXPECT_FALSE(body.isEnded());
  EXPECT_EQ(pullAll(), "abcdefghi$");
  EXPECT_EQ(body.received(), 9u);
}

TEST_F(MessageBodyTest, PastItsBoundNothingCanBePulledAgain) {
  MessageBody& body = make({Framing::kLength, 9}, "abc");
  body.keepForReplay(4);
  EXPECT_EQ(pullAll(), "abc.");
  EXPECT_TRUE(body.rewind());  // so far all is there
  EXPECT_EQ(pullAll(), "abc.");
  far_->put("defgh");
  EXPECT_EQ(pullAll(), "defgh.");
  EXPECT_FALSE(body.rewind());
  far_->put("i");
  EXPECT_EQ(pullAll(), "i$");
}

TEST_F(MessageBodyTest, WithoutKeepingOnlyTheHeadsRestCanBePulledAgain) {
  MessageBody& body = make({Framing::kLength, 6}, "abc");
  EXPECT_EQ(pullAll(), "abc.");
  EXPECT_TRUE(body.rewind());
  EXPECT_EQ(pullAll(), "abc.");
  far_->put("def");
  EXPECT_EQ(pullAll(), "def$");
  EXPECT_FALSE(body.rewind());
}

// Nothing may be lost when keeping ends while a replay is under way.
TEST_F(MessageBodyTest, WhatIsLeftOfAReplayIsStillPulledAfterKeepingEnded) {
  MessageBody& body = make({Framing::kLength, 9}, "abc");
  body.keepForReplay(100);
  EXPECT_EQ(pullAll(), "abc.");
  far_->put("defghi");
  EXPECT_EQ(pullAll(), "defghi$");
  EXPECT_TRUE(body.rewind());
  const Result<Pull> first = body.pull();
  EXPECT_EQ(std::string_view(first->data.data(), first->data.size()), "abc");
  body.dropReplay();
  EXPECT_FALSE(body.isEnded());
  EXPECT_EQ(pullAll(), "defghi$");
  EXPECT_TRUE(body.isEnded());
}

}  // namespace
}  // namespace remora::http
