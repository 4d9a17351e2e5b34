#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "control/yaml_config.h"

namespace remora::control {
namespace {

void forget(model::Origin& origin) {
  origin = {};
}

void forget(model::RouteMatch& match) {
  forget(match.path_origin);
  forget(match.methods_origin);
  forget(match.sources_origin);
  for (auto* values : {&match.headers, &match.query, &match.cookies}) {
    for (model::ValueMatch& value : *values) forget(value.origin);
  }
}

// Places differ between a file and what is written from it; nothing else may.
void forgetOrigins(model::Config& config) {
  config.source.clear();
  forget(config.telemetry.access_log.origin);
  for (model::Listener& listener : config.listeners) forget(listener.origin);
  for (model::TlsServer& tls : config.tls_servers) {
    forget(tls.origin);
    for (model::CertificateFiles& files : tls.certificates) forget(files.origin);
  }
  for (model::Cluster& cluster : config.clusters) {
    forget(cluster.origin);
    if (cluster.tls) forget(cluster.tls->origin);
    if (cluster.tls && cluster.tls->certificate) forget(cluster.tls->certificate->origin);
    for (model::Endpoint& endpoint : cluster.endpoints) forget(endpoint.origin);
  }
  for (model::RouteTable& table : config.route_tables) {
    forget(table.origin);
    for (model::VirtualHost& host : table.hosts) {
      forget(host.origin);
      for (model::Route& route : host.routes) {
        forget(route.origin);
        forget(route.match);
        if (route.shared_limit) forget(route.shared_limit->origin);
        auto* forward = std::get_if<model::Forward>(&route.action);
        if (forward == nullptr) continue;
        for (model::WeightedCluster& cluster : forward->clusters) forget(cluster.origin);
      }
    }
  }
}

void expectSameRoute(const model::Route& a, const model::Route& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.match, b.match) << a.name;
  EXPECT_EQ(a.action, b.action) << a.name;
  EXPECT_EQ(a.rewrite, b.rewrite) << a.name;
  EXPECT_EQ(a.request_headers, b.request_headers) << a.name;
  EXPECT_EQ(a.response_headers, b.response_headers) << a.name;
  EXPECT_EQ(a.timeout, b.timeout) << a.name;
  EXPECT_EQ(a.idle_timeout, b.idle_timeout) << a.name;
  EXPECT_EQ(a.priority, b.priority) << a.name;
}

void expectSameListener(const model::Listener& a, const model::Listener& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.direction, b.direction);
  EXPECT_EQ(a.address, b.address);
  EXPECT_EQ(a.backlog, b.backlog);
  EXPECT_EQ(a.unix_mode, b.unix_mode);
  EXPECT_EQ(a.limits, b.limits);
  EXPECT_EQ(a.timeouts, b.timeouts);
  EXPECT_EQ(a.detection, b.detection);
  EXPECT_EQ(a.chains, b.chains);
  EXPECT_EQ(a.default_chain, b.default_chain);
}

void expectSame(model::Config a, model::Config b) {
  forgetOrigins(a);
  forgetOrigins(b);
  EXPECT_EQ(a.clusters, b.clusters);
  EXPECT_EQ(a.tls_servers, b.tls_servers);
  EXPECT_EQ(a.telemetry, b.telemetry);
  EXPECT_EQ(a.admin, b.admin);
  EXPECT_EQ(a.admin_public, b.admin_public);
  EXPECT_EQ(a.drain, b.drain);
  EXPECT_EQ(a.overload, b.overload);
  EXPECT_EQ(a.cores, b.cores);
  ASSERT_EQ(a.listeners.size(), b.listeners.size());
  for (size_t i = 0; i < a.listeners.size(); ++i) expectSameListener(a.listeners[i], b.listeners[i]);
  ASSERT_EQ(a.route_tables.size(), b.route_tables.size());
  for (size_t t = 0; t < a.route_tables.size(); ++t) {
    EXPECT_EQ(a.route_tables[t].name, b.route_tables[t].name);
    ASSERT_EQ(a.route_tables[t].hosts.size(), b.route_tables[t].hosts.size());
    for (size_t h = 0; h < a.route_tables[t].hosts.size(); ++h) {
      const model::VirtualHost& left = a.route_tables[t].hosts[h];
      const model::VirtualHost& right = b.route_tables[t].hosts[h];
      EXPECT_EQ(left.hosts, right.hosts);
      ASSERT_EQ(left.routes.size(), right.routes.size()) << left.name;
      for (size_t r = 0; r < left.routes.size(); ++r) expectSameRoute(left.routes[r], right.routes[r]);
    }
  }
}

