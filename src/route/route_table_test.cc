#include "route/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "route/explain_match.h"

namespace remora::route {
namespace {

using testing::HasSubstr;
using PathKind = model::PathMatch::Kind;
using ValueKind = model::ValueMatch::Kind;

model::Route routeTo(const std::string& name, PathKind kind, const std::string& path) {
  model::Route route{.name = name, .action = model::Forward{{{name, 1, {}}}}};
  route.origin.path = name;
  route.match.path = {kind, path};
  return route;
}

std::unique_ptr<const RouteTable> compiled(model::RouteTable table) {
  auto result = RouteTable::compile(std::move(table), {});
  EXPECT_TRUE(result) << (result ? "" : result.error()[0].problem);
  return result ? std::move(*result) : nullptr;
}

model::VirtualHost hostWith(std::vector<std::string> hosts, std::vector<model::Route> routes) {
  model::VirtualHost host{.hosts = std::move(hosts), .routes = std::move(routes)};
  host.origin.path = "host " + host.hosts[0];
  return host;
}

std::string nameOf(const RouteChoice& choice) {
  return choice.route ? choice.route->source->name : "none";
}

TEST(RouteTable, TakesTheBestHost) {
  const auto onlyRoute = [](const std::string& name) { return std::vector{routeTo(name, PathKind::kAny, "")}; };
  const auto table =
      compiled({.hosts = {hostWith({"*"}, onlyRoute("any")), hostWith({"*.example.org", "Plain"}, onlyRoute("suffix")),
                          hostWith({"*.b.example.org"}, onlyRoute("longer")),
                          hostWith({"a.b.example.org", "[::1]"}, onlyRoute("exact"))}});
  struct Row {
    std::string_view host;
    std::string_view route;
    HostKind kind;
  };
  constexpr Row kRows[] = {{"a.b.example.org", "exact", HostKind::kExact},
                           {"x.b.example.org", "longer", HostKind::kSuffix},
                           {"y.x.b.example.org", "longer", HostKind::kSuffix},
                           {"b.example.org", "suffix", HostKind::kSuffix},
                           {"a.a.b.example.org", "longer", HostKind::kSuffix},
                           {"example.org", "any", HostKind::kAny},
                           {".example.org", "any", HostKind::kAny},
                           {"badexample.org", "any", HostKind::kAny},
                           {"plain", "suffix", HostKind::kExact},
                           {"[::1]", "exact", HostKind::kExact},
                           {"", "any", HostKind::kAny},
                           {"10.0.0.1", "any", HostKind::kAny}};
  for (const Row& row : kRows) {
    const RouteChoice choice = table->match({.host = row.host, .path = "/"});
    EXPECT_EQ(nameOf(choice), row.route) << row.host;
    EXPECT_EQ(choice.host_kind, row.kind) << row.host;
  }
}

TEST(RouteTable, DoesNotFallBackToAnotherHost) {
  const auto table = compiled({.hosts = {hostWith({"a"}, {routeTo("a", PathKind::kExact, "/a")}),
                                         hostWith({"*"}, {routeTo("any", PathKind::kAny, "")})}});
  const RouteChoice missed = table->match({.host = "a", .path = "/b"});
  EXPECT_EQ(missed.route, nullptr);
  EXPECT_EQ(missed.host->source->hosts[0], "a");
  EXPECT_EQ(missed.looked_at, 1u);
}

TEST(RouteTable, WithoutAHostThatFitsNothingMatches) {
  const auto table = compiled({.hosts = {hostWith({"a"}, {routeTo("a", PathKind::kAny, "")})}});
  const RouteChoice choice = table->match({.host = "b", .path = "/"});
  EXPECT_EQ(choice.route, nullptr);
  EXPECT_EQ(choice.host, nullptr);
  EXPECT_EQ(choice.host_kind, HostKind::kNone);
  EXPECT_EQ(compiled({})->match({.host = "b", .path = "/"}).route, nullptr);
}

// The same questions to a table that is scanned and, with routes for other paths around, to one that is indexed.
TEST(RouteTable, TheFirstInOrderWins) {
  for (const size_t others : {0, 40}) {
    std::vector<model::Route> routes;
    model::Route post = routeTo("post", PathKind::kPrefix, "/a");
    post.match.methods = {"POST", "PUT"};
    model::Route canary = routeTo("canary", PathKind::kAny, "");
    canary.match.headers = {{"x-canary", ValueKind::kExact, "1"}};
    routes = {post,
              canary,
              routeTo("a-exact", PathKind::kExact, "/a"),
              routeTo("a", PathKind::kPrefix, "/a"),
              routeTo("shadowed", PathKind::kExact, "/a/b"),
              routeTo("user", PathKind::kTemplate, "/u/{id}/{rest=**}"),
              routeTo("digits", PathKind::kRegex, "/[0-9]+")};
    for (size_t i = 0; i < others; ++i) {
      routes.push_back(routeTo("other", PathKind::kExact, "/other/" + std::to_string(i)));
    }
    routes.push_back(routeTo("last", PathKind::kPrefix, "/"));
    const auto table = compiled({.hosts = {hostWith({"*"}, routes)}});
    http::Headers headers;
    headers.add("X-Canary", "1");
    const http::Headers none;
    struct Row {
      std::string_view method;
      std::string_view path;
      const http::Headers* headers;
      std::string_view route;
    };
    const Row rows[] = {
        {"GET", "/a", &none, "a-exact"},   {"GET", "/a/b", &none, "a"},      {"GET", "/a/", &none, "a"},
        {"POST", "/a", &none, "post"},     {"post", "/a", &none, "a-exact"}, {"PUT", "/a/x", &headers, "post"},
        {"GET", "/a", &headers, "canary"}, {"GET", "*", &headers, "canary"}, {"GET", "/u/1/x/y", &none, "user"},
        {"GET", "/u/1", &none, "user"},    {"GET", "/u", &none, "last"},     {"GET", "/123", &none, "digits"},
        {"GET", "/12x", &none, "last"},    {"GET", "/ab", &none, "last"},    {"GET", "/", &none, "last"},
        {"OPTIONS", "*", &none, "none"}};
    for (const Row& row : rows) {
      const RouteInput input{.host = "h", .path = row.path, .method = row.method, .headers = row.headers};
      EXPECT_EQ(nameOf(table->match(input)), row.route) << row.method << " " << row.path << " of " << routes.size();
    }
  }
}

TEST(RouteTable, EveryPredicateMustHold) {
  model::Route route = routeTo("r", PathKind::kPrefix, "/a");
  route.match.headers = {{"h", ValueKind::kPresent, ""}};
  route.match.query = {{"q", ValueKind::kExact, "1"}};
  route.match.cookies = {{"c", ValueKind::kPrefix, "x"}};
  route.match.sources = {"10.0.0.0/8", "::1"};
  const auto table = compiled({.hosts = {hostWith({"*"}, {route})}});
  http::Headers headers;
  headers.add("H", "");
  headers.add("Cookie", "c=xy");
  http::Headers without_cookie;
  without_cookie.add("H", "");
  const std::array<uint8_t, 4> inside = {10, 0, 0, 1};
  const std::array<uint8_t, 4> outside = {11, 0, 0, 1};
  RouteInput input{.host = "h", .path = "/a", .query = "q=1", .method = "GET", .headers = &headers, .source = inside};
  EXPECT_EQ(nameOf(table->match(input)), "r");
  input.source = outside;
  EXPECT_EQ(nameOf(table->match(input)), "none");
  input.source = {};
  EXPECT_EQ(nameOf(table->match(input)), "none") << "a Unix socket lies in no range";
  input.source = inside;
  input.query = "q=2";
  EXPECT_EQ(nameOf(table->match(input)), "none");
  input.query = "q=1";
  input.headers = &without_cookie;
  EXPECT_EQ(nameOf(table->match(input)), "none");
}

TEST(RouteTable, CountsWhatItLookedAt) {
  const auto table = compiled(
      {.hosts = {hostWith({"*"}, {routeTo("a", PathKind::kExact, "/a"), routeTo("b", PathKind::kExact, "/b")})}});
  EXPECT_EQ(table->match({.path = "/a"}).looked_at, 0u);
  EXPECT_EQ(table->match({.path = "/b"}).looked_at, 1u);
  EXPECT_EQ(table->match({.path = "/c"}).looked_at, 2u);
}

TEST(RouteTable, NamesItsRules) {
  model::RouteTable source{
      .hosts = {hostWith({"a"}, {routeTo("r0", PathKind::kAny, "")}),
                hostWith({"b"}, {routeTo("r1", PathKind::kAny, ""), routeTo("r2", PathKind::kAny, "")})}};
  std::vector<std::string> seen;
  auto table = RouteTable::compile(source, [&](const model::Origin& origin) {
    seen.push_back(origin.path);
    return observe::RuleId{static_cast<uint32_t>(seen.size())};
  });
  ASSERT_TRUE(table);
  EXPECT_THAT(seen, testing::ElementsAre("r0", "host a", "r1", "r2", "host b"));
  const RouteChoice choice = (*table)->match({.host = "b", .path = "/"});
  EXPECT_EQ(choice.route->rule.number, 3u);
  EXPECT_EQ(choice.host->rule.number, 5u);
  EXPECT_EQ(choice.route->index, 1u);
  EXPECT_EQ(&(*table)->routes()[1], choice.route);
}

TEST(RouteTable, ReportsAllErrorsWithTheirPlace) {
  model::Route regex = routeTo("bad-regex", PathKind::kRegex, "(");
  regex.match.path_origin = {.file = "f.yaml", .line = 7, .path = "routes[0].match.path"};
  model::Route values = routeTo("bad-values", PathKind::kAny, "");
  values.match.headers = {{"x", ValueKind::kRegex, "["}};
  values.match.sources = {"10.0.0.0/99"};
  model::Route weights = routeTo("bad-weights", PathKind::kAny, "");
  weights.action = model::Forward{{{"a", 0, {}}}};
  model::Route status = routeTo("bad-redirect", PathKind::kAny, "");
  status.action = model::Redirect{.status = 200, .scheme = "ftp", .host = "a/b"};
  model::Route rewrite = routeTo("bad-rewrite", PathKind::kAny, "");
  rewrite.rewrite = model::Rewrite{.path = "/{x}"};
  model::Route answer = routeTo("bad-answer", PathKind::kAny, "");
  answer.action = model::DirectAnswer{.status = 99};
  const auto table = RouteTable::compile(
      {.hosts = {hostWith({"a", "A", "*", "*.*", "x*"}, {regex, values, weights, status, rewrite, answer}),
                 hostWith({"*"}, {})}},
      {});
  ASSERT_FALSE(table);
  std::vector<std::string> lines;
  for (const CompileError& error : table.error()) lines.push_back(describe(error.where) + ": " + error.problem);
  EXPECT_THAT(lines,
              testing::ElementsAre(
                  HasSubstr("routes[0].match.path in f.yaml line 7: the regular expression '(' is invalid"),
                  HasSubstr("bad-values: the regular"), HasSubstr("bad-values: '10.0.0.0/99'"),
                  HasSubstr("bad-weights: the route forwards to no service"), HasSubstr("bad-redirect: the status"),
                  HasSubstr("bad-redirect: the scheme"), HasSubstr("bad-redirect: the host"),
                  HasSubstr("bad-rewrite: the new path inserts {x}"), HasSubstr("bad-answer: the status"),
                  HasSubstr("host a: the host 'A' is written twice"), HasSubstr("'*.*' must be"),
                  HasSubstr("'x*' must be"), HasSubstr("host *: the host '*' is written twice")));
}

TEST(PickCluster, FollowsTheWeights) {
  model::Route route = routeTo("r", PathKind::kAny, "");
  route.action = model::Forward{{{"none", 0, {}}, {"one", 1, {}}, {"never", 0, {}}, {"nine", 9, {}}}};
  const auto table = compiled({.hosts = {hostWith({"*"}, {route})}});
  std::array<int, 4> picked{};
  for (uint64_t random = 0; random < 1'000; ++random) ++picked[pickCluster(table->routes()[0], random)];
  EXPECT_THAT(picked, testing::ElementsAre(0, 100, 0, 900));
  EXPECT_EQ(pickCluster(table->routes()[0], UINT64_MAX), 3u);  // 2^64 - 1 is 5 modulo 10
}

// The index may only save work: whatever the table, the winner is the one that a walk through all routes finds.
TEST(RouteTable, IndexAndScanAgree) {
  std::mt19937 random(11);
  constexpr std::string_view kSegments[] = {"a", "b", "c", "", "a%2Fb", "long-segment-name"};
  const auto randomPath = [&](size_t most) {
    std::string path;
    for (size_t i = 1 + random() % most; i > 0; --i)
      path += "/" + std::string(kSegments[random() % std::size(kSegments)]);
    return path;
  };
  for (int round = 0; round < 60; ++round) {
    std::vector<model::Route> routes;
    for (int i = 0; i < 60; ++i) {
      const std::string name = "r" + std::to_string(i);
      switch (random() % 16) {
        case 0:
          routes.push_back(routeTo(name, PathKind::kAny, ""));
          break;
        case 1:
          routes.push_back(routeTo(name, PathKind::kRegex, randomPath(2) + ".*"));
          break;
        case 2:
        case 3:
          routes.push_back(routeTo(name, PathKind::kTemplate, randomPath(2) + "/{x}"));
          break;
        case 4:
          routes.push_back(routeTo(name, PathKind::kTemplate, randomPath(2) + "/{x=**}"));
          break;
        case 5:
          routes.push_back(routeTo(name, PathKind::kExact, "*"));
          break;
        case 6:
          routes.push_back(routeTo(name, PathKind::kPrefix, randomPath(40)));
          break;
        case 7:
        case 8:
        case 9:
          routes.push_back(routeTo(name, PathKind::kPrefix, randomPath(4)));
          break;
        default:
          routes.push_back(routeTo(name, PathKind::kExact, randomPath(4)));
          break;
      }
      if (random() % 3 != 0) routes.back().match.methods = {random() % 2 == 0 ? "GET" : "POST"};
    }
    const auto table = compiled({.hosts = {hostWith({"*"}, routes)}});
    for (int i = 0; i < 300; ++i) {
      const std::string path = i == 0 ? "*" : randomPath(i % 10 == 0 ? 40 : 5);
      const RouteInput input{.path = path, .method = "GET"};
      const RouteChoice found = table->match(input);
      const RouteChoice walked = explainMatch(*table, input, [](const RouteVerdict&) {});
      ASSERT_EQ(found.route, walked.route) << path << ": " << nameOf(found) << " and " << nameOf(walked);
      ASSERT_LE(found.looked_at, walked.looked_at);
      if (found.route) ASSERT_EQ(found.capture.prefix_length, walked.capture.prefix_length);
    }
  }
}

TEST(RouteTable, FiveThousandRoutesAreNotScanned) {
  std::vector<model::Route> routes;
  for (int i = 0; i < 5'000; ++i)
    routes.push_back(routeTo("r" + std::to_string(i), PathKind::kPrefix, "/api/v" + std::to_string(i)));
  const auto table = compiled({.hosts = {hostWith({"*"}, routes)}});
  const RouteChoice choice = table->match({.path = "/api/v4999/x"});
  EXPECT_EQ(nameOf(choice), "r4999");
  EXPECT_EQ(choice.looked_at, 0u);
  EXPECT_EQ(table->match({.path = "/api/v5000"}).looked_at, 0u);
}

}  // namespace
}  // namespace remora::route
