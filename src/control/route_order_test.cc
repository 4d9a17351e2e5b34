#include "control/route_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/yaml_config.h"

namespace remora::control {
namespace {

using testing::ElementsAre;

// The names of the routes of one virtual host, in order.
std::vector<std::string> order(const std::string& routes, std::string_view host = "*") {
  const LoadedConfig loaded = loadYaml("inbound:\n  - listen: 1\n    routes:\n" + routes, "f");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << describe(error);
  std::vector<std::string> names;
  for (const model::VirtualHost& virtual_host : loaded.config.route_tables.at(0).hosts) {
    if (virtual_host.name != host) continue;
    for (const model::Route& route : virtual_host.routes) names.push_back(route.name);
  }
  return names;
}

std::string route(const std::string& name, const std::string& match) {
  return "      - { name: " + name + ", match: { " + match + " }, answer: 200 }\n";
}

TEST(RouteOrder, ByPath) {
  EXPECT_THAT(order(route("any", "") + route("regex", "path: \"~ /.*\"") + route("short", "path: /a/*") +
                    route("long", "path: /a/b/*") + route("vague", "path: \"/{x}/{y}\"") +
                    route("template", "path: \"/a/{y}\"") + route("exact", "path: /a/b")),
              ElementsAre("exact", "template", "vague", "long", "short", "regex", "any"));
}

TEST(RouteOrder, ByTheRestWhenPathsTie) {
  EXPECT_THAT(order(route("plain", "path: /a") + route("source", "path: /a, source: 10.0.0.0/8") +
                    route("cookie", "path: /a, cookies: { c: d }") + route("query", "path: /a, query: { c: d }") +
                    route("header", "path: /a, headers: { c: d }") +
                    route("headers", "path: /a, headers: { c: d, e: f }") + route("method", "path: /a, method: GET")),
              ElementsAre("method", "headers", "header", "query", "cookie", "source", "plain"));
}

TEST(RouteOrder, TheFileDecidesLast) {
  EXPECT_THAT(order(route("b", "path: /a") + route("a", "path: /a") + route("c", "path: /a")),
              ElementsAre("b", "a", "c"));
}

TEST(RouteOrder, ARouteWithoutHostAppliesToEveryHost) {
  const std::string routes = route("default", "") + route("health", "path: /healthz") + route("shop", "host: shop") +
                             route("deep", "host: a.b.example.com, path: /x/*") +
                             route("wide", "host: \"*.example.com\", path: /x/*");
  EXPECT_THAT(order(routes, "*"), ElementsAre("health", "default"));
  EXPECT_THAT(order(routes, "shop"), ElementsAre("health", "shop", "default")) << "the more specific host first";
  EXPECT_THAT(order(routes, "*.example.com"), ElementsAre("health", "wide", "default"));
  EXPECT_THAT(order(routes, "a.b.example.com"), ElementsAre("health", "deep", "wide", "default"));
}

TEST(RouteOrder, SeveralHosts) {
  const std::string routes = route("both", "host: [a.example, b.example]") + route("b", "host: b.example, path: /b");
  EXPECT_THAT(order(routes, "a.example"), ElementsAre("both"));
  EXPECT_THAT(order(routes, "b.example"), ElementsAre("b", "both"));
}

TEST(RouteOrder, Covers) {
  EXPECT_TRUE(coversHost("*", "a"));
  EXPECT_TRUE(coversHost("*", "*.a"));
  EXPECT_TRUE(coversHost("*.a", "b.a"));
  EXPECT_TRUE(coversHost("*.a", "c.b.a"));
  EXPECT_TRUE(coversHost("*.a", "*.b.a"));
  EXPECT_FALSE(coversHost("*.a", "a")) << "at least one more label";
  EXPECT_FALSE(coversHost("*.a", "ba"));
  EXPECT_FALSE(coversHost("*.a", "*.a"));
  EXPECT_FALSE(coversHost("*.b.a", "*.a"));
  EXPECT_FALSE(coversHost("a", "*"));
  EXPECT_FALSE(coversHost("*", "*"));
}

TEST(RouteOrder, MergingIsBounded) {
  std::vector<HostedRoute> routes;
  for (int i = 0; i < 500; ++i) {
    HostedRoute any;
    any.hosts = {"*"};
    routes.push_back(any);
    HostedRoute own;
    own.hosts = {"h" + std::to_string(i)};
    routes.push_back(own);
  }
  const auto arranged = arrangeRoutes(routes);  // 501 hosts with up to 501 routes: more than the bound
  EXPECT_FALSE(arranged.has_value());
  routes.resize(200);
  EXPECT_TRUE(arrangeRoutes(routes).has_value());
}

}  // namespace
}  // namespace remora::control
