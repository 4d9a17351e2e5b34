#include "observe/hex.h"

#include <gtest/gtest.h>

#include <string>

namespace remora::observe {
namespace {

TEST(Hex, ReadsAndWritesSixteenDigits) {
  for (const uint64_t value :
       {0ULL, 1ULL, 0x0123456789abcdefULL, 0xfedcba9876543210ULL, ~0ULL, 0xa0a0000000000009ULL}) {
    std::string text(kHexDigits, '?');
    putHex16(text.data(), value);
    EXPECT_EQ(parseHex(text), value) << text;
    EXPECT_EQ(parseHex16(text.data()), value) << text;
  }
  std::string text(kHexDigits, '?');
  putHex16(text.data(), 0x00f067aa0ba902b7);
  EXPECT_EQ(text, "00f067aa0ba902b7");
}

TEST(Hex, RefusesEveryOtherByteWhereverItStands) {
  for (size_t at = 0; at < kHexDigits; ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string text = "0123456789abcdef";
      text[at] = static_cast<char>(c);
      const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      EXPECT_EQ(parseHex16(text.data()).has_value(), is_digit) << c << " at " << at;
      EXPECT_EQ(parseHex(text).has_value(), is_digit) << c << " at " << at;
    }
  }
}

}  // namespace
}  // namespace remora::observe
