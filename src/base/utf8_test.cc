#include "base/utf8.h"

#include <gtest/gtest.h>

namespace remora::utf8 {
namespace {

TEST(Utf8, SequencesAreWellFormedOrNone) {
  EXPECT_EQ(sequenceLength("a"), 1u);
  EXPECT_EQ(sequenceLength("\xC3\xA9!"), 2u);
  EXPECT_EQ(sequenceLength("\xE2\x82\xAC"), 3u);
  EXPECT_EQ(sequenceLength("\xF0\x9F\x90\x9F"), 4u);
  for (const std::string_view text : {"", "\x80", "\xC0\xAF", "\xC3", "\xED\xA0\x80", "\xE0\x80\x80",
                                      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82"}) {
    EXPECT_EQ(sequenceLength(text), 0u) << text;
  }
}

TEST(Utf8, ATextIsWellFormedWhenAllOfItIs) {
  EXPECT_TRUE(isWellFormed(""));
  EXPECT_TRUE(isWellFormed("gr\xC3\xBC\xC3\x9F"));
  EXPECT_FALSE(isWellFormed("gr\xFC\xDF"));
  EXPECT_FALSE(isWellFormed("a\xC3"));
}

}  // namespace
}  // namespace remora::utf8
