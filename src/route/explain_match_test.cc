#include "route/explain_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace remora::route {
namespace {

using testing::ElementsAre;
using PathKind = model::PathMatch::Kind;
using ValueKind = model::ValueMatch::Kind;

model::Route route(const std::string& name, model::RouteMatch match) {
  return {.origin = {.path = name}, .name = name, .match = std::move(match), .action = model::Forward{{{"s", 1, {}}}}};
}

std::vector<std::string> explained(std::vector<model::Route> routes, const RouteInput& input) {
  auto table = RouteTable::compile({.hosts = {{.hosts = {"*"}, .routes = std::move(routes)}}}, {});
  EXPECT_TRUE(table);
  std::vector<std::string> lines;
  const RouteChoice choice = explainMatch(**table, input, [&](const RouteVerdict& verdict) {
    lines.push_back(verdict.route->source->name + ": " + verdict.sentence);
  });
  EXPECT_EQ(choice.route, (*table)->match(input).route);
  return lines;
}

TEST(ExplainMatch, TellsTheWinnerTheMissesAndTheShadowed) {
  EXPECT_THAT(
      explained({route("r0", {.path = {PathKind::kExact, "/b"}}), route("r1", {.path = {PathKind::kPrefix, "/a"}}),
                 route("r2", {}), route("r3", {.methods = {"PUT"}})},
                {.path = "/a/x", .method = "GET"}),
      ElementsAre("r0: path is '/a/x', expected exactly '/b'", "r1: matches", "r2: would match too, but r1 comes first",
                  "r3: method is GET, expected PUT"));
}

TEST(ExplainMatch, SaysWhatWasExpectedAndWhatWasThere) {
  http::Headers headers;
  headers.add("X-Canary", "false");
  headers.add("X-Canary", "maybe");
  headers.add("Cookie", "plan=free");
  const std::array<uint8_t, 4> source = {192, 168, 0, 1};
  const RouteInput input{.path = "/a", .query = "v=1", .method = "GET", .headers = &headers, .source = source};
  EXPECT_THAT(
      explained({route("r0", {.headers = {{"x-canary", ValueKind::kExact, "true"}}}),
                 route("r1", {.headers = {{"x-none", ValueKind::kPresent, ""}}}),
                 route("r2", {.headers = {{"x-canary", ValueKind::kAbsent, ""}}}),
                 route("r3", {.query = {{"v", ValueKind::kPrefix, "2"}}}),
                 route("r4", {.query = {{"w", ValueKind::kSuffix, "2"}}}),
                 route("r5", {.cookies = {{"plan", ValueKind::kRegex, "gold|silver"}}}),
                 route("r6", {.sources = {"10.0.0.0/8", "::1", "11.0.0.1"}}),
                 route("r7", {.methods = {"POST", "PUT", "PATCH"}}),
                 route("r8", {.path = {PathKind::kPrefix, "/"}, .methods = {"X"}}),
                 route("r9", {.path = {PathKind::kPrefix, "/p/"}}), route("r10", {.path = {PathKind::kRegex, "/x+"}}),
                 route("r11", {.path = {PathKind::kTemplate, "/u/{id}"}})},
                input),
      ElementsAre("r0: header x-canary is 'false' and 'maybe', expected 'true'",
                  "r1: header x-none is absent, expected any value",
                  "r2: header x-canary is 'false' and 'maybe', expected none",
                  "r3: query parameter v is '1', expected a value that begins with '2'",
                  "r4: query parameter w is absent, expected a value that ends with '2'",
                  "r5: cookie plan is 'free', expected a match of the regular expression 'gold|silver'",
                  "r6: source is 192.168.0.1, expected 10.0.0.0/8, ::1 or 11.0.0.1",
                  "r7: method is GET, expected POST, PUT or PATCH", "r8: method is GET, expected X",
                  "r9: path is '/a', expected '/p' or below",
                  "r10: path is '/a', expected a match of the regular expression '/x+'",
                  "r11: path is '/a', expected the form '/u/{id}'"));
}

TEST(ExplainMatch, PointsAtThePredicateAndRanksNearMisses) {
  model::Route near =
      route("near", {.methods = {"GET"}, .headers = {{"a", ValueKind::kPresent, ""}, {"b", ValueKind::kPresent, ""}}});
  near.match.headers[1].origin = {.file = "f", .line = 3, .path = "headers.b"};
  auto table = RouteTable::compile(
      {.hosts = {{.hosts = {"*"}, .routes = {near, route("far", {.path = {PathKind::kExact, "/x"}})}}}}, {});
  ASSERT_TRUE(table);
  http::Headers headers;
  headers.add("a", "");
  std::vector<RouteVerdict> verdicts;
  explainMatch(**table, {.path = "/", .method = "GET", .headers = &headers},
               [&](const RouteVerdict& v) { verdicts.push_back(v); });
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(verdicts[0].where->path, "headers.b");
  EXPECT_EQ(verdicts[0].held, 3u);
  EXPECT_EQ(verdicts[0].predicate, Predicate::kValue);
  EXPECT_EQ(verdicts[1].where->path, "far") << "no place of its own: the route's";
  EXPECT_EQ(verdicts[1].held, 0u);
}

TEST(ExplainMatch, CutsLongValues) {
  const std::string path = "/" + std::string(5'000, 'x');
  const auto lines = explained({route("r", {.path = {PathKind::kExact, "/"}})}, {.path = path});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LT(lines[0].size(), 200u);
}

TEST(ExplainMatch, VisitsNothingWithoutAHost) {
  auto table = RouteTable::compile({.hosts = {{.hosts = {"a"}, .routes = {route("r", {})}}}}, {});
  ASSERT_TRUE(table);
  const RouteChoice choice = explainMatch(**table, {.host = "b", .path = "/"}, [](const RouteVerdict&) { FAIL(); });
  EXPECT_EQ(choice.host, nullptr);
}

}  // namespace
}  // namespace remora::route
