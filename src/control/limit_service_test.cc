// Services that count, and the limits that they count for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "control/config_files.h"
#include "control/config_keys.h"
#include "control/yaml_config.h"

namespace remora::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

std::string file(std::string_view service, std::string_view limit) {
  return "inbound: [{ listen: 1, routes: [{ to: shop, name: orders, rate_limit: " + std::string(limit) +
         " }] }]\nservices: { shop: 10.0.0.1:80, cache: 10.0.0.2:6379, "
         "limits: { endpoints: 10.0.0.3:81, protocol: http2 } }\nrate_limit_services: { shared: " +
         std::string(service) + " }\n";
}
const std::string kService = "{ redis: cache }";
const std::string kLimit = "{ requests: 100/s, service: shared }";

std::string onlyError(const std::string& text) {
  const LoadedConfig loaded = loadYaml(text, "f");
  EXPECT_EQ(loaded.errors.size(), 1u) << text;
  return loaded.errors.empty() ? "" : describe(loaded.errors[0]);
}

TEST(LimitServices, AreReadWithTheLimitsThatNameThem) {
  const LoadedConfig loaded = loadYaml(
      file("{ redis: cache, user: u, password_file: /p, database: 2, prefix: shop, timeout: 5ms, on_failure: closed, "
           "pending: 7, stall: 2s, backoff: 1s, backoff_most: 3s }",
           "{ requests: 10/m, burst: 4, key: { header: X-User }, service: shared, name: all, shadow: true }"),
      "f");
  ASSERT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  const model::RateLimitService& service = loaded.config.rate_limit_services.at(0);
  EXPECT_EQ(service.name, "shared");
  EXPECT_EQ(service.cluster, "cache");
  EXPECT_EQ(service.user, "u");
  EXPECT_EQ(service.database, 2u);
  EXPECT_EQ(service.prefix, "shop");
  EXPECT_EQ(service.timeout, milliseconds(5));
  EXPECT_EQ(service.on_failure, model::RateLimitService::OnFailure::kClosed);
  EXPECT_EQ(service.pending, 7u);
  EXPECT_EQ(service.stall, seconds(2));
  EXPECT_THAT(filesOf(loaded.config), testing::ElementsAre("/p"));
  const model::Route& route = loaded.config.route_tables.at(0).hosts.at(0).routes.at(0);
  EXPECT_FALSE(route.rate_limit);
  ASSERT_TRUE(route.shared_limit);
  EXPECT_EQ(route.shared_limit->service, "shared");
  EXPECT_EQ(route.shared_limit->name, "all");
  EXPECT_EQ(route.shared_limit->rate.requests, 10u);
  EXPECT_EQ(route.shared_limit->rate.burst, 4u);
  EXPECT_TRUE(route.shared_limit->rate.shadow);
  EXPECT_EQ(route.shared_limit->rate.key.at(0).name, "x-user");
  const std::string written = effectiveYaml(loaded.config);
  EXPECT_EQ(effectiveYaml(loadYaml(written, "effective").config), written);
  EXPECT_THAT(written, HasSubstr("password_file: /p"));
}

TEST(LimitServices, DefaultsAreThoseOfTheTable) {
  std::string spelt = "{ redis: cache";
  for (const KeySpec& key : kLimitServiceSpec.keys) {
    if (!key.fallback.empty()) spelt += ", " + std::string(key.name) + ": " + std::string(key.fallback);
  }
  const LoadedConfig plain = loadYaml(file(kService, kLimit), "f");
  ASSERT_TRUE(plain.errors.empty()) << describe(plain.errors[0]);
  EXPECT_EQ(effectiveYaml(plain.config), effectiveYaml(loadYaml(file(spelt + " }", kLimit), "f").config));
  const model::Route& route = plain.config.route_tables.at(0).hosts.at(0).routes.at(0);
  EXPECT_EQ(route.shared_limit->name, "orders") << "the route's";
}

const std::string kGrpc = "{ grpc: limits, domain: shop }";
const std::string kDescriptors = "{ service: shared, descriptors: [{ key: generic_key, value: orders }] }";

