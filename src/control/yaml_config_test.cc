#include "control/yaml_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace remora::control {
namespace {

using testing::ElementsAre;

std::string allErrors(const LoadedConfig& loaded) {
  std::string out;
  for (const ConfigError& error : loaded.errors) out += describe(error) + "\n";
  return out;
}

model::Config valid(std::string_view text) {
  LoadedConfig loaded = loadYaml(text, "shop.yaml");
  EXPECT_EQ(allErrors(loaded), "") << text;
  return loaded.config;
}

const model::VirtualHost& onlyHost(const model::Config& config) {
  EXPECT_EQ(config.route_tables.at(0).hosts.size(), 1u);
  return config.route_tables[0].hosts.at(0);
}

TEST(YamlConfig, Minimal) {
  const model::Config config = valid("inbound: [{ listen: 8080, app: 3000 }]");
  ASSERT_EQ(config.listeners.size(), 1u);
  const model::Listener& listener = config.listeners[0];
  EXPECT_EQ(listener.name, "inbound-8080");
  EXPECT_EQ(listener.direction, model::Direction::kInbound);
  EXPECT_EQ(model::toText(listener.address), "0.0.0.0:8080");
  EXPECT_EQ(listener.limits, model::Limits());
  EXPECT_EQ(listener.timeouts, model::Timeouts());
  ASSERT_TRUE(listener.default_chain.http.has_value());
  EXPECT_EQ(listener.default_chain.http->route_table, "inbound-8080");
  ASSERT_EQ(config.clusters.size(), 1u);
  EXPECT_EQ(config.clusters[0].name, "app");
  EXPECT_EQ(model::toText(config.clusters[0].endpoints.at(0).address), "127.0.0.1:3000");
  const model::VirtualHost& host = onlyHost(config);
  EXPECT_THAT(host.hosts, ElementsAre("*"));
  ASSERT_EQ(host.routes.size(), 1u);
  EXPECT_EQ(std::get<model::Forward>(host.routes[0].action).clusters.at(0).cluster, "app");
  EXPECT_EQ(host.routes[0].origin.path, "inbound[0].app");
  EXPECT_FALSE(config.admin.has_value());
  EXPECT_EQ(config.telemetry.access_log.sink, model::AccessLog::Sink::kNone);
}

TEST(YamlConfig, OriginsPointAtTheValue) {
  const model::Config config = valid(R"(inbound:
  - listen: 8080
    app: 3000
    routes:
      - match:
          path: /a
        answer: 204
)");
  const model::Route& route = onlyHost(config).routes.at(0);
  EXPECT_EQ(route.match.path_origin, (model::Origin{"shop.yaml", 6, 17, "inbound[0].routes[0].match.path"}));
  EXPECT_EQ(model::describe(route.origin), "inbound[0].routes[0] in shop.yaml line 5");
  EXPECT_EQ(route.name, "routes[0]");
}

TEST(YamlConfig, OutboundWithoutRoutesReachesServicesByName) {
  const model::Config config = valid(R"(
outbound: [{ listen: 4140 }]
services:
  Orders: 10.0.0.1:8080
  payments: [payments.internal:80, 10.0.0.2:80]
)");
  EXPECT_EQ(model::toText(config.listeners.at(0).address), "127.0.0.1:4140");
  EXPECT_EQ(config.listeners[0].direction, model::Direction::kOutbound);
  const auto& hosts = config.route_tables.at(0).hosts;
  ASSERT_EQ(hosts.size(), 2u);
  EXPECT_THAT(hosts[0].hosts, ElementsAre("orders"));
  EXPECT_THAT(hosts[1].hosts, ElementsAre("payments"));
  EXPECT_EQ(std::get<model::Forward>(hosts[0].routes.at(0).action).clusters[0].cluster, "Orders");
  EXPECT_EQ(config.clusters.at(1).endpoints.at(0).address.kind, model::SocketAddress::Kind::kDns);
}

TEST(YamlConfig, EveryListenerSetting) {
  const model::Config config = valid(R"(
limits: { head: 32KiB, header_count: 10 }
timeouts: { idle: 5s }
inbound:
  - listen: "unix:/run/in.sock"
    name: front
    app: unix:@app
    edge: true
    trusted_hops: 2
    forwarded: true
    via: me
    request_id: false
    trace_context: false
    client_fin: answer
    merge_slashes: false
    limits: { header_count: 20 }
    timeouts: { header: 1500ms }
    unix_mode: 0600
    backlog: 7
)");
  const model::Listener& listener = config.listeners.at(0);
  EXPECT_EQ(listener.name, "front");
  EXPECT_EQ(listener.limits.head, 32_KiB) << "from the top level";
  EXPECT_EQ(listener.limits.header_count, 20u) << "the listener's own";
  EXPECT_EQ(listener.timeouts.idle, Milliseconds(5'000));
  EXPECT_EQ(listener.timeouts.header, Milliseconds(1'500));
  EXPECT_EQ(listener.unix_mode, 0600u);
  EXPECT_EQ(listener.backlog, 7u);
  const model::HttpOptions& http = *listener.default_chain.http;
  EXPECT_TRUE(http.edge);
  EXPECT_EQ(http.trusted_hops, 2u);
  EXPECT_TRUE(http.forwarded);
  EXPECT_EQ(http.via, "me");
  EXPECT_FALSE(http.request_id);
  EXPECT_FALSE(http.trace_context);
  EXPECT_EQ(http.client_fin, model::ClientFin::kAnswer);
  EXPECT_FALSE(http.merge_slashes);
}

TEST(YamlConfig, PathForms) {
  using Kind = model::PathMatch::Kind;
  struct Case {
    const char* yaml;
    Kind kind;
    const char* text;
  };
  const Case cases[] = {
      {"/a/b", Kind::kExact, "/a/b"},
      {"/", Kind::kExact, "/"},
      {"/v2/*", Kind::kPrefix, "/v2"},
      {"/*", Kind::kPrefix, "/"},
      {"~ ^/re$", Kind::kRegex, "^/re$"},
      {"\"/users/{id}\"", Kind::kTemplate, "/users/{id}"},
      {"\"/files/{rest=**}\"", Kind::kTemplate, "/files/{rest=**}"},
      {"{ exact: /x }", Kind::kExact, "/x"},
      {"{ prefix: /x/ }", Kind::kPrefix, "/x"},
      {"{ regex: \"/x+\" }", Kind::kRegex, "/x+"},
      {"{ template: \"/{x}\" }", Kind::kTemplate, "/{x}"},
  };
  for (const Case& c : cases) {
    const model::Config config =
        valid(std::string("inbound: [{ listen: 1, routes: [{ match: { path: ") + c.yaml + " }, answer: 200 }] }]");
    const model::PathMatch& path = onlyHost(config).routes.at(0).match.path;
    EXPECT_EQ(path.kind, c.kind) << c.yaml;
    EXPECT_EQ(path.text, c.text) << c.yaml;
  }
}

TEST(YamlConfig, EveryMatch) {
  const model::Config config = valid(R"(
inbound:
  - listen: 1
    routes:
      - match:
          host: WWW.Example.com
          method: GET
          headers: { X-Canary: true, b: { prefix: p }, c: { suffix: s }, d: { regex: "r+" }, e: { present: true }, f: { absent: true } }
          query: { q: 1 }
          cookies: { k: { exact: v } }
          source: 10.0.0.1
        answer: { status: 418, body: teapot, content_type: text/x }
)");
  const model::VirtualHost& host = onlyHost(config);
  EXPECT_THAT(host.hosts, ElementsAre("www.example.com"));
  const model::RouteMatch& match = host.routes.at(0).match;
  EXPECT_THAT(match.methods, ElementsAre("GET"));
  EXPECT_THAT(match.sources, ElementsAre("10.0.0.1/32"));
  ASSERT_EQ(match.headers.size(), 6u);
  using Kind = model::ValueMatch::Kind;
  const Kind kinds[] = {Kind::kExact, Kind::kPrefix, Kind::kSuffix, Kind::kRegex, Kind::kPresent, Kind::kAbsent};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(match.headers[i].kind, kinds[i]);
  EXPECT_EQ(match.headers[0].name, "x-canary");
  EXPECT_EQ(match.headers[0].text, "true");
  EXPECT_EQ(match.query.at(0).text, "1");
  EXPECT_EQ(match.cookies.at(0).text, "v");
  EXPECT_EQ(std::get<model::DirectAnswer>(host.routes[0].action), (model::DirectAnswer{418, "teapot", "text/x"}));
}

TEST(YamlConfig, ActionsAndChanges) {
  const model::Config config = valid(R"(
inbound:
  - listen: 1
    routes:
      - match: { path: /a/* }
        split: [{ to: x, weight: 0 }, { to: y, weight: 3 }]
        rewrite: { path_prefix: /b, host: "h:80" }
        request_headers: { set: { X-A: "1" }, add: { X-B: [b, c], X-C: d }, remove: [X-D] }
        response_headers: { set: { server: none } }
        timeout: 2s
        idle_timeout: 1s
      - match: { path: "/u/{id}" }
        redirect: { status: 308, scheme: https, host: example.com, port: 8443, path: "/users/{id}?from=u" }
services: { x: 1.1.1.1:1, y: 1.1.1.2:1 }
)");
  // The template comes before the prefix.
  const auto& routes = onlyHost(config).routes;
  ASSERT_EQ(routes.size(), 2u);
  const auto& redirect = std::get<model::Redirect>(routes[0].action);
  EXPECT_EQ(redirect, (model::Redirect{308, "https", "example.com", 8443, "/users/{id}?from=u", std::nullopt}));
  const model::Route& split = routes[1];
  EXPECT_EQ(std::get<model::Forward>(split.action).clusters.at(1).weight, 3u);
  EXPECT_EQ(*split.rewrite, (model::Rewrite{std::nullopt, "/b", "h:80"}));
  EXPECT_EQ(split.request_headers.set, (std::vector<std::pair<std::string, std::string>>{{"X-A", "1"}}));
  EXPECT_EQ(split.request_headers.add.size(), 3u);
  EXPECT_THAT(split.request_headers.remove, ElementsAre("x-d"));
  EXPECT_EQ(split.response_headers.set.size(), 1u);
  EXPECT_EQ(split.timeout, Milliseconds(2'000));
  EXPECT_EQ(split.idle_timeout, Milliseconds(1'000));
}

TEST(YamlConfig, TelemetryAdminAndTheRest) {
  const model::Config config = valid(R"(
inbound: [{ listen: 1, app: 3000 }]
drain: { delay: 0, grace: 5s }
cores: 3
telemetry:
  access_log: { to: "syslog:udp:127.0.0.1:514", template: "%{method} 100%%", buffer: 4KiB, flush: 10ms, queue: 1MiB }
  log: { level: warning, format: json }
  recent: 0
admin: { listen: 0.0.0.0:9901, public: true }
)");
  EXPECT_EQ(config.drain, (model::Drain{Milliseconds(0), Milliseconds(5'000)}));
  EXPECT_EQ(config.cores, 3u);
  const model::AccessLog& log = config.telemetry.access_log;
  EXPECT_EQ(log.sink, model::AccessLog::Sink::kSyslogUdp);
  EXPECT_EQ(model::toText(log.address), "127.0.0.1:514");
  EXPECT_EQ(log.format, model::AccessLog::Format::kText);
  EXPECT_EQ(log.text, "%{method} 100%%");
  EXPECT_EQ(log.buffer, 4_KiB);
  EXPECT_EQ(config.telemetry.log.level, model::ProcessLog::Level::kWarning);
  EXPECT_TRUE(config.telemetry.log.json);
  EXPECT_EQ(config.telemetry.recent, 0u);
  EXPECT_TRUE(config.admin_public);
  EXPECT_EQ(model::toText(*config.admin), "0.0.0.0:9901");
}

TEST(YamlConfig, LogDestinations) {
  using Sink = model::AccessLog::Sink;
  const std::pair<const char*, Sink> cases[] = {{"false", Sink::kNone},
                                                {"stdout", Sink::kStdout},
                                                {"/var/log/a.log", Sink::kFile},
                                                {"./a.log", Sink::kFile},
                                                {"\"syslog:unix:/dev/log\"", Sink::kSyslogUnix}};
  for (const auto& [text, sink] : cases) {
    const std::string yaml =
        std::string("inbound: [{ listen: 1, app: 3000 }]\ntelemetry: { access_log: ") + text + " }";
    EXPECT_EQ(valid(yaml).telemetry.access_log.sink, sink) << text;
  }
}

TEST(YamlConfig, AppsGetClustersOfTheirOwn) {
  const model::Config config = valid(R"(
inbound:
  - { listen: 1, app: 3000 }
  - { listen: 2, app: 3001 }
  - { listen: 3, app: 3000 }
services: { app: 10.0.0.1:80 }
)");
  ASSERT_EQ(config.clusters.size(), 3u);
  EXPECT_EQ(config.clusters[0].name, "app");
  EXPECT_EQ(config.clusters[1].name, "app-2");
  EXPECT_EQ(config.clusters[2].name, "app-3");
  const auto clusterOf = [&](size_t table) {
    return std::get<model::Forward>(config.route_tables.at(table).hosts.at(0).routes.at(0).action).clusters[0].cluster;
  };
  EXPECT_EQ(clusterOf(0), "app-2");
  EXPECT_EQ(clusterOf(1), "app-3");
  EXPECT_EQ(clusterOf(2), "app-2") << "the same application is the same cluster";
}

TEST(YamlConfig, AServiceNamedAppIsNobodysApplication) {
  const model::Config config = valid(R"(
inbound: [{ listen: 1, app: 3000 }]
services: { app: { endpoints: 3000, balance: random } }
)");
  ASSERT_EQ(config.clusters.size(), 2u);
  EXPECT_EQ(config.clusters[1].name, "app-2");
  EXPECT_FALSE(loadYaml("inbound: [{ listen: 1, app: 3000 }]\nservices: { app: [] }", "f").errors.empty());
}

TEST(YamlConfig, AliasesOfWholeValues) {
  const model::Config config = valid(R"(
inbound:
  - { listen: 1, app: 3000, limits: &tight { head: 4KiB, target: 1KiB } }
  - { listen: 2, app: 3000, limits: *tight }
)");
  EXPECT_EQ(config.listeners.at(1).limits.head, 4_KiB);
}

TEST(YamlConfig, AByteOrderMarkAndCarriageReturnsAreFine) {
  valid("\xEF\xBB\xBFinbound:\r\n  - listen: 1\r\n    app: 3000\r\n");
}

TEST(YamlConfig, EveryExampleLoads) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("examples")) {
    if (entry.path().extension() != ".yaml") continue;
    const LoadedConfig loaded = loadYamlFile(entry.path().string());
    EXPECT_EQ(allErrors(loaded), "") << entry.path();
    EXPECT_TRUE(loaded.warnings.empty()) << describe(loaded.warnings.at(0));
    ++count;
  }
  EXPECT_GE(count, 4u);
}

TEST(YamlConfig, Files) {
  const std::string missing = allErrors(loadYamlFile("/nowhere/shop.yaml"));
  EXPECT_EQ(
      missing,
      "/nowhere/shop.yaml: can't be read: no such file or directory; expected the path of a configuration file\n");
  EXPECT_EQ(allErrors(loadYamlFile("/")), "/: is a directory; expected the path of a configuration file\n");
  const auto path = std::filesystem::temp_directory_path() / ("remora_yaml_config_test_" + std::to_string(getpid()));
  std::ofstream(path) << "inbound: [{ listen: 1, app: 3000 }]";
  EXPECT_EQ(allErrors(loadYamlFile(path.string())), "");
  std::filesystem::remove(path);
}

TEST(Flags, Inbound) {
  const LoadedConfig loaded = configFromFlags({"8080=3000", "127.0.0.1:8081=unix:/run/app.sock"}, {});
  EXPECT_EQ(allErrors(loaded), "");
  const model::Config& config = loaded.config;
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(model::toText(config.listeners[0].address), "0.0.0.0:8080");
  EXPECT_EQ(model::toText(config.listeners[1].address), "127.0.0.1:8081");
  EXPECT_EQ(model::toText(config.clusters.at(0).endpoints.at(0).address), "127.0.0.1:3000");
  EXPECT_EQ(config.clusters.at(1).name, "app-2");
  EXPECT_EQ(config.telemetry.access_log.sink, model::AccessLog::Sink::kStdout);
  EXPECT_EQ(config.telemetry.access_log.format, model::AccessLog::Format::kJson);
  EXPECT_EQ(model::toText(config.admin.value()), "127.0.0.1:9901");
}

TEST(Flags, Outbound) {
  const LoadedConfig loaded =
      configFromFlags({}, {"4140=orders@10.0.0.1:8080,10.0.0.2:8080", "4140=payments@payments:80", "4141"}, "off");
  EXPECT_EQ(allErrors(loaded), "");
  ASSERT_EQ(loaded.config.listeners.size(), 2u);
  EXPECT_EQ(model::toText(loaded.config.listeners[0].address), "127.0.0.1:4140");
  ASSERT_EQ(loaded.config.clusters.size(), 2u);
  EXPECT_EQ(loaded.config.clusters[0].endpoints.size(), 2u);
  EXPECT_EQ(loaded.config.route_tables.at(1).hosts.size(), 2u);
  EXPECT_FALSE(loaded.config.admin.has_value());
}

TEST(Flags, Errors) {
  const auto errorsOf = [](const std::vector<std::string>& in, const std::vector<std::string>& out,
                           const std::string& admin = "") { return allErrors(configFromFlags(in, out, admin)); };
  EXPECT_EQ(errorsOf({}, {}),
            "command line: there is no listener; expected --inbound LISTEN=APP such as 8080=3000 or "
            "0.0.0.0:8080=unix:/run/app.sock\n");
  EXPECT_EQ(errorsOf({"8080"}, {}),
            "command line: --inbound 8080: the application's address is missing; expected LISTEN=APP such as 8080=3000 "
            "or 0.0.0.0:8080=unix:/run/app.sock; did you mean '8080=3000'?\n");
  EXPECT_THAT(errorsOf({"8080=8080"}, {}), testing::HasSubstr("is the listener"));
  EXPECT_THAT(errorsOf({"80=70000"}, {}), testing::HasSubstr("--inbound 80=70000"));
  EXPECT_THAT(errorsOf({}, {"4140"}), testing::HasSubstr("leads nowhere"));
  EXPECT_THAT(errorsOf({}, {"4140=orders"}), testing::HasSubstr("there is no service in 'orders'"));
  EXPECT_THAT(errorsOf({"9901=3000"}, {}, "127.0.0.1:9901"), testing::HasSubstr("is taken by the listener"));
  EXPECT_THAT(errorsOf({"80=3000"}, {}, "0.0.0.0:9901"), testing::HasSubstr("could read the configuration"));
}

}  // namespace
}  // namespace remora::control
