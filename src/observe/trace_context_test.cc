#include "observe/trace_context.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace remora::observe {
namespace {

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContext, ReadsATraceparent) {
  const auto context = parseTraceparent(kGood);
  ASSERT_TRUE(context);
  EXPECT_EQ(*context, (TraceContext{0x0af7651916cd43dd, 0x8448eb211c80319c, 0xb7ad6b7169203331, kSampled}));
  EXPECT_EQ(Traceparent(*context).view(), kGood);
}

TEST(TraceContext, RefusesWhatIsNotExactlyVersion00) {
  const std::string good(kGood);
  EXPECT_FALSE(parseTraceparent(""));
  for (size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(parseTraceparent(good.substr(0, length)));
  EXPECT_FALSE(parseTraceparent(good + "-"));
  EXPECT_FALSE(parseTraceparent(good + "-extra"));
  EXPECT_FALSE(parseTraceparent(good + " "));
  EXPECT_FALSE(parseTraceparent(" " + good));
  for (const size_t dash : {2, 35, 52}) {
    std::string bad = good;
    bad[dash] = '_';
    EXPECT_FALSE(parseTraceparent(bad));
  }
  EXPECT_FALSE(parseTraceparent("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  EXPECT_FALSE(parseTraceparent("00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01"));
  EXPECT_FALSE(parseTraceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
  EXPECT_FALSE(parseTraceparent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
  EXPECT_FALSE(parseTraceparent("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  EXPECT_FALSE(parseTraceparent("FF-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
}

TEST(TraceContext, ReadsHigherVersionsAs00) {
  EXPECT_TRUE(parseTraceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  const auto longer = parseTraceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-what-will-be");
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->flags, kSampled);
  EXPECT_FALSE(parseTraceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what"));
}

TEST(TraceContext, KeepsOnlyTheFlagsThatAreKnown) {
  EXPECT_EQ(parseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff")->flags,
            kSampled | kRandomTraceId);
  EXPECT_EQ(parseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")->flags, 0);
}

TEST(TraceContext, TheNextHopHasTheTraceAndANewParent) {
  IdSource ids({1, 2, 3, 4});
  const TraceContext received = *parseTraceparent(kGood);
  const TraceContext sent = ids.continueTrace(received);
  EXPECT_EQ(sent.trace_high, received.trace_high);
  EXPECT_EQ(sent.trace_low, received.trace_low);
  EXPECT_NE(sent.span, received.span);
  EXPECT_EQ(sent.flags, received.flags);
  const Traceparent header(sent);
  EXPECT_EQ(header.traceId(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(header.spanId(), header.view().substr(36, 16));
  EXPECT_EQ(parseTraceparent(header.view()), sent);
}

TEST(IdSource, BeginsTracesUnsampled) {
  IdSource ids({1, 2, 3, 4});
  const TraceContext context = ids.newTrace();
  EXPECT_EQ(context.flags, 0);
  EXPECT_EQ(parseTraceparent(Traceparent(context).view()), context);
  EXPECT_EQ(ids.newTrace(kSampled).flags, kSampled);
}

TEST(IdSource, MakesVersion4Uuids) {
  IdSource ids({0, 0, 0, 0});  // a failed getrandom must not make every id the same
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<std::string> seen;
  for (int i = 0; i < 2'000; ++i) {
    const RequestId id = ids.newRequestId();
    EXPECT_TRUE(std::regex_match(std::string(id.view()), uuid)) << id.view();
    EXPECT_TRUE(seen.emplace(id.view()).second);
  }
}

TEST(IdSource, SeedsThatDifferInOneBitShareNothing) {
  IdSource one({0, 0, 0, 0}), two({1, 0, 0, 0}), three({0, 0, 0, 1}), again({0, 0, 0, 0});
  const uint64_t first = one.next();
  EXPECT_NE(first, two.next());
  EXPECT_NE(first, three.next());
  EXPECT_EQ(first, again.next());
}

TEST(IdSource, EachBitIsSetHalfTheTime) {
  IdSource ids({5, 6, 7, 8});
  std::array<int, 64> ones{};
  constexpr int kRounds = 10'000;
  for (int i = 0; i < kRounds; ++i) {
    const uint64_t id = ids.next();
    for (size_t bit = 0; bit < 64; ++bit) ones[bit] += static_cast<int>(id >> bit & 1);
  }
  // Six standard deviations of 50 around the half.
  for (const int count : ones) EXPECT_NEAR(count, kRounds / 2, 300);
}

}  // namespace
}  // namespace remora::observe
