// What a hostile peer does by hand, to a server and to a client: each flood ends with ENHANCE_YOUR_CALM, and what
// honest peers do does not.
#include <gtest/gtest.h>

#include "http/h2_test_peers.h"

namespace remora::http {
namespace {

using std::chrono::seconds;

std::string repeat(std::string_view bytes, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += bytes;
  return all;
}

// Of both roles.
class H2Flood : public testing::TestWithParam<H2Session::Role> {
 protected:
  H2Flood() : raw_(GetParam()) {
    if (GetParam() == kServerRole) raw_.say(raw_.hpack.head(1, kRawPost, 0));
    raw_.heard();
  }
  // Says it in pieces, so that answers don't fill the memory of the network.
  void flood(std::string_view bytes, int times) {
    for (int done = 0; done < times; done += 50) raw_.say(repeat(bytes, 50));
  }
  void expectCalm() {
    EXPECT_TRUE(raw_.session->isEnded());
    EXPECT_EQ(raw_.session->endReason(), H2End::kFlood);
    EXPECT_EQ(raw_.goAwayError(), kCalm);
    EXPECT_TRUE(raw_.owner.requests.front()->hasError());
  }
  H2Raw raw_;
};
INSTANTIATE_TEST_SUITE_P(Roles, H2Flood, testing::Values(kServerRole, kClientRole),
                         [](const auto& role) { return role.param == kServerRole ? "Server" : "Client"; });

TEST_P(H2Flood, OfSettings) {
  flood(frames::settings(), 900);
  EXPECT_FALSE(raw_.session->isEnded());
  flood(frames::settings(), 200);
  expectCalm();
}

TEST_P(H2Flood, OfPings) {
  flood(frames::ping(), 1100);
  expectCalm();
}

TEST_P(H2Flood, OfPingsAllAtOnce) {
  raw_.say(repeat(frames::ping(), 20'000));
  expectCalm();
}

TEST_P(H2Flood, OfPriorities) {
  flood(frames::priority(1, 0), 1100);
  expectCalm();
}

TEST_P(H2Flood, OfWindowUpdates) {
  flood(frames::windowUpdate(0, 1), 1100);
  expectCalm();
}

// They are skipped: nothing is kept, answered or told.
TEST_P(H2Flood, OfFramesThatNobodyKnowsCostsOnlyItsBytes) {
  const uint64_t frames_before = raw_.session->counts().frames;
  flood(frames::frame(static_cast<H2Frame>(0x42), 0, 0, "x"), 5000);
  EXPECT_FALSE(raw_.session->isEnded());
  EXPECT_EQ(raw_.session->counts().frames, frames_before);
  EXPECT_TRUE(raw_.heard().empty());
}

TEST_P(H2Flood, OfResetsOfClosedStreams) {
  flood(frames::reset(1), 1100);
  expectCalm();
}

TEST_P(H2Flood, OfEmptyDataAndOfPaddingAlone) {
  if (GetParam() == kClientRole) raw_.say(raw_.hpack.head(1, {{":status", "200"}}, 0));
  flood(frames::data(1, ""), 500);
  EXPECT_FALSE(raw_.session->isEnded());
  flood(frames::data(1, std::string("\x03\0\0\0", 4), frames::kPadded), 600);
  expectCalm();
}

TEST_P(H2Flood, IsForgottenInHalfAMinute) {
  for (int round = 0; round < 5; ++round) {
    flood(frames::ping(), 900);
    raw_.loop.advance(seconds(30));
    raw_.heard();
  }
  EXPECT_FALSE(raw_.session->isEnded());
}

TEST_P(H2Flood, OfFieldsPackedIntoAFewBytes) {
  // One entry of 2000 bytes in the table, then a byte for each time that it is named again.
  const frames::Fields bomb{{"x-bomb", std::string(2000, 'x')}};
  const bool is_server = GetParam() == kServerRole;
  const int32_t id = is_server ? 3 : 1;
  std::string block = raw_.hpack.block(is_server ? kRawGet : frames::Fields{{":status", "200"}});
  block += raw_.hpack.block(bomb);
  block += std::string(10'000, static_cast<char>(0x80 | 62));
  raw_.say(frames::frame(H2Frame::kHeaders, frames::kEndHeaders | frames::kEndStream, id, block));
  expectCalm();
  EXPECT_EQ(raw_.owner.requests.size(), 1u);
}

TEST_P(H2Flood, OfContinuations) {
  const bool is_server = GetParam() == kServerRole;
  const int32_t id = is_server ? 3 : 1;
  raw_.say(frames::frame(H2Frame::kHeaders, 0, id,
                         raw_.hpack.block(is_server ? kRawGet : frames::Fields{{":status", "200"}})));
  for (int i = 0; i < 20; ++i) raw_.say(frames::frame(H2Frame::kContinuation, 0, id));
  EXPECT_TRUE(raw_.session->isEnded());
  EXPECT_EQ(raw_.goAwayError(), kCalm);
}

TEST_P(H2Flood, OfWhatMakesUsWriteToOneWhoDoesNotRead) {
  H2Bounds bounds;
  bounds.http2.unsent = 4_KiB;
  bounds.http2.control_frames = 1'000'000;
  H2Raw raw(GetParam(), bounds, 8 << 10);
  size_t said = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string pings = repeat(frames::ping(), 40);
    const iovec piece{const_cast<char*>(pings.data()), pings.size()};
    said += raw.far->write({&piece, 1}).bytes;
    raw.loop.settle();
  }
  EXPECT_FALSE(raw.session->isEnded());
  EXPECT_LT(said, 100u << 10) << "reading has stopped";
  EXPECT_LT(raw.session->unsent(), 64u << 10);
}

TEST(H2Floods, APeerThatTakesNothingIsCutAfterItsTime) {
  H2Bounds bounds;
  bounds.write_stall = seconds(30);
  H2Raw raw(kServerRole, bounds, 100);
  raw.say(raw.hpack.head(1, kRawPost, 0));
  std::vector<HeadField> head = kOk;
  const std::string value(500, 'x');
  head.push_back({"x-large", value});
  ASSERT_TRUE(raw.owner.requests.at(0)->sendHead(head, End::kMore));
  raw.loop.advance(seconds(29));
  EXPECT_FALSE(raw.session->isEnded());
  raw.loop.advance(seconds(2));
  EXPECT_EQ(raw.session->endReason(), H2End::kPeerStalled);
}

class H2ServerFlood : public testing::Test {
 protected:
  void expectCalm() {
    EXPECT_EQ(raw_.session->endReason(), H2End::kFlood);
    EXPECT_EQ(raw_.goAwayError(), kCalm);
  }
  H2Raw raw_{kServerRole};
};

TEST_F(H2ServerFlood, OfRequestsThatAreResetAtOnce) {
  int32_t id = 1;
  for (; id < 2000 && !raw_.session->isEnded(); id += 2) raw_.say(raw_.hpack.head(id, kRawGet) + frames::reset(id));
  expectCalm();
  EXPECT_NEAR(id / 2, 100, 5);
  EXPECT_TRUE(raw_.owner.requests.empty()) << "gone before anybody was told";
}

TEST_F(H2ServerFlood, OfRequestsThatAreResetOnceTheyRun) {
  int32_t id = 1;
  for (; id < 2000 && !raw_.session->isEnded(); id += 2) {
    raw_.say(raw_.hpack.head(id, kRawGet));
    raw_.say(frames::reset(id));
    raw_.owner.requests.clear();
  }
  expectCalm();
  EXPECT_NEAR(id / 2, 100, 5);
}

TEST_F(H2ServerFlood, NotOfResetsAmongRequestsThatEndWell) {
  int32_t id = 1;
  for (int i = 0; i < 1000; ++i, id += 4) {
    raw_.say(raw_.hpack.head(id, kRawGet) + raw_.hpack.head(id + 2, kRawGet));
    ASSERT_EQ(raw_.owner.requests.size(), 2u);
    ASSERT_TRUE(raw_.owner.requests[0]->sendHead(kOk, End::kLast));
    raw_.say(frames::reset(id + 2));
    raw_.owner.requests.clear();
    raw_.loop.settle();
    raw_.heard();
  }
  EXPECT_FALSE(raw_.session->isEnded());
}

TEST_F(H2ServerFlood, ThousandsOfGoodStreamsGiveNoCreditForResets) {
  int32_t id = 1;
  for (int i = 0; i < 1000; ++i, id += 2) {
    raw_.say(raw_.hpack.head(id, kRawGet));
    ASSERT_TRUE(raw_.owner.requests.at(0)->sendHead(kOk, End::kLast));
    raw_.owner.requests.clear();
    raw_.loop.settle();
    raw_.heard();
  }
  const int32_t begin = id;
  for (; id < begin + 2000 && !raw_.session->isEnded(); id += 2) {
    raw_.say(raw_.hpack.head(id, kRawGet) + frames::reset(id));
  }
  expectCalm();
  EXPECT_NEAR((id - begin) / 2, 100, 5);
}

// MadeYouReset: faults of a stream that the server must answer by a reset.
TEST_F(H2ServerFlood, OfFaultsThatMakeUsReset) {
  int32_t id = 1;
  for (; id < 2000 && !raw_.session->isEnded(); id += 2) {
    raw_.say(raw_.hpack.head(id, kRawGet) + frames::windowUpdate(id, 0x7fffffff));
    raw_.owner.requests.clear();
  }
  expectCalm();
  EXPECT_NEAR(id / 2, 100, 5);
}

TEST_F(H2ServerFlood, OfHeadsThatAreMalformed) {
  int32_t id = 1;
  for (; id < 2000 && !raw_.session->isEnded(); id += 2) {
    frames::Fields fields = kRawGet;
    fields.push_back({"connection", "close"});
    raw_.say(raw_.hpack.head(id, fields));
  }
  expectCalm();
  EXPECT_NEAR(id / 2, 100, 5);
  EXPECT_TRUE(raw_.owner.requests.empty());
}

TEST_F(H2ServerFlood, OfEmptyHeads) {
  int32_t id = 1;
  for (; id < 2000 && !raw_.session->isEnded(); id += 2) {
    raw_.say(frames::frame(H2Frame::kHeaders, frames::kEndHeaders | frames::kEndStream, id));
  }
  expectCalm();
}

// Faults that are the session's, not a stream's: it ends at once.
TEST_F(H2ServerFlood, NotNeededWhereTheFaultEndsTheSession) {
  const std::vector<std::string> faults{frames::windowUpdate(1, 0),
                                        frames::priority(1, 1),
                                        frames::data(1, "x"),
                                        frames::data(0, "x"),
                                        frames::windowUpdate(0, 0x7fffffff),
                                        frames::frame(H2Frame::kPing, 0, 0, "short")};
  for (size_t i = 0; i < faults.size(); ++i) {
    H2Raw raw(kServerRole);
    raw.say(raw.hpack.head(1, kRawGet));
    raw.say(faults[i]);
    const bool ended = raw.session->isEnded();
    const bool reset = raw.session->counts().resets_forced > 0;
    EXPECT_TRUE(ended || reset) << i;
    if (ended) EXPECT_GT(raw.goAwayError(), 0) << i;
  }
}

TEST_F(H2ServerFlood, OfCookieCrumbsIsAnsweredAndBounded) {
  frames::Fields fields = kRawGet;
  for (int i = 0; i < 150; ++i) fields.push_back({"cookie", "a=b"});
  raw_.say(raw_.hpack.head(1, fields));
  ASSERT_EQ(raw_.owner.requests.size(), 1u);
  ASSERT_TRUE(raw_.owner.requests[0]->headFailure());
  EXPECT_EQ(raw_.owner.requests[0]->headFailure()->reason, Reason::kTooManyHeaders);
}

TEST_F(H2ServerFlood, OfABigHeadIsAnsweredAndBounded) {
  frames::Fields fields = kRawGet;
  for (int i = 0; i < 20; ++i) fields.push_back({"x-" + std::to_string(i), std::string(4000, 'x')});
  const std::string block = raw_.hpack.block(fields);
  std::string_view rest = block;
  std::string bytes = frames::frame(H2Frame::kHeaders, frames::kEndStream, 1, rest.substr(0, 16'000));
  rest.remove_prefix(16'000);
  while (!rest.empty()) {
    const std::string_view piece = rest.substr(0, 16'000);
    rest.remove_prefix(piece.size());
    bytes += frames::frame(H2Frame::kContinuation, rest.empty() ? frames::kEndHeaders : 0, 1, piece);
  }
  raw_.say(bytes);
  ASSERT_EQ(raw_.owner.requests.size(), 1u);
  ASSERT_TRUE(raw_.owner.requests[0]->headFailure());
  EXPECT_EQ(raw_.owner.requests[0]->headFailure()->reason, Reason::kHeadTooLarge);
  EXPECT_FALSE(raw_.session->isEnded());
  const std::vector<HeadField> too_large{{":status", "431"}};
  EXPECT_TRUE(raw_.owner.requests[0]->sendHead(too_large, End::kLast));
}

TEST_F(H2ServerFlood, OfLargeHeadsOutOfFewBytesIsBoundedForAllStreams) {
  H2Bounds bounds;
  bounds.head = {.bytes = 8000, .fields = 100, .target = 1000};
  bounds.http2.resets = 1'000'000;
  H2Raw raw(kServerRole, bounds);
  frames::Fields fields = kRawGet;
  fields.emplace_back("x-large", std::string(3900, 'x'));
  for (int32_t id = 1; id < 200; id += 2) raw.say(raw.hpack.head(id, fields));
  EXPECT_EQ(raw.owner.requests.size(), 16u * 8000 / 3900 + 1);
  raw.owner.requests.clear();
  raw.loop.settle();
  raw.say(raw.hpack.head(201, fields));
  EXPECT_EQ(raw.owner.requests.size(), 1u) << "there is room again";
}

TEST_F(H2ServerFlood, OfStreamsWhoseExchangesAreStillEnding) {
  H2Bounds bounds;
  bounds.http2.streams = 10;
  bounds.http2.resets = 1'000'000;
  H2Raw raw(kServerRole, bounds);
  for (int32_t id = 1; id < 200; id += 2) {
    raw.say(raw.hpack.head(id, kRawGet));
    raw.say(frames::reset(id));
  }
  EXPECT_EQ(raw.owner.requests.size(), 20u);
}

}  // namespace
}  // namespace remora::http
