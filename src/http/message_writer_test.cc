#include "http/message_writer.h"

#include <gtest/gtest.h>

#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace remora::http {
namespace {

constexpr Failure kBroken{Reason::kClientReset, Reached::kYes, 0};

loop::Task<void> writeAll(MessageWriter& writer, std::vector<std::string> pieces, const Headers* trailers) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    const bool through =
        co_await writer.push(pieces[i], is_last ? End::kLast : End::kMore, is_last ? trailers : nullptr);
    if (!through) co_await writer.drained({});
  }
  co_return loop::done;
}

// What arrives when `pieces` are pushed through `capacity` bytes.
std::string written(Framing framing, std::vector<std::string> pieces, size_t capacity, size_t room,
                    const Headers* trailers = nullptr) {
  loop::TestLoop loop;
  auto [near, far] = net::MemoryStream::pair(loop, capacity);
  MessageWriter writer(*near, framing, kBroken);
  std::string memory = "HEAD\r\n\r\n" + std::string(room, '#');
  writer.begin(std::string_view(memory).substr(0, 8), room);
  EXPECT_TRUE(writer.hasUnsentHead());
  loop::TestRun<void> run(writeAll(writer, std::move(pieces), trailers));
  std::string got;
  for (int i = 0; i < 500; ++i) {
    loop.settle();
    char bytes[7];
    const net::IoResult read = far->read(bytes);
    got.append(bytes, read.bytes);
  }
  EXPECT_TRUE(run.isEnded() && run.outcome());
  EXPECT_TRUE(writer.isEnded() && writer.isDrained());
  EXPECT_EQ(writer.sentBytes(), got.size());
  return got;
}

TEST(MessageWriter, WritesTheSameThroughAnyPipe) {
  for (const size_t capacity : {1, 2, 5, 100, 10'000}) {
    for (const size_t room : {0, 10, 4000}) {
      EXPECT_EQ(written(Framing::kLength, {"abc", "", "def"}, capacity, room), "HEAD\r\n\r\nabcdef");
      EXPECT_EQ(written(Framing::kNone, {""}, capacity, room), "HEAD\r\n\r\n");
      EXPECT_EQ(written(Framing::kUntilClose, {"abc"}, capacity, room), "HEAD\r\n\r\nabc");
      EXPECT_EQ(written(Framing::kChunked, {"abc", "", "0123456789abcdefg"}, capacity, room),
                "HEAD\r\n\r\n3\r\nabc\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n");
      EXPECT_EQ(written(Framing::kChunked, {"abc", ""}, capacity, room), "HEAD\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
      Headers trailers;
      trailers.add("A", "b");
      trailers.add("c", "");
      EXPECT_EQ(written(Framing::kChunked, {"abc"}, capacity, room, &trailers),
                "HEAD\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\nc: \r\n\r\n");
      EXPECT_EQ(written(Framing::kLength, {"abc"}, capacity, room, &trailers), "HEAD\r\n\r\nabc");
    }
  }
}

TEST(MessageWriter, JoinsNoMoreThanItHasRoomFor) {
  for (const size_t room : {0, 10, 2048, 5000}) {
    const std::string body(3000, 'x');
    EXPECT_EQ(written(Framing::kLength, {body}, 10'000, room), "HEAD\r\n\r\n" + body);
    const std::string small(2000, 'x');
    EXPECT_EQ(written(Framing::kLength, {small}, 10'000, room), "HEAD\r\n\r\n" + small);
  }
}

TEST(MessageWriter, CountsPayloadWithoutFraming) {
  loop::TestLoop loop;
  auto [near, far] = net::MemoryStream::pair(loop);
  MessageWriter writer(*near, Framing::kChunked, kBroken);
  writer.begin("HEAD\r\n\r\n");
  EXPECT_TRUE(*writer.push(std::string_view("abc"), End::kLast));
  EXPECT_EQ(writer.payloadBytes(), 3u);
  EXPECT_EQ(writer.sentBytes(), far->take().size());
}

TEST(MessageWriter, SaysHowItBroke) {
  loop::TestLoop loop;
  auto [near, far] = net::MemoryStream::pair(loop);
  far.reset();
  MessageWriter writer(*near, Framing::kLength, kBroken);
  writer.begin("HEAD\r\n\r\n");
  const auto pushed = writer.push(std::string_view("abc"), End::kLast);
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().reason, Reason::kClientReset);
  EXPECT_EQ(pushed.error().detail, EPIPE);
  EXPECT_EQ(writer.sentBytes(), 0u);
}

TEST(MessageWriter, GivesUpOnOneWhoTakesNothing) {
  loop::TestLoop loop;
  auto [near, far] = net::MemoryStream::pair(loop, 4);
  MessageWriter writer(*near, Framing::kLength, kBroken);
  writer.begin("HEAD\r\n\r\n");
  EXPECT_FALSE(*writer.push({}, End::kLast));
  loop::TestRun<void> run(writer.drained({.stall = Milliseconds(100), .stalled = Failure{Reason::kClientStalled}}));
  loop.advance(Milliseconds(90));
  EXPECT_EQ(far->take(), "HEAD");
  near->write({});  // nothing to write
  loop.advance(Milliseconds(200));
  ASSERT_TRUE(run.isEnded());
  EXPECT_EQ(run.outcome().error().reason, Reason::kClientStalled);
}

}  // namespace
}  // namespace remora::http
