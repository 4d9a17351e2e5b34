#include "http/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace remora::http {
namespace {

std::string normal(std::string_view raw, Slashes slashes = Slashes::kMerge) {
  std::vector<char> scratch(raw.size());
  const auto result = normalizePath(raw, {slashes}, scratch);
  if (result) return std::string(result->path);
  EXPECT_EQ(result.error().reason, Reason::kBadPath);
  return "refused";
}

struct Row {
  std::string_view raw;
  std::string_view merged;
  std::string_view kept = {};  // with Slashes::kKeep; empty: the same
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.raw;
}

class Paths : public testing::TestWithParam<Row> {};

TEST_P(Paths, HaveOneNormalForm) {
  const Row& row = GetParam();
  EXPECT_EQ(normal(row.raw), row.merged);
  EXPECT_EQ(normal(row.raw, Slashes::kKeep), row.kept.empty() ? row.merged : row.kept);
}

INSTANTIATE_TEST_SUITE_P(
    Unchanged, Paths,
    testing::Values(Row{"/", "/"}, Row{"/a", "/a"}, Row{"/a/", "/a/"}, Row{"/a/b/c.txt", "/a/b/c.txt"},
                    Row{"/.well-known/acme", "/.well-known/acme"}, Row{"/...", "/..."}, Row{"/a./b..", "/a./b.."},
                    Row{"/..a/.b", "/..a/.b"}, Row{"/~user/-_.~!$&'()*+,=:@", "/~user/-_.~!$&'()*+,=:@"},
                    Row{"/a;v=1/b;c", "/a;v=1/b;c"}, Row{"/{a}|^`\"<>[]", "/{a}|^`\"<>[]"}, Row{"/a%2Fb", "/a%2Fb"},
                    Row{"/%E2%82%AC", "/%E2%82%AC"}, Row{"/a%20b%3Fc%23d%25e", "/a%20b%3Fc%23d%25e"},
                    Row{"/%252e%252e/a", "/%252e%252e/a"}, Row{"/sixteen-bytes-ok", "/sixteen-bytes-ok"},
                    Row{"/a-path-that-is-longer-than/one/block-of-16", "/a-path-that-is-longer-than/one/block-of-16"}));

INSTANTIATE_TEST_SUITE_P(Escapes, Paths,
                         testing::Values(Row{"/%61%5A%30%2d%2E%5f%7e", "/aZ0-._~"}, Row{"/a%2fb", "/a%2Fb"},
                                         Row{"/%e2%82%ac", "/%E2%82%AC"}, Row{"/%3a%40", "/%3A%40"},
                                         Row{"/%0a%0D%7f", "/%0A%0D%7F"}, Row{"/a%3bb", "/a%3Bb"}));

INSTANTIATE_TEST_SUITE_P(DotSegments, Paths,
                         testing::Values(Row{"/a/b/c/./../../g", "/a/g"}, Row{"/.", "/"}, Row{"/./", "/"},
                                         Row{"/a/.", "/a/"}, Row{"/a/./b", "/a/b"}, Row{"/a/..", "/"},
                                         Row{"/a/../", "/"}, Row{"/a/../b", "/b"}, Row{"/a/b/..", "/a/"},
                                         Row{"/a/%2e%2E/b", "/b"}, Row{"/a/.%2e/b", "/b"}, Row{"/a/%2e/b", "/a/b"},
                                         Row{"/a/b/../../c", "/c"}, Row{"/ab/cd/../ef/", "/ab/ef/"},
                                         Row{"/a%2Fb/../c", "/c"}));

INSTANTIATE_TEST_SUITE_P(RepeatedSlashes, Paths,
                         testing::Values(Row{"//", "/", "//"}, Row{"//a", "/a", "//a"}, Row{"/a//b", "/a/b", "/a//b"},
                                         Row{"/a///", "/a/", "/a///"}, Row{"/a//../b", "/b", "/a/b"},
                                         Row{"/a/.//b", "/a/b", "/a//b"},
                                         Row{"/0123456789abcd//x", "/0123456789abcd/x", "/0123456789abcd//x"},
                                         Row{"/0123456789abcde//x", "/0123456789abcde/x", "/0123456789abcde//x"}));

INSTANTIATE_TEST_SUITE_P(AboveTheRoot, Paths,
                         testing::Values(Row{"/..", "refused"}, Row{"/../a", "refused"}, Row{"/a/../..", "refused"},
                                         Row{"/a/../../b", "refused"}, Row{"/%2e%2e/a", "refused"},
                                         Row{"/./..", "refused"}, Row{"//..", "refused", "/"},
                                         Row{"//../..", "refused"}));

INSTANTIATE_TEST_SUITE_P(DisguisedDots, Paths,
                         testing::Values(Row{"/..;/a", "refused"}, Row{"/a/..;x=1/b", "refused"},
                                         Row{"/a/%2e%2e;/b", "refused"}, Row{"/a/..%3b/b", "refused"},
                                         Row{"/a/.;/b", "refused"}, Row{"/a/..%2fb", "refused"},
                                         Row{"/a%2F..", "refused"}, Row{"/a%2f%2e%2e%2Fb", "refused"},
                                         Row{"/a%2F.%2Fb", "refused"}, Row{"/a%2F..;x%2Fb", "refused"},
                                         Row{"/a/...;x", "/a/...;x"}, Row{"/a;../b", "/a;../b"},
                                         Row{"/a%2F.b", "/a%2F.b"}, Row{"/a%2F..b%2Fc", "/a%2F..b%2Fc"}));

INSTANTIATE_TEST_SUITE_P(Refused, Paths,
                         testing::Values(Row{"", "refused"}, Row{"*", "refused"}, Row{"a/b", "refused"},
                                         Row{"http://a/b", "refused"}, Row{"/a\\b", "refused"},
                                         Row{"/a%5cb", "refused"}, Row{"/a%5C", "refused"}, Row{"/%00", "refused"},
                                         Row{std::string_view("/a\0b", 4), "refused"}, Row{"/a#b", "refused"},
                                         Row{"/a?b", "refused"}, Row{"/a b", "refused"}, Row{"/a\tb", "refused"},
                                         Row{"/a\nb", "refused"}, Row{"/a\rb", "refused"}, Row{"/a\x7f", "refused"},
                                         Row{"/a\x80", "refused"}, Row{"/\xc3\xa9", "refused"}, Row{"/%", "refused"},
                                         Row{"/%4", "refused"}, Row{"/%4g", "refused"}, Row{"/%g4", "refused"},
                                         Row{"/%%41", "refused"}, Row{"/a%u0041", "refused"}));

TEST(Path, RefusesEachBadByteWhereverItStands) {
  for (const size_t length : {1, 15, 16, 17, 31, 32, 40}) {
    for (size_t at = 1; at < length; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string raw(length, 'x');
        raw[0] = '/';
        raw[at] = static_cast<char>(byte);
        const bool is_bad = byte <= ' ' || byte >= 0x7f || byte == '\\' || byte == '#' || byte == '?' || byte == '%';
        if (is_bad) {
          EXPECT_EQ(normal(raw), "refused") << byte << " at " << at;
        } else if (byte != '/' && byte != '.') {
          EXPECT_EQ(normal(raw), raw);
        }
      }
    }
  }
}

