#include "route/path_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace remora::route {
namespace {

using Kind = model::PathMatch::Kind;
using testing::HasSubstr;

PathPattern compiled(Kind kind, const std::string& text) {
  auto pattern = PathPattern::compile({kind, text});
  EXPECT_TRUE(pattern) << (pattern ? "" : pattern.error());
  return std::move(*pattern);
}

struct Row {
  Kind kind;
  std::string text;
  std::string path;
  int prefix_length;  // -1: no match
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.text << " with " << row.path;
}

class Patterns : public testing::TestWithParam<Row> {};

TEST_P(Patterns, MatchWholeSegments) {
  const Row& row = GetParam();
  PathCapture capture;
  const bool is_match = compiled(row.kind, row.text).matches(row.path, capture);
  EXPECT_EQ(is_match, row.prefix_length >= 0);
  if (is_match) EXPECT_EQ(static_cast<int>(capture.prefix_length), row.prefix_length);
}

INSTANTIATE_TEST_SUITE_P(Any, Patterns, testing::Values(Row{Kind::kAny, "", "/a", 0}, Row{Kind::kAny, "", "*", 0}));

INSTANTIATE_TEST_SUITE_P(Exact, Patterns,
                         testing::Values(Row{Kind::kExact, "/a/b", "/a/b", 4}, Row{Kind::kExact, "/a/b", "/a/b/", -1},
                                         Row{Kind::kExact, "/a/b", "/a/B", -1}, Row{Kind::kExact, "/", "/", 1},
                                         Row{Kind::kExact, "/", "/a", -1}, Row{Kind::kExact, "*", "*", 1},
                                         Row{Kind::kExact, "*", "/", -1},
                                         // Written otherwise than requests arrive.
                                         Row{Kind::kExact, "/%7Euser/%c3%a9", "/~user/%C3%A9", 13},
                                         Row{Kind::kExact, "/a/./b", "/a/b", 4}));

INSTANTIATE_TEST_SUITE_P(
    Prefix, Patterns,
    testing::Values(Row{Kind::kPrefix, "/a/b", "/a/b", 4}, Row{Kind::kPrefix, "/a/b", "/a/b/", 4},
                    Row{Kind::kPrefix, "/a/b", "/a/b/c", 4}, Row{Kind::kPrefix, "/a/b", "/a/bc", -1},
                    Row{Kind::kPrefix, "/a/b", "/a", -1}, Row{Kind::kPrefix, "/a/b/", "/a/b", 4},
                    Row{Kind::kPrefix, "/a/b/", "/a/b/c", 4}, Row{Kind::kPrefix, "/a/b/", "/a/bc", -1},
                    Row{Kind::kPrefix, "/", "/", 0}, Row{Kind::kPrefix, "/", "/a", 0}, Row{Kind::kPrefix, "/", "*", -1},
                    Row{Kind::kPrefix, "/a", "/a%2Fb", -1}, Row{Kind::kPrefix, "/a", "/a;x/b", -1}));

INSTANTIATE_TEST_SUITE_P(Regex, Patterns,
                         testing::Values(Row{Kind::kRegex, "/a+", "/aaa", 4}, Row{Kind::kRegex, "/a+", "/aaab", -1},
                                         Row{Kind::kRegex, "/a+", "x/a", -1}, Row{Kind::kRegex, "^/a|/b$", "/b", 2},
                                         Row{Kind::kRegex, "/a|/b", "/bc", -1}, Row{Kind::kRegex, ".*", "/a/b", 4}));

INSTANTIATE_TEST_SUITE_P(
    Template, Patterns,
    testing::Values(
        Row{Kind::kTemplate, "/users/{id}", "/users/7", 8}, Row{Kind::kTemplate, "/users/{id}", "/users/", -1},
        Row{Kind::kTemplate, "/users/{id}", "/users", -1}, Row{Kind::kTemplate, "/users/{id}", "/users/7/", -1},
        Row{Kind::kTemplate, "/users/{id}", "/users/7/x", -1}, Row{Kind::kTemplate, "/users/{id}", "/user/7", -1},
        Row{Kind::kTemplate, "/users/{id}/", "/users/7/", 9}, Row{Kind::kTemplate, "/{a}/x/{b=*}", "/1/x/2", 6},
        Row{Kind::kTemplate, "/{a}/x/{b=*}", "/1/y/2", -1}, Row{Kind::kTemplate, "/f/{r=**}", "/f/a/b", 2},
        Row{Kind::kTemplate, "/f/{r=**}", "/f/", 2}, Row{Kind::kTemplate, "/f/{r=**}", "/f", 2},
        Row{Kind::kTemplate, "/f/{r=**}", "/fg", -1}, Row{Kind::kTemplate, "/{r=**}", "/", 0},
        Row{Kind::kTemplate, "/{r=**}", "*", -1}, Row{Kind::kTemplate, "/{x}", "*", -1},
        Row{Kind::kTemplate, "/plain", "/plain", 6}));

TEST(PathPattern, CapturesVariablesInOrder) {
  const PathPattern pattern = compiled(Kind::kTemplate, "/users/{id}/orders/{rest=**}");
  EXPECT_THAT(pattern.variables(), testing::ElementsAre("id", "rest"));
  EXPECT_EQ(pattern.literalPrefix(), "/users");
  PathCapture capture;
  ASSERT_TRUE(pattern.matches("/users/a%2Fb/orders/1/items/", capture));
  ASSERT_EQ(capture.variable_count, 2u);
  EXPECT_EQ(capture.variables[0], "a%2Fb");
  EXPECT_EQ(capture.variables[1], "1/items/");
  EXPECT_EQ(capture.prefix_length, std::string_view("/users/a%2Fb/orders").size());
  ASSERT_TRUE(pattern.matches("/users/7/orders", capture));
  EXPECT_EQ(capture.variables[1], "");
}

TEST(PathPattern, RefusesWhatCannotMatchOrIsNotUnderstood) {
  const auto problemOf = [](Kind kind, const std::string& text) {
    auto pattern = PathPattern::compile({kind, text});
    return pattern ? std::string("accepted") : pattern.error();
  };
  EXPECT_THAT(problemOf(Kind::kExact, "a"), HasSubstr("must begin with '/'"));
  EXPECT_THAT(problemOf(Kind::kPrefix, ""), HasSubstr("must begin with '/'"));
  EXPECT_THAT(problemOf(Kind::kExact, "/a b"), HasSubstr("can never match"));
  EXPECT_THAT(problemOf(Kind::kPrefix, "/a/../.."), HasSubstr("can never match"));
  EXPECT_THAT(problemOf(Kind::kPrefix, "/a?b"), HasSubstr("can never match"));
  EXPECT_THAT(problemOf(Kind::kRegex, "/(a"), HasSubstr("invalid: missing )"));
  EXPECT_THAT(problemOf(Kind::kRegex, "(((a{30}){30}){30})"), HasSubstr("regular expression"));
  EXPECT_THAT(problemOf(Kind::kRegex, "/(?:abcdefgh){800}"), HasSubstr("instructions, more than"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/a{x}"), HasSubstr("whole segment"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{x"), HasSubstr("whole segment"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{}"), HasSubstr("isn't a name"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{1x}"), HasSubstr("isn't a name"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{x=a}"), HasSubstr("{name=**}"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{x=**}/b"), HasSubstr("must be last"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{x}/{x}"), HasSubstr("named twice"));
  EXPECT_THAT(problemOf(Kind::kTemplate, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"), HasSubstr("more than 8"));
}

}  // namespace
}  // namespace remora::route