TEST(LimitServices, GrpcOnesCountByDescriptors) {
  const LoadedConfig loaded =
      loadYaml(file("{ grpc: limits, domain: shop, timeout: 5ms, on_failure: closed, pending: 7, stall: 2s }",
                    "{ service: shared, shadow: true, descriptors: [{ key: generic_key, value: 7 }, { key: user, "
                    "header: X-User }, "
                    "{ key: remote_address, source: true }, { key: path, path: true }, { key: s, cookie: session }, "
                    "{ key: page, query: p }] }"),
               "f");
  ASSERT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  const model::RateLimitService& service = loaded.config.rate_limit_services.at(0);
  EXPECT_EQ(service.kind, model::RateLimitService::Kind::kGrpc);
  EXPECT_EQ(service.cluster, "limits");
  EXPECT_EQ(service.domain, "shop");
  EXPECT_EQ(service.timeout, milliseconds(5));
  const model::SharedLimit& limit = *loaded.config.route_tables.at(0).hosts.at(0).routes.at(0).shared_limit;
  EXPECT_TRUE(limit.rate.shadow);
  ASSERT_EQ(limit.descriptors.size(), 1u);
  const model::Descriptor& descriptor = limit.descriptors[0];
  ASSERT_EQ(descriptor.size(), 6u);
  EXPECT_EQ(descriptor[0].key, "generic_key");
  EXPECT_EQ(descriptor[0].value, "7");
  EXPECT_FALSE(descriptor[0].from);
  EXPECT_EQ(descriptor[1].from->name, "x-user");
  EXPECT_EQ(descriptor[2].from->kind, model::HashKey::Kind::kSource);
  EXPECT_EQ(descriptor[3].from->kind, model::HashKey::Kind::kPath);
  const std::string written = effectiveYaml(loaded.config);
  EXPECT_EQ(effectiveYaml(loadYaml(written, "effective").config), written);
  EXPECT_THAT(written, HasSubstr("{ key: \"user\", header: \"x-user\" }"));
  EXPECT_THAT(written, HasSubstr("domain: shop"));
}

TEST(LimitServices, GrpcOnesCountBySeveralDescriptors) {
  const LoadedConfig loaded = loadYaml(file(kGrpc,
                                            "{ service: shared, descriptors: [[{ key: generic_key, value: all }], "
                                            "[{ key: user, header: X-User }, { key: path, path: true }]] }"),
                                       "f");
  ASSERT_TRUE(loaded.errors.empty()) << describe(loaded.errors[0]);
  const model::SharedLimit& limit = *loaded.config.route_tables.at(0).hosts.at(0).routes.at(0).shared_limit;
  ASSERT_EQ(limit.descriptors.size(), 2u);
  EXPECT_EQ(limit.descriptors[0].at(0).value, "all");
  ASSERT_EQ(limit.descriptors[1].size(), 2u);
  EXPECT_EQ(limit.descriptors[1][0].from->name, "x-user");
  const std::string written = effectiveYaml(loaded.config);
  EXPECT_THAT(written, HasSubstr("- [{ key: \"user\", header: \"x-user\" }, { key: \"path\", path: true }]"));
  EXPECT_EQ(effectiveYaml(loadYaml(written, "effective").config), written);
}

TEST(LimitServices, WhatIsWrongOfSeveralDescriptorsIsSaid) {
  const auto problem = [](const std::string& descriptors) {
    return onlyError(file(kGrpc, "{ service: shared, descriptors: [" + descriptors + "] }"));
  };
  const std::string entry = "{ key: a, value: b }";
  EXPECT_THAT(problem("[" + entry + "], " + entry), HasSubstr("an entry by itself beside lists of entries"));
  EXPECT_NE(problem(entry + ", [" + entry + "]"), "");
  EXPECT_NE(problem("[" + entry + "], []"), "");
  EXPECT_NE(problem("[[" + entry + "]]"), "");
  std::string many = "[" + entry + "]";
  for (int i = 0; i < 7; ++i) many += ", [" + entry + "]";
  EXPECT_TRUE(loadYaml(file(kGrpc, "{ service: shared, descriptors: [" + many + "] }"), "f").errors.empty());
  EXPECT_THAT(problem(many + ", [" + entry + "]"), HasSubstr("9 descriptors; expected at most 8"));
  many = entry;
  for (int i = 0; i < 16; ++i) many += ", " + entry;
  EXPECT_THAT(problem("[" + entry + "], [" + many + "]"), HasSubstr("17 entries; expected 1 to 16"));
}