TEST(Path, NormalInputIsReturnedItselfAndNeedsNoScratch) {
  for (const std::string_view raw : {"/", "/orders/17", "/a-path-that-is-longer-than/one/block-of-16/bytes"}) {
    const auto result = normalizePath(raw, {}, {});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->path.data(), raw.data());
  }
  constexpr std::string_view kDotted = "/.well-known/%2F";  // looked at twice, and found normal
  std::vector<char> scratch(kDotted.size());
  EXPECT_EQ(normalizePath(kDotted, {}, scratch)->path.data(), kDotted.data());
}

TEST(Path, ReportsEncodedSlashes) {
  std::vector<char> scratch(64);
  EXPECT_FALSE(normalizePath("/a/b", {}, scratch)->has_encoded_slash);
  EXPECT_FALSE(normalizePath("/a%252Fb", {}, scratch)->has_encoded_slash);
  EXPECT_TRUE(normalizePath("/a%2Fb", {}, scratch)->has_encoded_slash);
  EXPECT_TRUE(normalizePath("/a%2fb", {}, scratch)->has_encoded_slash);
  EXPECT_TRUE(normalizePath("/a%2Fb/../c", {}, scratch)->has_encoded_slash) << "a server may have read /a/c";
}

TEST(Path, TooSmallScratchFails) {
  std::vector<char> scratch(3);
  const auto result = normalizePath("/a/../b", {}, scratch);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::kTargetTooLong);
}

TEST(Path, MayBeWrittenOverItsInput) {
  std::string raw = "/%61/./%2f/b/..//c";
  const auto result = normalizePath(raw, {}, raw);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->path, "/a/%2F/c");
}

TEST(Path, NormalisingTwiceChangesNothing) {
  constexpr std::string_view kPieces[] = {"/", "//", ".",   "..",  "%2e", "%2F", "%25", "2e",
                                          ";", "a",  "%61", "%3b", "%5b", "x/y", "~"};
  std::mt19937 random(7);
  for (int round = 0; round < 200'000; ++round) {
    std::string raw = "/";
    for (uint32_t i = random() % 12; i > 0; --i) raw += kPieces[random() % std::size(kPieces)];
    for (const Slashes slashes : {Slashes::kMerge, Slashes::kKeep}) {
      const std::string once = normal(raw, slashes);
      if (once == "refused") continue;
      ASSERT_LE(once.size(), raw.size()) << raw;
      ASSERT_EQ(normal(once, slashes), once) << raw;
      ASSERT_THAT(once + "/", testing::Not(testing::HasSubstr("/../"))) << raw;
      ASSERT_THAT(once + "/", testing::Not(testing::HasSubstr("/./"))) << raw;
    }
  }
}

}  // namespace
}  // namespace remora::http