void expectRoundTrip(const LoadedConfig& loaded) {
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << describe(error);
  const std::string written = effectiveYaml(loaded.config);
  SCOPED_TRACE(written);
  const LoadedConfig again = loadYaml(written, "effective");
  for (const ConfigError& error : again.errors) ADD_FAILURE() << describe(error);
  expectSame(loaded.config, again.config);
  EXPECT_EQ(effectiveYaml(again.config), written) << "writing what was read changes nothing";
}

TEST(Effective, EveryExampleRoundTrips) {
  for (const auto& entry : std::filesystem::directory_iterator("examples")) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path());
    expectRoundTrip(loadYamlFile(entry.path().string()));
  }
}

TEST(Effective, FlagsRoundTrip) {
  expectRoundTrip(
      configFromFlags({"8080=3000", "unix:@in=unix:/run/app.sock"}, {"4140=Orders@10.0.0.1:80,b:80", "4140=p@c:1"}));
}

TEST(Effective, WhatHoldsRequestsBackRoundTrips) {
  expectRoundTrip(loadYaml(R"(
outbound:
  - listen: 1
    routes:
      - { match: { path: /a }, to: x, priority: low }
      - match: { path: /c }
        to: y
        priority:
          identities:
            - { sans: ["spiffe://a/b/*", c.example], is: low }
            - { trust_domains: a, is: high }
      - { match: { path: /b }, to: y, priority: { is: high, header: X-Priority, raise: true } }
services:
  x: { endpoints: "x:1", adaptive_concurrency: true, circuit_breaker: true, admission_control: true }
  y:
    endpoints: "x:2"
    limits: { requests: 7, low_share: 30 }
    adaptive_concurrency: { min: 3, max: 50, percentile: 50, buffer: 10, sample: 1s, min_rtt_every: 5m,
                            min_rtt_requests: 7 }
    circuit_breaker: { window: 1s, requests: 2, errors: 3, open: 4s, open_most: 5s, probes: 6 }
    admission_control: { threshold: 90, aggression: 2, window: 10s, rate: 3, reject_most: 50 }
)",
                           "f"));
}

