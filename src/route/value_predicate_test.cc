#include "route/value_predicate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace remora::route {
namespace {

using Kind = model::ValueMatch::Kind;

bool holds(ValuePlace place, const model::ValueMatch& match, const RouteInput& input) {
  auto predicate = ValuePredicate::compile(match, place);
  EXPECT_TRUE(predicate) << (predicate ? "" : predicate.error());
  return predicate->holds(input);
}

TEST(ValuePredicate, LooksAtEachHeaderFieldByItself) {
  http::Headers headers;
  headers.add("X-Role", "user");
  headers.add("x-role", "admin");
  headers.add("Empty", "");
  const RouteInput input{.headers = &headers};
  struct Row {
    model::ValueMatch match;
    bool holds;
  };
  const Row rows[] = {{{"x-role", Kind::kExact, "user"}, true},
                      {{"x-role", Kind::kExact, "admin"}, true},
                      {{"x-role", Kind::kExact, "user, admin"}, false},
                      {{"x-role", Kind::kExact, "user,admin"}, false},
                      {{"x-role", Kind::kExact, "Admin"}, false},
                      {{"x-role", Kind::kPrefix, "adm"}, true},
                      {{"x-role", Kind::kPrefix, "dm"}, false},
                      {{"x-role", Kind::kSuffix, "ser"}, true},
                      {{"x-role", Kind::kSuffix, "adm"}, false},
                      {{"x-role", Kind::kRegex, "a.*n"}, true},
                      {{"x-role", Kind::kRegex, "dmi"}, false},
                      {{"x-role", Kind::kRegex, "user.*admin"}, false},
                      {{"x-role", Kind::kPresent, ""}, true},
                      {{"x-role", Kind::kAbsent, ""}, false},
                      {{"empty", Kind::kPresent, ""}, true},
                      {{"empty", Kind::kExact, ""}, true},
                      {{"empty", Kind::kAbsent, ""}, false},
                      {{"other", Kind::kPresent, ""}, false},
                      {{"other", Kind::kAbsent, ""}, true},
                      {{"other", Kind::kExact, ""}, false},
                      {{"other", Kind::kRegex, ".*"}, false}};
  for (const Row& row : rows) {
    EXPECT_EQ(holds(ValuePlace::kHeader, row.match, input), row.holds) << row.match.name << " " << row.match.text;
  }
}

TEST(ValuePredicate, FindsKnownHeadersByTheirId) {
  http::Headers headers;
  headers.add("USER-AGENT", "curl/8");
  EXPECT_TRUE(holds(ValuePlace::kHeader, {"user-agent", Kind::kPrefix, "curl/"}, {.headers = &headers}));
  EXPECT_FALSE(holds(ValuePlace::kHeader, {"user-agent", Kind::kPresent, ""}, {}));
  EXPECT_TRUE(holds(ValuePlace::kHeader, {"user-agent", Kind::kAbsent, ""}, {}));
}

TEST(ValuePredicate, HeaderValuesAreBytes) {
  http::Headers headers;
  headers.add("x", "a\xff\xfez");
  EXPECT_TRUE(holds(ValuePlace::kHeader, {"x", Kind::kRegex, "a.*z"}, {.headers = &headers}));
}

TEST(ValuePredicate, AnyValueOfAQueryParameterSuffices) {
  struct Row {
    std::string_view query;
    model::ValueMatch match;
    bool holds;
  };
  const Row rows[] = {{"a=1", {"a", Kind::kExact, "1"}, true},       {"a=1&a=2", {"a", Kind::kExact, "2"}, true},
                      {"a=1", {"a", Kind::kExact, "2"}, false},      {"aa=1", {"a", Kind::kPresent, ""}, false},
                      {"b=a=1", {"a", Kind::kPresent, ""}, false},   {"a", {"a", Kind::kExact, ""}, true},
                      {"a=", {"a", Kind::kExact, ""}, true},         {"", {"a", Kind::kPresent, ""}, false},
                      {"", {"a", Kind::kAbsent, ""}, true},          {"&&a=1&", {"a", Kind::kExact, "1"}, true},
                      {"a=b=c", {"a", Kind::kExact, "b=c"}, true},   {"A=1", {"a", Kind::kPresent, ""}, false},
                      {"a=%31", {"a", Kind::kExact, "1"}, false},    {"%61=1", {"a", Kind::kPresent, ""}, false},
                      {"x=1;a=1", {"a", Kind::kPresent, ""}, false}, {"a=1#a=2", {"a", Kind::kExact, "1#a=2"}, true},
                      {"b=1", {"a", Kind::kAbsent, ""}, true},       {"b=1&a", {"a", Kind::kAbsent, ""}, false}};
  for (const Row& row : rows) {
    EXPECT_EQ(holds(ValuePlace::kQuery, row.match, {.query = row.query}), row.holds)
        << row.query << " " << row.match.text;
  }
}

TEST(ValuePredicate, FindsCookiesInEveryCookieField) {
  http::Headers headers;
  headers.add("Cookie", "a=1; b=2;c=\"3\" ;; d; e=x=y");
  headers.add("cookie", "a=9");
  const RouteInput input{.headers = &headers};
  struct Row {
    model::ValueMatch match;
    bool holds;
  };
  const Row rows[] = {
      {{"a", Kind::kExact, "1"}, true},     {{"a", Kind::kExact, "9"}, true},   {{"b", Kind::kExact, "2"}, true},
      {{"c", Kind::kExact, "\"3\""}, true}, {{"c", Kind::kExact, "3"}, false},  {{"d", Kind::kPresent, ""}, false},
      {{"e", Kind::kExact, "x=y"}, true},   {{"A", Kind::kPresent, ""}, false}, {{"f", Kind::kAbsent, ""}, true},
      {{"a", Kind::kAbsent, ""}, false},    {{"", Kind::kPresent, "x"}, false}};
  for (const Row& row : rows) {
    if (row.match.name.empty()) continue;
    EXPECT_EQ(holds(ValuePlace::kCookie, row.match, input), row.holds) << row.match.name << "=" << row.match.text;
  }
}

TEST(ValuePredicate, RefusesBadNamesAndExpressions) {
  EXPECT_FALSE(ValuePredicate::compile({"", Kind::kPresent, ""}, ValuePlace::kQuery));
  EXPECT_FALSE(ValuePredicate::compile({"x y", Kind::kPresent, ""}, ValuePlace::kHeader));
  EXPECT_TRUE(ValuePredicate::compile({"x y", Kind::kPresent, ""}, ValuePlace::kQuery));
  const auto predicate = ValuePredicate::compile({"x", Kind::kRegex, "["}, ValuePlace::kHeader);
  ASSERT_FALSE(predicate);
  EXPECT_THAT(predicate.error(), testing::HasSubstr("'[' is invalid"));
}

}  // namespace
}  // namespace remora::route
