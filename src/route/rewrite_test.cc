#include "route/rewrite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace remora::route {
namespace {

using PathKind = model::PathMatch::Kind;
using enum model::Direction;

struct Table {
  std::unique_ptr<const RouteTable> table;
  std::string problem;

  explicit Table(model::Route route) {
    auto compiled = RouteTable::compile({.hosts = {{.hosts = {"*"}, .routes = {std::move(route)}}}}, {});
    if (compiled) {
      table = std::move(*compiled);
    } else {
      problem = compiled.error()[0].problem;
    }
  }
  RouteChoice match(std::string_view path) const { return table->match({.path = path}); }
};

model::Route forwarding(model::PathMatch path, std::optional<model::Rewrite> rewrite) {
  return {.match = {.path = std::move(path)}, .action = model::Forward{{{"s", 1, {}}}}, .rewrite = std::move(rewrite)};
}

model::Route redirecting(model::Redirect redirect, model::PathMatch path = {}) {
  return {.match = {.path = std::move(path)}, .action = std::move(redirect)};
}

std::string text(const Result<std::string_view>& result) {
  return result ? std::string(*result) : "refused: " + std::string(tokenOf(result.error().reason));
}

std::string target(const Table& table, std::string_view path, std::string_view raw_path,
                   model::Direction direction = kInbound) {
  std::array<char, 64> memory;
  return text(outgoingTarget(table.match(path), direction, {path, raw_path}, memory));
}

TEST(OutgoingTarget, WithoutARewriteDependsOnTheDirection) {
  const Table table(forwarding({}, {}));
  struct Row {
    std::string_view path, raw, inbound;
  };
  constexpr Row kRows[] = {{"/a", "/a", "/a"},
                           {"/a", "/a?x=%31", "/a?x=%31"},
                           {"/a", "/b/../a?x", "/a?x"},
                           {"/~a", "/%7ea?", "/~a?"},
                           {"/a%2Fb", "/a%2fb?c=%2f?d", "/a%2Fb?c=%2f?d"},
                           {"*", "*", "*"},
                           {"/", "//", "/"}};
  for (const Row& row : kRows) {
    EXPECT_EQ(target(table, row.path, row.raw, kInbound), row.inbound);
    EXPECT_EQ(target(table, row.path, row.raw, kOutbound), row.raw) << "signatures cover the bytes";
  }
}

TEST(OutgoingTarget, CopiesNothingWhenTheBytesServeAsTheyAre) {
  const Table table(forwarding({}, {}));
  constexpr std::string_view kRaw = "/a/b?c=d";
  for (const auto direction : {kInbound, kOutbound}) {
    EXPECT_EQ(outgoingTarget(table.match("/a/b"), direction, {kRaw.substr(0, 4), kRaw}, {})->data(), kRaw.data());
  }
}

TEST(OutgoingTarget, RewritesThePrefixWithoutLosingOrDoublingSlashes) {
  struct Row {
    PathKind kind;
    std::string match, prefix;
    std::string_view path, result;
  };
  const Row rows[] = {{PathKind::kPrefix, "/foo", "/xyz", "/foo/bar", "/xyz/bar"},
                      {PathKind::kPrefix, "/foo", "/xyz/", "/foo/bar", "/xyz/bar"},
                      {PathKind::kPrefix, "/foo/", "/xyz", "/foo/bar", "/xyz/bar"},
                      {PathKind::kPrefix, "/foo", "/xyz", "/foo", "/xyz"},
                      {PathKind::kPrefix, "/foo", "/xyz/", "/foo", "/xyz/"},
                      {PathKind::kPrefix, "/foo", "/xyz", "/foo/", "/xyz/"},
                      {PathKind::kPrefix, "/foo", "", "/foo", "/"},
                      {PathKind::kPrefix, "/foo", "", "/foo/bar", "/bar"},
                      {PathKind::kPrefix, "/foo", "/", "/foo", "/"},
                      {PathKind::kPrefix, "/foo", "/", "/foo/bar", "/bar"},
                      {PathKind::kPrefix, "/foo", "/", "/foo/", "/"},
                      {PathKind::kPrefix, "/", "/v2", "/a", "/v2/a"},
                      {PathKind::kAny, "", "/v2", "/a", "/v2/a"},
                      {PathKind::kAny, "", "/v2", "*", "*"},
                      {PathKind::kAny, "", "/v2", "/", "/v2/"},
                      {PathKind::kExact, "/a", "/b", "/a", "/b"},
                      {PathKind::kRegex, "/a+", "/b", "/aaa", "/b"},
                      {PathKind::kTemplate, "/u/{id}/{r=**}", "/v", "/u/1/x/y", "/v/x/y"}};
  for (const Row& row : rows) {
    const Table table(forwarding({row.kind, row.match}, model::Rewrite{.path_prefix = row.prefix}));
    ASSERT_EQ(table.problem, "");
    EXPECT_EQ(target(table, row.path, row.path, kOutbound), row.result)
        << row.match << " to " << row.prefix << " with " << row.path;
  }
}

TEST(OutgoingTarget, RewritesTheWholePathWithVariables) {
  const Table table(
      forwarding({PathKind::kTemplate, "/users/{id}/{rest=**}"}, model::Rewrite{.path = "/v2/{rest}/of-{id}{id}"}));
  EXPECT_EQ(target(table, "/users/7/a/b", "/users/%37/a/b?q=%20", kOutbound), "/v2/a/b/of-77?q=%20");
  const Table fixed(forwarding({}, model::Rewrite{.path = "/fixed"}));
  EXPECT_EQ(target(fixed, "/a", "/a?b"), "/fixed?b");
  EXPECT_EQ(target(fixed, "*", "*"), "*");
}

TEST(OutgoingTarget, RefusesResultsThatAreNotSound) {
  const Table table(forwarding({PathKind::kTemplate, "/f/{rest=**}"}, model::Rewrite{.path = "/.{rest}/x"}));
  ASSERT_EQ(table.problem, "");
  EXPECT_EQ(target(table, "/f/a", "/f/a"), "/.a/x");
  EXPECT_EQ(target(table, "/f/", "/f/"), "refused: bad_path") << "an empty rest makes a dot segment";
}

TEST(OutgoingTarget, StaysWithinTheMemory) {
  const Table table(forwarding({PathKind::kPrefix, "/a"}, model::Rewrite{.path_prefix = "/0123456789"}));
  std::array<char, 16> memory;
  EXPECT_EQ(text(outgoingTarget(table.match("/a/bcd"), kInbound, {"/a/bcd", "/a/bcd?"}, memory)), "/0123456789/bcd?");
  EXPECT_EQ(text(outgoingTarget(table.match("/a/bcd"), kInbound, {"/a/bcd", "/a/bcd?x"}, memory)),
            "refused: target_too_long");
  EXPECT_EQ(text(outgoingTarget(table.match("/a/bcdef"), kInbound, {"/a/bcdef", "/a/bcdef"}, memory)),
            "refused: target_too_long");
}

TEST(Rewrites, AreCheckedWhenCompiled) {
  const auto problemOf = [](model::Rewrite rewrite) {
    return Table(forwarding({PathKind::kTemplate, "/{id}"}, std::move(rewrite))).problem;
  };
  EXPECT_THAT(problemOf({.path = "a"}), testing::HasSubstr("must begin with '/'"));
  EXPECT_THAT(problemOf({.path = "/a b"}), testing::HasSubstr("escape it"));
  EXPECT_THAT(problemOf({.path = "/a\r\nx: y"}), testing::HasSubstr("escape it"));
  EXPECT_THAT(problemOf({.path = "/a/../b"}), testing::HasSubstr("dot segment"));
  EXPECT_THAT(problemOf({.path = "/a?b"}), testing::HasSubstr("holds a query"));
  EXPECT_THAT(problemOf({.path = "/{id"}), testing::HasSubstr("without closing"));
  EXPECT_THAT(problemOf({.path = "/{other}"}), testing::HasSubstr("no variable of that name"));
  EXPECT_THAT(problemOf({.path = "/a", .path_prefix = "/b"}), testing::HasSubstr("exclude each other"));
  EXPECT_THAT(problemOf({.path_prefix = "b"}), testing::HasSubstr("must begin with '/'"));
  EXPECT_EQ(problemOf({.path = "/x/{id}", .host = "h"}), "");
}

struct Location {
  model::Redirect redirect;
  std::string_view scheme, host, path, raw_path, result;
};

TEST(RedirectLocation, TakesWhatIsNotSaidFromTheRequest) {
  const Location rows[] = {{{.scheme = "https"}, "http", "a.example", "/x", "/x?y=1", "https://a.example/x?y=1"},
                           {{.scheme = "https"}, "http", "a.example:8080", "/x", "/x", "https://a.example/x"},
                           {{.host = "b"}, "http", "a:8080", "/x", "/x", "http://b/x"},
                           {{.host = "b:81"}, "http", "a:8080", "/x", "/x", "http://b:81/x"},
                           {{.host = "b:80"}, "http", "a", "/x", "/x", "http://b/x"},
                           {{.path = "/y"}, "http", "a:8080", "/x", "/x?q", "http://a:8080/y?q"},
                           {{.path = "/y"}, "http", "a:80", "/x", "/x", "http://a/y"},
                           {{.path = "/y"}, "https", "a:443", "/x", "/x", "https://a/y"},
                           {{.port = 8443}, "https", "a", "/x", "/x", "https://a:8443/x"},
                           {{.port = 443}, "https", "a:8443", "/x", "/x", "https://a/x"},
                           {{.scheme = "https", .port = 80}, "http", "a", "/x", "/x", "https://a:80/x"},
                           {{.scheme = "https"}, "http", "[::1]:8080", "/x", "/x", "https://[::1]/x"},
                           {{.path = "/y"}, "http", "[::1]", "/x", "/x", "http://[::1]/y"},
                           {{.path = "/login?next=1"}, "http", "a", "/x", "/x?q=2", "http://a/login?next=1"},
                           {{.path = "/y"}, "http", "", "/x", "/x?q", "/y?q"},
                           {{.scheme = "https"}, "http", "", "/x", "/x", "/x"},
                           {{.host = "b"}, "http", "", "/x", "/b/../x?q", "http://b/x?q"},
                           {{.host = "b"}, "http", "a", "*", "*", "http://b/"},
                           {{.scheme = "https"}, "http", "", "//evil/x", "//evil/x", "refused: bad_path"},
                           {{.scheme = "https"}, "http", "a", "//evil/x", "//evil/x", "https://a//evil/x"},
                           {{.scheme = "https"}, "http", "a b", "/x", "/x", "refused: bad_target"},
                           {{.scheme = "https"}, "http", "a", "/x", "/x?\r\nset-cookie: a=b", "refused: bad_target"}};
  for (const Location& row : rows) {
    const Table table(redirecting(row.redirect));
    ASSERT_EQ(table.problem, "");
    std::array<char, 64> memory;
    EXPECT_EQ(text(redirectLocation(table.match(row.path), {row.scheme, row.host, {row.path, row.raw_path}}, memory)),
              row.result);
  }
}

TEST(RedirectLocation, ReplacesPrefixesAndVariables) {
  const Table prefix(redirecting({.path_prefix = "/new"}, {PathKind::kPrefix, "/old"}));
  std::array<char, 64> memory;
  EXPECT_EQ(text(redirectLocation(prefix.match("/old/a"), {"http", "h", {"/old/a", "/old/a?q"}}, memory)),
            "http://h/new/a?q");
  const Table variables(redirecting({.path = "/u-{id}"}, {PathKind::kTemplate, "/users/{id}"}));
  EXPECT_EQ(text(redirectLocation(variables.match("/users/7"), {"http", "h", {"/users/7", "/users/7"}}, memory)),
            "http://h/u-7");
  std::array<char, 8> small;
  EXPECT_EQ(text(redirectLocation(prefix.match("/old/a"), {"http", "h", {"/old/a", "/old/a"}}, small)),
            "refused: target_too_long");
}

}  // namespace
}  // namespace remora::route
