#include "control/endpoints_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "control/yaml_config.h"

namespace remora::control {
namespace {

using testing::HasSubstr;

std::string errorsOf(std::string_view text) {
  std::string out;
  for (const ConfigError& error : loadEndpoints(text, "e.yaml").errors) out += describe(error) + "\n";
  return out;
}

model::Config valid(const std::string& services) {
  LoadedConfig loaded = loadYaml("outbound: [{ listen: 4140 }]\nservices:\n" + services, "/etc/shop.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << describe(error);
  return loaded.config;
}

std::string errorsOfService(const std::string& services) {
  std::string out;
  for (const ConfigError& error : loadYaml("outbound: [{ listen: 1 }]\nservices:\n" + services, "shop.yaml").errors) {
    out += describe(error) + "\n";
  }
  return out;
}

TEST(EndpointsReader, ReadsEveryForm) {
  const LoadedEndpoints loaded = loadEndpoints(R"(
- 10.0.0.1:80
- { address: "orders.internal:81", weight: 3, priority: 1, zone: a, labels: { version: v2, build: 7 } }
- srv://_http._tcp.Orders.internal
- { srv: _grpc._tcp.orders.internal, zone: b }
)",
                                               "e.yaml");
  ASSERT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  ASSERT_EQ(loaded.endpoints.size(), 4u);
  EXPECT_EQ(loaded.endpoints[0].origin.line, 2u);
  const model::Endpoint& full = loaded.endpoints[1];
  EXPECT_EQ(full.weight, 3u);
  EXPECT_EQ(full.priority, 1u);
  EXPECT_EQ(full.zone, "a");
  EXPECT_EQ(model::toText(full.labels), "build=7,version=v2");
  EXPECT_EQ(model::toText(loaded.endpoints[2].address), "srv://_http._tcp.orders.internal");
  EXPECT_EQ(loaded.endpoints[3].address.kind, model::SocketAddress::Kind::kSrv);
  EXPECT_EQ(loadEndpoints(R"([{"address": "10.0.0.1:80", "labels": {"a": "b"}}])", "e.json").endpoints.size(), 1u);
}

TEST(EndpointsReader, AnEmptyListIsNoneAndAnEmptyFileAnError) {
  EXPECT_TRUE(loadEndpoints("[]", "e.yaml").errors.empty());
  EXPECT_THAT(errorsOf(""), HasSubstr("the file is empty; expected a list of endpoints, or [] for none"));
  EXPECT_THAT(errorsOf("# soon\n"), HasSubstr("the file is empty"));
}

TEST(EndpointsReader, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(errorsOf("- 10.0.0.1"), HasSubstr("e.yaml:1:3: [0]: '10.0.0.1' has no port"));
  EXPECT_THAT(errorsOf("- { weight: 2 }"), HasSubstr("address"));
  EXPECT_THAT(errorsOf("- { address: 80, srv: a.test }"), HasSubstr("srv"));
  EXPECT_THAT(errorsOf("- { srv: a.test, weight: 3 }"),
              HasSubstr("'weight' has no effect: SRV records have their own"));
  EXPECT_THAT(errorsOf("- { srv: 'a b' }"), HasSubstr("'a b' is not an SRV name"));
  EXPECT_THAT(errorsOf("- { address: 80, labels: { version: 'a b' } }"), HasSubstr("can't be the value of a label"));
  EXPECT_THAT(errorsOf("[1.1.1.1:1, 1.1.1.1:1]"), HasSubstr("is given twice"));
  EXPECT_THAT(errorsOf("orders: 1"), HasSubstr("a list"));
  EXPECT_THAT(errorsOf("- [a"), HasSubstr("e.yaml:"));
  EXPECT_THAT(describe(loadEndpointsFile("/does/not/exist").errors.at(0)), HasSubstr("no such file"));
}

TEST(EndpointsReader, HasBounds) {
  std::string many;
  for (size_t i = 0; i <= kMostEndpoints; ++i) {
    many += "- 10." + std::to_string(i / 62500) + "." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250) +
            ":80\n";
  }
  EXPECT_THAT(errorsOf(many), HasSubstr("10001 endpoints; expected at most 10000"));
  many.resize(many.rfind("- "));
  EXPECT_EQ(loadEndpoints(many, "e.yaml").endpoints.size(), kMostEndpoints);
  std::string labels = "- { address: 80, labels: { ";
  for (size_t i = 0; i <= kMostLabels; ++i) labels += "l" + std::to_string(i) + ": x, ";
  EXPECT_THAT(errorsOf(labels + "} }"), HasSubstr("17 labels; expected at most 16"));
  EXPECT_THAT(errorsOf("- { address: 80, labels: { a: " + std::string(129, 'x') + " } }"), HasSubstr("1 to 128"));
}

TEST(EndpointsReader, AServiceMayNameAFile) {
  const model::Config config = valid("  orders: { endpoints: { file: endpoints.yaml }, subset_size: 20 }");
  EXPECT_EQ(config.clusters.at(0).endpoints_file, "/etc/endpoints.yaml");
  EXPECT_EQ(config.clusters[0].subset_size, 20u);
  EXPECT_TRUE(config.clusters[0].endpoints.empty());
  const std::string effective = effectiveYaml(config);
  EXPECT_THAT(effective, HasSubstr("file: /etc/endpoints.yaml"));
  const LoadedConfig again = loadYaml(effective, "again.yaml");
  ASSERT_TRUE(again.errors.empty()) << describe(again.errors[0]);
  EXPECT_EQ(effectiveYaml(again.config), effective);
}

TEST(EndpointsReader, ARouteMayAskForLabels) {
  const LoadedConfig loaded = loadYaml(R"(
zone: a
outbound:
  - listen: 4140
    routes:
      - match: { path: /one }
        to: { service: orders, labels: { version: v2 }, fallback: any }
      - split:
          - { to: { service: orders, labels: { version: v1 } }, weight: 90 }
          - { to: { service: orders, labels: { version: v2, track: x } }, weight: 10 }
services:
  orders:
    endpoints: [{ address: "10.0.0.1:80", labels: { version: v1 }, zone: a }, "srv://_http._tcp.orders.test"]
    zone_aware: true
)",
                                       "shop.yaml");
  ASSERT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  EXPECT_EQ(loaded.config.zone, "a");
  EXPECT_TRUE(loaded.config.clusters[0].zone_aware);
  const auto& routes = loaded.config.route_tables[0].hosts[0].routes;
  const auto& one = std::get<model::Forward>(routes[0].action).clusters[0];
  EXPECT_EQ(one.cluster, "orders");
  EXPECT_TRUE(one.subset.falls_back);
  const auto& split = std::get<model::Forward>(routes[1].action).clusters;
  EXPECT_EQ(model::toText(split[1].subset.labels), "track=x,version=v2");
  EXPECT_EQ(split[0].weight, 90u);
  const std::string effective = effectiveYaml(loaded.config);
  const LoadedConfig again = loadYaml(effective, "again.yaml");
  ASSERT_TRUE(again.errors.empty()) << describe(again.errors[0]) << effective;
  EXPECT_EQ(effectiveYaml(again.config), effective);
}

TEST(EndpointsReader, RefusesWhatWouldHaveNoEffect) {
  EXPECT_THAT(errorsOfService("  a: { endpoints: [80], zone_aware: true, subset_size: 3 }"),
              HasSubstr("'zone_aware' and 'subset_size' exclude each other"));
  EXPECT_THAT(errorsOfService("  a: { endpoints: [80], zone_aware: true, balance: maglev, hash_by: { path: true } }"),
              HasSubstr("'zone_aware' has no effect: the hash alone decides"));
  EXPECT_THAT(errorsOfService("  a: { endpoints: { file: e.yaml, also: 1 } }"), HasSubstr("unknown key 'also'"));
}

}  // namespace
}  // namespace remora::control
