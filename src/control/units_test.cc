#include "control/units.h"

#include <gtest/gtest.h>

namespace remora::control {
namespace {

TEST(Units, Durations) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},
      {"0s", 0},
      {"250ms", 250},
      {"2s", 2'000},
      {"1.5s", 1'500},
      {"1m", 60'000},
      {"1m30s", 90'000},
      {"1h", 3'600'000},
      {"1h1m1s1ms", 3'661'001},
      {"0.25s", 250},
      {"8760h", 31'536'000'000},
  };
  for (const auto& [text, millis] : cases) {
    const auto parsed = parseDuration(text);
    ASSERT_TRUE(parsed.has_value()) << text << ": " << parsed.error().problem;
    EXPECT_EQ(parsed->count(), millis) << text;
  }
}

TEST(Units, DurationsRefused) {
  for (const char* text : {"",
                           "s",
                           "-1s",
                           "+1s",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1x",
                           "1S",
                           "1d",
                           "5sec",
                           "1.s",
                           ".5s",
                           "1.0005s",
                           "1e3s",
                           "1s1m",
                           "1s1s",
                           "8761h",
                           "999999999999999h",
                           "99999999999999999999s",
                           "infinity",
                           "0x10s",
                           "1m30",
                           "10us",
                           "1s\n"}) {
    EXPECT_FALSE(parseDuration(text).has_value()) << text;
  }
}

TEST(Units, ABareNumberShowsTheRightSpelling) {
  const auto parsed = parseDuration("30");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().problem, "the number '30' has no unit");
  EXPECT_EQ(parsed.error().suggestion, "write 30s or 30ms");
  EXPECT_EQ(parseSize("65536").error().suggestion, "write 65536B or 64KiB");
}

TEST(Units, RespellsWhatWasMeant) {
  EXPECT_EQ(parseDuration("5sec").error().suggestion, "5s");
  EXPECT_EQ(parseDuration("5 s").error().suggestion, "5s");
  EXPECT_EQ(parseDuration("10minutes").error().suggestion, "10m");
  EXPECT_EQ(parseDuration("2d").error().suggestion, "48h");
  EXPECT_EQ(parseDuration("100msec").error().suggestion, "100ms");
  EXPECT_EQ(parseSize("10M").error().suggestion, "10MiB");
  EXPECT_EQ(parseSize("10k").error().suggestion, "10KiB");
  EXPECT_EQ(parseSize("10mb").error().suggestion, "10MB");
  EXPECT_EQ(parseSize("10 bytes").error().suggestion, "10B");
}

TEST(Units, DurationTextIsExactAndShort) {
  const std::pair<int64_t, const char*> cases[] = {{0, "0s"},      {1, "1ms"},        {250, "250ms"},
                                                   {1'000, "1s"},  {1'500, "1500ms"}, {90'000, "90s"},
                                                   {60'000, "1m"}, {3'600'000, "1h"}};
  for (const auto& [millis, text] : cases) {
    EXPECT_EQ(durationText(Milliseconds(millis)), text);
    EXPECT_EQ(parseDuration(text)->count(), millis);
  }
}

TEST(Units, Sizes) {
  const std::pair<const char*, uint64_t> cases[] = {{"0", 0},          {"512B", 512},       {"64KiB", 65'536},
                                                    {"1.5KiB", 1'536}, {"10MiB", 10 << 20}, {"1GiB", 1 << 30},
                                                    {"64KB", 64'000},  {"2MB", 2'000'000},  {"1GB", 1'000'000'000}};
  for (const auto& [text, count] : cases) {
    const auto parsed = parseSize(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->count, count) << text;
  }
  for (const char* text : {"", "B", "-1B", "1", "1K", "1kib", "1.3B", "1KiB1B", "9999999GiB", "1 KiB"}) {
    EXPECT_FALSE(parseSize(text).has_value()) << text;
  }
}

TEST(Units, SizeTextIsExact) {
  for (const uint64_t count : {0ULL, 1ULL, 1000ULL, 1024ULL, 65'536ULL, 1'048'577ULL, 1ULL << 30, 1ULL << 40}) {
    EXPECT_EQ(parseSize(sizeText(Bytes{count}))->count, count);
  }
  EXPECT_EQ(sizeText(64_KiB), "64KiB");
  EXPECT_EQ(sizeText(1536_B), "1536B");
}

}  // namespace
}  // namespace remora::control
