// The table of keys can't drift from the model, the schema or the documentation: each is compared here.
#include "control/config_keys.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "control/yaml_config.h"

namespace remora::control {
namespace {

std::string fileText(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ConfigKeys, NamesAreUniqueAndDescribed) {
  for (const ObjectSpec* object : allObjects()) {
    std::set<std::string_view> names;
    for (const KeySpec& key : object->keys) {
      EXPECT_TRUE(names.insert(key.name).second) << object->name << "." << key.name;
      EXPECT_FALSE(key.description.empty()) << object->name << "." << key.name;
      EXPECT_FALSE(key.description.ends_with('.')) << object->name << "." << key.name;
      EXPECT_FALSE(key.forms.empty()) << object->name << "." << key.name;
    }
    for (const std::string_view key : object->required) EXPECT_NE(object->find(key), nullptr) << key;
    for (const std::string_view key : object->exactly_one) EXPECT_NE(object->find(key), nullptr) << key;
  }
}

// "  key: default" for every key with a default.
std::string defaultsOf(const ObjectSpec& object, const std::string& indent) {
  std::string out;
  for (const KeySpec& key : object.keys) {
    if (!key.fallback.empty()) out += indent + std::string(key.name) + ": " + std::string(key.fallback) + "\n";
  }
  return out;
}

TEST(ConfigKeys, DefaultsAreThoseOfTheModel) {
  const std::string in = "    ";
  const std::string plain = R"(inbound:
  - listen: 8080
    tls: { certificate: c, key: k }
    routes:
      - to: orders
        name: r
      - answer: {}
        match: { path: /a }
      - redirect: { host: a }
        match: { path: /r }
outbound: [{ listen: 1, tcp: secure }]
services:
  orders: { endpoints: [{ address: "10.0.0.1:80" }] }
  secure: { endpoints: 1, tls: true, health_check: / }
telemetry: { access_log: { to: stdout } }
)";
  std::string spelt = "inbound:\n  - listen: 8080\n" + defaultsOf(kInboundSpec, in) + in + "limits:\n" +
                      defaultsOf(kLimitsSpec, in + "  ") + in + "timeouts:\n" + defaultsOf(kTimeoutsSpec, in + "  ");
  spelt += in + "tls:\n      certificate: c\n      key: k\n" + defaultsOf(kTlsServerSpec, "      ") + in + "http2:\n" +
           defaultsOf(kHttp2Spec, "      ");
  spelt += "    routes:\n      - to: orders\n        name: r\n" + defaultsOf(kRouteSpec, "        ") +
           "        match:\n" + defaultsOf(kMatchSpec, "          ");
  spelt += "      - match: { path: /a }\n        answer:\n" + defaultsOf(kAnswerSpec, "          ");
  spelt +=
      "      - match: { path: /r }\n        redirect:\n          host: a\n" + defaultsOf(kRedirectSpec, "          ");
  spelt += "services:\n  orders:\n    endpoints:\n      - address: \"10.0.0.1:80\"\n" +
           defaultsOf(kEndpointSpec, "        ") + defaultsOf(kServiceSpec, in) + "    timeouts:\n" +
           defaultsOf(kServiceTimeoutsSpec, "      ") + "    limits:\n" + defaultsOf(kServiceLimitsSpec, "      ");
  spelt += "  secure:\n    endpoints: 1\n    tls:\n" + defaultsOf(kTlsClientSpec, "      ") +
           "    health_check:\n      http: /\n" + defaultsOf(kHealthCheckSpec, "      ") + "    http2:\n" +
           defaultsOf(kHttp2Spec, "      ");
  spelt += "outbound:\n  - listen: 1\n    tcp:\n      to: secure\n" + defaultsOf(kTcpSpec, "      ");
  std::string access_log = defaultsOf(kAccessLogSpec, "    ");
  access_log.replace(access_log.find("to: false"), 9, "to: stdout");
  spelt += "telemetry:\n  recent: 64\n  access_log:\n" + access_log + "  log:\n" + defaultsOf(kLogSpec, in);
  spelt += "drain:\n" + defaultsOf(kDrainSpec, "  ") + "overload:\n" + defaultsOf(kOverloadSpec, "  ") +
           defaultsOf(kFileSpec, "");
  const LoadedConfig a = loadYaml(plain, "plain");
  const LoadedConfig b = loadYaml(spelt, "spelt");
  for (const LoadedConfig* loaded : {&a, &b}) {
    for (const ConfigError& error : loaded->errors) ADD_FAILURE() << describe(error) << "\n" << spelt;
  }
  EXPECT_EQ(effectiveYaml(a.config), effectiveYaml(b.config));
}

TEST(ConfigKeys, BoundsOfTheTableFitTheModel) {
  const auto mostOf = [](const ObjectSpec& object, std::string_view key) {
    return findForm(*object.find(key), Form::Kind::kInteger)->most;
  };
  EXPECT_LE(mostOf(kRedirectSpec, "port"), UINT16_MAX);
  EXPECT_LE(mostOf(kAnswerSpec, "status"), UINT16_MAX);
  EXPECT_LE(mostOf(kLimitsSpec, "connections"), UINT32_MAX);
  EXPECT_LE(mostOf(kSplitSpec, "weight"), UINT32_MAX);
  EXPECT_LE(findForm(*kHttp2Spec.find("stream_window"), Form::Kind::kSize)->most, INT32_MAX)
      << "RFC 9113 section 6.9.1";
  EXPECT_LE(findForm(*kHttp2Spec.find("connection_window"), Form::Kind::kSize)->most, INT32_MAX);
}

// ---- schema

using Json = nlohmann::json;

TEST(Schema, HasEveryKey) {
  const Json schema = Json::parse(jsonSchema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  for (const ObjectSpec* object : allObjects()) {
    const Json& at = object == &kFileSpec ? schema : schema["$defs"][std::string(object->name)];
    EXPECT_EQ(at["additionalProperties"], false) << object->name;
    for (const KeySpec& key : object->keys) {
      const Json& property = at["properties"][std::string(key.name)];
      EXPECT_EQ(property["description"], key.description) << object->name << "." << key.name;
      EXPECT_EQ(property.contains("default"), !key.fallback.empty()) << key.name;
    }
  }
}

void expectReferencesResolve(const Json& at, const Json& definitions) {
  if (at.is_object() && at.contains("$ref")) {
    const std::string name = at["$ref"].get<std::string>().substr(std::string("#/$defs/").size());
    EXPECT_TRUE(definitions.contains(name)) << name;
  }
  if (!at.is_structured()) return;
  for (const Json& child : at) expectReferencesResolve(child, definitions);
}

TEST(Schema, AWordThatLooksLikeANumberMayBeOne) {
  const Json schema = Json::parse(jsonSchema());
  EXPECT_EQ(schema["$defs"]["tls"]["properties"]["min_version"]["enum"], Json::parse(R"(["1.2", 1.2, "1.3", 1.3])"));
}

TEST(Schema, ReferencesResolve) {
  const Json schema = Json::parse(jsonSchema());
  expectReferencesResolve(schema, schema["$defs"]);
}

// ---- documentation

TEST(ConfigDocs, NameEveryKeyAsTheTableHasIt) {
  const std::filesystem::path path = "docs/configuration.md";  // unit tests run at the repository's root
  const std::string begin = "<!-- reference begins: written from src/control/config_keys.cc -->\n";
  const std::string end = "<!-- reference ends -->";
  std::string text = fileText(path);
  const size_t from = text.find(begin);
  const size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos) << path;
  ASSERT_NE(to, std::string::npos) << path;
  const size_t start = from + begin.size();
  if (std::getenv("REMORA_UPDATE_DOCS") != nullptr) {
    text.replace(start, to - start, "\n" + configReference());
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(text.substr(start, to - start), "\n" + configReference())
      << "run this test with REMORA_UPDATE_DOCS=1 to write the tables anew";
}

}  // namespace
}  // namespace remora::control
