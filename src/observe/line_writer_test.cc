#include "observe/line_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <memory>
#include <string>

namespace remora::observe {
namespace {

std::string escaped(std::string_view value, Escaping style, size_t most = 1000) {
  // Exactly as much memory as is promised to be enough, so that the sanitizer sees one byte more.
  const auto memory = std::make_unique<char[]>(mostEscaped(most));
  LineWriter writer(memory.get());
  writer.escaped(value, style, most);
  return std::string(writer.view());
}

TEST(LineWriter, LeavesHarmlessTextAlone) {
  std::string text;
  for (size_t length = 0; length <= 40; ++length) {
    for (const Escaping style : {Escaping::kQuoted, Escaping::kWord, Escaping::kLoose}) {
      EXPECT_EQ(escaped(text, style), text);
    }
    text += static_cast<char>('a' + length % 26);
  }
}

TEST(LineWriter, FindsTheOneByteThatHarmsWhereverItStands) {
  for (size_t length = 1; length <= 33; ++length) {
    for (size_t at = 0; at < length; ++at) {
      std::string text(length, 'x');
      text[at] = '"';
      std::string expected(length, 'x');
      expected.replace(at, 1, "\\\"");
      EXPECT_EQ(escaped(text, Escaping::kQuoted), expected) << length << " " << at;
    }
  }
}

// Blocks and single bytes must agree: alone a byte goes the one way, among others the other.
TEST(LineWriter, JudgesEveryByteTheSameWhereverItStands) {
  for (const Escaping style : {Escaping::kQuoted, Escaping::kWord, Escaping::kLoose}) {
    for (int c = 0; c < 256; ++c) {
      const std::string alone = escaped(std::string(1, static_cast<char>(c)), style);
      for (const size_t length : {2, 3, 5, 9, 16, 17, 31, 40}) {
        for (size_t at = 0; at < length; ++at) {
          std::string text(length, 'x');
          text[at] = static_cast<char>(c);
          std::string expected(length, 'x');
          expected.replace(at, 1, alone);
          ASSERT_EQ(escaped(text, style), expected) << c << " at " << at << " of " << length;
        }
      }
    }
  }
}

TEST(LineWriter, EscapesByWhereTheValueStands) {
  EXPECT_EQ(escaped("a \"b\\\n\x7f", Escaping::kQuoted), R"(a \"b\\\n\u007f)");
  EXPECT_EQ(escaped("a \"b\\\n\x7f", Escaping::kWord), R"(a\u0020\"b\\\n\u007f)");
  EXPECT_EQ(escaped("a \"b\\\n\x7f", Escaping::kLoose), R"(a "b\\n\u007f)");
  EXPECT_EQ(escaped(std::string_view("\0\x1f\t\r", 4), Escaping::kQuoted), R"(\u0000\u001f\t\r)");
}

TEST(LineWriter, KeepsUtf8AndSpellsOutWhatIsNot) {
  EXPECT_EQ(escaped("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9f", Escaping::kQuoted),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9f");
  EXPECT_EQ(escaped("\xff", Escaping::kQuoted), R"(\u00ff)");
  EXPECT_EQ(escaped("\xc3", Escaping::kQuoted), R"(\u00c3)");            // cut off
  EXPECT_EQ(escaped("\xc0\xaf", Escaping::kQuoted), R"(\u00c0\u00af)");  // overlong
  EXPECT_EQ(escaped("\xe0\x80\xaf", Escaping::kQuoted), R"(\u00e0\u0080\u00af)");
  EXPECT_EQ(escaped("\xed\xa0\x80", Escaping::kQuoted), R"(\u00ed\u00a0\u0080)");            // surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80", Escaping::kQuoted), R"(\u00f4\u0090\u0080\u0080)");  // past U+10FFFF
  EXPECT_EQ(escaped("\xc2\x9b", Escaping::kLoose), R"(\u009b)");                             // CSI
  EXPECT_EQ(escaped("\xe2\x80\xa8\xe2\x80\xa9", Escaping::kQuoted), R"(\u2028\u2029)");
}

TEST(LineWriter, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(escaped("0123456789", Escaping::kQuoted, 10), "0123456789");
  EXPECT_EQ(escaped("0123456789a", Escaping::kQuoted, 10), "0123456789...(+1)");
  EXPECT_EQ(escaped("01234567\n", Escaping::kQuoted, 9), "01234567...(+1)");
  EXPECT_EQ(escaped("0123456\xe2\x82\xac", Escaping::kQuoted, 9), "0123456...(+3)");
  EXPECT_EQ(escaped(std::string(1000, '\x01'), Escaping::kQuoted, 12), R"(\u0001\u0001...(+998))");
}

TEST(LineWriter, WritesTimestamps) {
  const auto stamp = [](int64_t nanos) {
    std::array<char, kTimestampLength> memory;
    LineWriter writer(memory.data());
    writer.timestamp(nanos);
    return std::string(writer.view());
  };
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(stamp(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(stamp(-1), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(stamp(951'782'399 * kSecond + 999'999'999), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(stamp(951'782'400 * kSecond), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(stamp(1'709'251'199 * kSecond), "2024-02-29T23:59:59.000Z");
  EXPECT_EQ(stamp(1'735'689'599 * kSecond), "2024-12-31T23:59:59.000Z");
  EXPECT_EQ(stamp(4'107'542'400 * kSecond), "2100-03-01T00:00:00.000Z");
}

TEST(LineWriter, TimestampsAgreeWithTheLibraryOnEveryDayOfCenturies) {
  for (int64_t day = 0; day < 100'000; ++day) {
    const time_t seconds = day * 86'400 + day % 86'400;
    tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> expected{};
    strftime(expected.data(), expected.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    std::array<char, kTimestampLength> memory;
    LineWriter writer(memory.data());
    writer.timestamp(seconds * 1'000'000'000);
    ASSERT_EQ(writer.view(), expected.data());
  }
}

}  // namespace
}  // namespace remora::observe