TEST(Effective, EverySettingOfTlsAndProtocolsRoundTrips) {
  expectRoundTrip(loadYaml(R"(
inbound:
  - listen: 1
    name: a
    app: { endpoints: unix:/a, protocol: http2, tls: { sans: [spiffe://a/b], trust_domains: [a], verify: true, crl: x } }
    protocol: auto
    detection: 3s
    tls:
      certificates: [{ certificate: "a b.pem", key: a.key }, { certificate: b, key: c/../d }]
      client: optional
      client_ca: ca
      client_names: { sans: ["*.x", 1.2.3.4], trust_domains: [a, b] }
      crl: r
      plaintext: accept
      unknown_name: refuse
      min_version: "1.3"
      ticket_lifetime: 2h
      handshake: 1s
    http2: { streams: 1, stream_window: 2KiB, connection_window: 64KiB, unsent: 16KiB, resets: 2, control_frames: 3,
             continuations: 4, ping: 5s, ping_timeout: 6s }
  - { listen: 2, app: 3000, protocol: http1, tls: { certificate: c, key: k, tickets: false, max_version: 1.2 } }
  - { listen: 3, app: 3000, protocol: tcp, tls: { certificate: c, key: k } }
outbound:
  - listen: 4
    tcp:
      - { match: { server_names: [a, "*.b"], destinations: [10.0.0.0/8, "::1"], sources: 10.0.0.1 }, to: x, idle: 0 }
      - { match: { server_names: c }, to: { service: x, labels: { role: primary }, fallback: any } }
      - { match: { sources: 10.0.0.1 }, to: x, name: second }
  - { listen: 5, tcp: x }
services:
  x: { endpoints: "x:1", tls: { verify: false, certificate: c, key: k, server_name: y, resume: false } }
  y: { endpoints: "x:2", tls: true, http2: { streams: 7 } }
  z: { endpoints: "x:3", protocol: http1 }
)",
                           "f"));
}

TEST(Effective, EveryHealthCheckRoundTrips) {
  const LoadedConfig loaded = loadYaml(R"(
inbound: [{ listen: 1, app: 3000 }]
services:
  a: { endpoints: "x:1", health_check: /healthz }
  b: { endpoints: "x:2", health_check: false }
  c:
    endpoints: "x:3"
    health_check: { http: "/a?b=c", method: HEAD, statuses: [200..204, 302], host: "x.example:8", port: 9000 }
  d: { endpoints: "x:4", protocol: http2, health_check: { grpc: true, interval: 1s, interval_idle: 3m, timeout: 50ms } }
  e: { endpoints: "x:5", tls: true, health_check: { grpc: "true", jitter: 0 } }
  f: { endpoints: "x:6", health_check: { tcp: true, unhealthy_threshold: 1, healthy_threshold: 7 } }
)",
                                       "f");
  expectRoundTrip(loaded);
  using Kind = model::HealthCheck::Kind;
  const auto& clusters = loaded.config.clusters;
  const auto find = [&](std::string_view name) {
    return std::ranges::find(clusters, name, &model::Cluster::name)->health_check;
  };
  model::HealthCheck plain;
  plain.path = "/healthz";
  EXPECT_EQ(find("a"), plain);
  EXPECT_EQ(find("b"), std::nullopt);
  const std::vector<model::HealthCheck::Statuses> statuses{{200, 204}, {302, 302}};
  EXPECT_EQ(find("c")->statuses, statuses);
  EXPECT_EQ(find("d")->grpc_service, "");
  EXPECT_EQ(find("e")->grpc_service, "true") << "a name";
  EXPECT_EQ(find("f")->kind, Kind::kTcp);
}

TEST(Effective, HostsAreWrittenAsTheyWereBeforeMerging) {
  const LoadedConfig loaded = loadYaml(R"(
inbound:
  - listen: 1
    app: 3000
    routes:
      - { answer: 201, match: { path: /x } }
      - { answer: 202, match: { host: [a.example.com, b.example.com] } }
      - { answer: 203, match: { host: "*.example.com" } }
      - { answer: 204, match: { host: ["*.b.example.com", c] } }
      - { answer: 205, match: { host: b.example.com, path: /y } }
)",
                                       "f");
  expectRoundTrip(loaded);
  const std::string written = effectiveYaml(loaded.config);
  EXPECT_NE(written.find("host: [\"a.example.com\", \"b.example.com\"]\n"), std::string::npos) << written;
  EXPECT_NE(written.find("host: [\"*.example.com\"]\n"), std::string::npos) << written;
  EXPECT_NE(written.find("host: [\"*.b.example.com\", \"c\"]\n"), std::string::npos) << written;
}

TEST(Effective, TextsThatYamlCouldMisread) {
  expectRoundTrip(loadYaml(R"(
inbound:
  - listen: 1
    name: "true"
    routes:
      - name: "123"
        match:
          headers: { "1.5": "null", "on": "~", "x!": " a: b #c ", "y": "\\ \" ' {}[],&*" }
          query: { "a b: c": "", "?": "- x", "\u00fc": "\u2028" }
        answer: { body: "line\n\ttab\r\0\x7f \u00e4 'q' \"q\" \\", content_type: "a/b" }
      - match: { host: "no" }
        to: "null"
        request_headers: { set: { "*": "*x", "%a": "" }, add: { a: [b, "c, d"], "null": "1" } }
services: { "null": "10.0.0.1:80", "1": { endpoints: [{ address: "[::1]:5", zone: "yes: no" }] } }
)",
                           "f"));
}

TEST(Effective, WritesEverySetting) {
  const std::string written = effectiveYaml(loadYaml("inbound: [{ listen: 8080, app: 3000 }]", "f").config);
  for (const char* line :
       {"  - listen: 0.0.0.0:8080\n", "    client_fin: cancel\n", "      head: 64KiB\n", "      idle: 1m\n",
        "    unix_mode: \"0660\"\n", "cores: 0\n", "admin: false\n", "    to: false\n", "  recent: 64\n",
        "    balance: least_request\n", "      max_age: 0s\n"}) {
    EXPECT_NE(written.find(line), std::string::npos) << line << written;
  }
}

}  // namespace
}  // namespace remora::control