TEST(LimitServices, WhatIsWrongOfGrpcIsSaid) {
  const auto entries = [](int count) {
    std::string text = "{ service: shared, descriptors: [";
    for (int i = 0; i < count; ++i) text += "{ key: a, value: b }, ";
    return text + "] }";
  };
  EXPECT_TRUE(loadYaml(file(kGrpc, entries(16)), "f").errors.empty());
  EXPECT_THAT(onlyError(file(kGrpc, entries(17))), HasSubstr("17 entries; expected 1 to 16"));
  EXPECT_THAT(onlyError(file("{ grpc: limits }", kDescriptors)), HasSubstr("'domain' is missing"));
  EXPECT_THAT(onlyError(file("{ grpc: limits, domain: '' }", kDescriptors)), HasSubstr("'domain' has 0 bytes"));
  EXPECT_THAT(onlyError(file("{ grpc: limits, redis: cache, domain: a }", kDescriptors)),
              HasSubstr("exclude each other"));
  EXPECT_THAT(onlyError(file("{ grpc: limit, domain: a }", kDescriptors)), HasSubstr("did you mean 'limits'?"));
  EXPECT_THAT(onlyError(file("{ grpc: cache, domain: a }", kDescriptors)),
              HasSubstr("gRPC needs HTTP/2, which the service 'cache' doesn't speak"));
  EXPECT_THAT(onlyError(file("{ grpc: limits, domain: a, database: 1 }", kDescriptors)),
              HasSubstr("only a Redis has it"));
  EXPECT_THAT(onlyError(file("{ redis: cache, domain: a }", kLimit)), HasSubstr("'domain' has no effect"));
  EXPECT_THAT(onlyError(file(kGrpc, kLimit)), HasSubstr("'shared' is gRPC, which counts by 'descriptors'"));
  EXPECT_THAT(onlyError(file(kService, kDescriptors)), HasSubstr("'shared' is a Redis, which counts by 'requests'"));
  EXPECT_THAT(onlyError(file(kGrpc, "{ descriptors: [{ key: a, value: b }] }")),
              HasSubstr("'descriptors' has no effect"));
  EXPECT_THAT(onlyError(file(kGrpc, "{ service: shared, burst: 4, descriptors: [{ key: a, value: b }] }")),
              HasSubstr("'burst' has no effect"));
  EXPECT_THAT(onlyError(file(kGrpc, "{ service: shared, requests: 1/s, descriptors: [{ key: a, value: b }] }")),
              HasSubstr("exclude each other"));
  for (const char* entry : {"{ value: b }", "{ key: a }", "{ key: a, value: b, path: true }", "{ key: '', value: b }",
                            "{ key: a, value: '' }", "{ key: a, path: false }", "{ key: a, header: '' }"}) {
    EXPECT_NE(onlyError(file(kGrpc, "{ service: shared, descriptors: [" + std::string(entry) + "] }")), "") << entry;
  }
}

TEST(LimitServices, WhatIsWrongIsSaid) {
  EXPECT_THAT(onlyError(file(kService, "{ requests: 1/s, service: shard }")),
              HasSubstr("routes[0].rate_limit.service: there is no rate_limit_service 'shard'; expected one of shared; "
                        "did you mean 'shared'?"));
  EXPECT_THAT(onlyError(file("{ redis: cash }", kLimit)), HasSubstr("did you mean 'cache'?"));
  EXPECT_THAT(onlyError(file("{ database: 1 }", kLimit)), HasSubstr("redis"));
  EXPECT_THAT(onlyError(file("{ redis: cache, timeout: 11s, stall: 20s }", kLimit)), HasSubstr("timeout"));
  EXPECT_THAT(onlyError(file("{ redis: cache, stall: 10ms }", kLimit)), HasSubstr("shorter than 'timeout'"));
  EXPECT_THAT(onlyError(file("{ redis: cache, backoff: 10s }", kLimit)), HasSubstr("longer than 'backoff_most'"));
  EXPECT_THAT(onlyError(file("{ redis: cache, user: u }", kLimit)), HasSubstr("no effect without a password"));
  EXPECT_THAT(onlyError(file("{ redis: cache, on_failure: maybe }", kLimit)), HasSubstr("one of open or closed"));
  EXPECT_THAT(onlyError(file("{ redis: cache, prefix: 'a b' }", kLimit)), HasSubstr("prefix"));
  EXPECT_THAT(onlyError(file(kService, "{ requests: 1/s, name: a }")), HasSubstr("'name' has no effect"));
  EXPECT_THAT(onlyError(file(kService, "{ requests: 1/s, service: shared, keys: 128 }")),
              HasSubstr("'keys' has no effect"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, routes: [{ answer: 200, rate_limit: { requests: 1/s, service: a } }] "
                        "}]\n"),
              HasSubstr("a name under 'rate_limit_services', which is empty or missing"));
  std::string many = "inbound: [{ listen: 1, app: 2 }]\nservices: { c: 3 }\nrate_limit_services:\n";
  for (int i = 0; i < 33; ++i) many += "  s" + std::to_string(i) + ": { redis: c }\n";
  EXPECT_THAT(onlyError(many), HasSubstr("at most 32"));
}

}  // namespace
}  // namespace remora::control
