// TLS, protocols, HTTP/2's bounds and opaque TCP: each key arrives in the model, and each contradiction is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_files.h"
#include "control/yaml_config.h"

namespace remora::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

model::Config valid(std::string_view text, const std::string& file = "f") {
  LoadedConfig loaded = loadYaml(text, file);
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << describe(error) << "\n" << text;
  return std::move(loaded.config);
}

std::string onlyError(std::string_view text) {
  const LoadedConfig loaded = loadYaml(text, "f");
  std::string all;
  for (const ConfigError& error : loaded.errors) all += describe(error) + "\n";
  EXPECT_EQ(loaded.errors.size(), 1u) << text << "\n" << all;
  return loaded.errors.empty() ? "" : describe(loaded.errors[0]);
}

// A listener with one more entry, in line 4.
std::string listener(std::string_view entry) {
  return "inbound:\n  - listen: 8443\n    app: 3000\n    " + std::string(entry) + "\n";
}
std::string tls(std::string_view entries) {
  return listener("tls: { certificate: c, key: k, " + std::string(entries) + " }");
}
std::string service(std::string_view entries) {
  return "outbound: [{ listen: 1 }]\nservices: { db: { endpoints: db.internal:80, " + std::string(entries) + " } }\n";
}
std::string tcp(std::string_view value) {
  return "outbound:\n  - listen: 1\n    tcp: " + std::string(value) + "\nservices: { db: 10.0.0.1:5432, web: 1 }\n";
}

const model::TlsServer& onlyTls(const model::Config& config) {
  EXPECT_EQ(config.tls_servers.size(), 1u);
  return config.tls_servers.at(0);
}

// ---- listeners

TEST(TlsConfig, ACertificateIsEnough) {
  const model::Config config = valid(listener("tls: { certificate: c.pem, key: k.pem }"));
  const model::TlsServer& server = onlyTls(config);
  EXPECT_EQ(server.name, "inbound-8443");
  EXPECT_EQ(config.listeners.at(0).default_chain.tls, "inbound-8443");
  EXPECT_EQ(config.listeners[0].default_chain.protocol, model::Protocol::kAuto);
  model::TlsServer defaults;
  defaults.name = server.name;
  defaults.origin = {"f", 4, 10, "inbound[0].tls"};
  defaults.certificates = {{{"f", 4, 25, "inbound[0].tls.certificate"}, "c.pem", "k.pem"}};
  EXPECT_EQ(server, defaults);
}

TEST(TlsConfig, EveryKeyOfAListener) {
  const model::Config config = valid(R"(
inbound:
  - listen: 8443
    name: front
    app: 3000
    protocol: http2
    detection: 3s
    tls:
      certificates: [{ certificate: a.pem, key: a.key }, { certificate: b.pem, key: b.key }]
      client: optional
      client_ca: ca.pem
      client_names: { sans: [spiffe://example.org/web, "*.example.com", 10.0.0.1], trust_domains: example.org }
      crl: crl.pem
      plaintext: accept
      unknown_name: refuse
      min_version: 1.3
      max_version: "1.3"
      tickets: true
      ticket_lifetime: 30m
      handshake: 4s
    http2:
      streams: 7
      stream_window: 64KiB
      connection_window: 128KiB
      unsent: 32KiB
      resets: 8
      control_frames: 9
      continuations: 0
      ping: 20s
      ping_timeout: 5s
)");
  const model::Listener& front = config.listeners.at(0);
  EXPECT_EQ(front.detection, Milliseconds(3'000));
  EXPECT_EQ(front.default_chain.protocol, model::Protocol::kHttp2);
  EXPECT_EQ(front.default_chain.tls, "front");
  const model::TlsServer& server = onlyTls(config);
  ASSERT_EQ(server.certificates.size(), 2u);
  EXPECT_EQ(server.certificates[1].certificate, "b.pem");
  EXPECT_EQ(server.certificates[1].key, "b.key");
  EXPECT_EQ(server.client, model::TlsServer::Client::kOptional);
  EXPECT_EQ(server.client_ca, "ca.pem");
  EXPECT_EQ(server.crl, "crl.pem");
  EXPECT_THAT(server.client_names.sans, ElementsAre("spiffe://example.org/web", "*.example.com", "10.0.0.1"));
  EXPECT_THAT(server.client_names.trust_domains, ElementsAre("example.org"));
  EXPECT_EQ(server.plaintext, model::TlsServer::Plaintext::kAccept);
  EXPECT_EQ(server.unknown_name, model::TlsServer::UnknownName::kRefuse);
  EXPECT_EQ(server.least, model::TlsVersion::k13);
  EXPECT_EQ(server.most, model::TlsVersion::k13);
  EXPECT_EQ(server.ticket_lifetime, Milliseconds(1'800'000));
  EXPECT_EQ(server.handshake, Milliseconds(4'000));
  const model::Http2Options expected{.streams = 7,
                                     .stream_window = 64_KiB,
                                     .connection_window = 128_KiB,
                                     .unsent = 32_KiB,
                                     .resets = 8,
                                     .control_frames = 9,
                                     .continuations = 0,
                                     .ping = Milliseconds(20'000),
                                     .ping_timeout = Milliseconds(5'000)};
  EXPECT_EQ(front.default_chain.http->http2, expected);
}

TEST(TlsConfig, AClientCaMeansThatClientsMustShowACertificate) {
  EXPECT_EQ(onlyTls(valid(tls("client_ca: ca"))).client, model::TlsServer::Client::kRequired);
  EXPECT_EQ(onlyTls(valid(tls("client_ca: ca, client: optional"))).client, model::TlsServer::Client::kOptional);
  EXPECT_EQ(onlyTls(valid(tls("tickets: false"))).client, model::TlsServer::Client::kNone);
}

TEST(TlsConfig, PathsAreTakenFromTheFolderOfTheFile) {
  const std::string text = listener("tls: { certificate: tls/c.pem, key: /run/k.pem, client_ca: ../ca.pem }");
  const model::Config config = valid(text, "/etc/remora/shop.yaml");
  const model::TlsServer& server = onlyTls(config);
  EXPECT_EQ(server.certificates.at(0).certificate, "/etc/remora/tls/c.pem");
  EXPECT_EQ(server.certificates[0].key, "/run/k.pem");
  EXPECT_EQ(server.client_ca, "/etc/ca.pem");
}

TEST(TlsConfig, FilesOfAConfigurationAreListedOnce) {
  const model::Config config = valid(R"(
inbound:
  - { listen: 1, app: 3000, tls: { certificate: a, key: a.key, client_ca: ca, crl: crl } }
  - { listen: 2, app: 3000, tls: { certificates: [{ certificate: a, key: a.key }, { certificate: b, key: b.key }] } }
outbound: [{ listen: 3 }]
services:
  x: { endpoints: "x:1", tls: { ca: ca, certificate: c, key: c.key, crl: crl2 } }
  y: { endpoints: "y:1", tls: true }
  z: z:1
)");
  EXPECT_THAT(filesOf(config), ElementsAre("a", "a.key", "b", "b.key", "c", "c.key", "ca", "crl", "crl2"));
  EXPECT_THAT(filesOf(valid(listener("edge: true"))), IsEmpty());
}

TEST(TlsConfig, ContradictionsOfAListener) {
  EXPECT_EQ(onlyError(listener("tls: { certificate: c.pem }")),
            "f:4:25: inbound[0].tls.certificate: the certificate has no key; expected 'key' beside 'certificate'; add "
            "for example key: key.pem");
  EXPECT_THAT(onlyError(listener("tls: { key: k.pem }")), HasSubstr("the key has no certificate"));
  EXPECT_THAT(onlyError(listener("tls: {}")), HasSubstr("there is no certificate"));
  EXPECT_THAT(onlyError(listener("tls: true")),
              HasSubstr("found 'true'; expected a mapping with the keys certificate"));
  EXPECT_EQ(onlyError(tls("certificates: [{ certificate: a, key: b }]")),
            "f:4:50: inbound[0].tls.certificates: 'certificates' and 'key' exclude each other; expected either "
            "'certificate' and 'key', or 'certificates'; move that pair into the list");
  EXPECT_THAT(onlyError(listener("tls: { certificates: [{ certificate: a }] }")), HasSubstr("'key' is missing"));
  EXPECT_THAT(onlyError(listener("tls: { certificates: [] }")), HasSubstr("an empty list"));
  EXPECT_THAT(onlyError(tls("client: required")), HasSubstr("expected 'client_ca' beside 'client'"));
  EXPECT_THAT(onlyError(tls("client: none, client_ca: ca")), HasSubstr("'client_ca' has no effect: clients are asked"));
  EXPECT_THAT(onlyError(tls("client_names: { sans: a }")), HasSubstr("expected client: required or client: optional"));
  EXPECT_THAT(onlyError(tls("crl: a")), HasSubstr("'crl' has no effect"));
  EXPECT_THAT(onlyError(tls("client_ca: ca, client_names: {}")), HasSubstr("client_names asks for nothing"));
  EXPECT_THAT(onlyError(tls("min_version: 1.3, max_version: 1.2")), HasSubstr("1.2 is older than min_version 1.3"));
  EXPECT_THAT(onlyError(tls("min_version: 1.1")), HasSubstr("unknown value '1.1'; expected one of 1.2 or 1.3"));
  EXPECT_THAT(onlyError(tls("tickets: false, ticket_lifetime: 1h")), HasSubstr("there are no tickets"));
  EXPECT_THAT(onlyError(tls("ticket_lifetime: 200h")), HasSubstr("200h is too long; expected at most 168h"));
  EXPECT_THAT(onlyError(tls("handshake: 0")), HasSubstr("must not be 0"));
  EXPECT_THAT(onlyError(tls("crl: \"\", client_ca: ca")), HasSubstr("is no path"));
  EXPECT_THAT(onlyError(tls("client_c: ca")), HasSubstr("did you mean 'client_ca'?"));
  EXPECT_THAT(onlyError(tls("plaintext: acept")), HasSubstr("did you mean 'accept'?"));
}

TEST(TlsConfig, NamesThatNoCertificateCanHave) {
  const auto names = [](std::string_view text) {
    return onlyError(tls("client_ca: ca, client_names: { " + std::string(text) + " }"));
  };
  EXPECT_THAT(names("sans: \"a b\""), HasSubstr("'a b' can't be an alternative name"));
  EXPECT_THAT(names("sans: [\"spiffe:/example.org/web\"]"), HasSubstr("did you mean 'spiffe://example.org/web'?"));
  EXPECT_THAT(names("sans: \"a.*.b\""), HasSubstr("a DNS name such as \"*.example.com\""));
  EXPECT_THAT(names("trust_domains: spiffe://Example.org/x"), HasSubstr("did you mean 'example.org'?"));
}

TEST(ProtocolConfig, Http2HasNoEffectWithoutHttp2) {
  EXPECT_EQ(onlyError(listener("protocol: http1\n    http2: { streams: 1 }")),
            "f:5:12: inbound[0].http2: 'http2' has no effect: the protocol is http1; expected protocol: http2 or "
            "protocol: auto");
  EXPECT_THAT(onlyError(service("http2: { streams: 1 }")), HasSubstr("without TLS the protocol auto is HTTP/1"));
  EXPECT_THAT(onlyError(service("protocol: http1, tls: true, http2: { streams: 1 }")), HasSubstr("is http1"));
  EXPECT_EQ(valid(service("tls: true, http2: { streams: 1 }")).clusters.at(0).http2.streams, 1u);
  EXPECT_EQ(valid(service("protocol: http2, http2: { streams: 1 }")).clusters.at(0).http2.streams, 1u);
}

TEST(ProtocolConfig, BoundsOfHttp2) {
  EXPECT_THAT(onlyError(listener("http2: { streams: 0 }")), HasSubstr("0 is too small"));
  EXPECT_THAT(onlyError(listener("http2: { connection_window: 32KiB }")), HasSubstr("a size from 64KiB to 1GiB"));
  EXPECT_THAT(onlyError(listener("http2: { stream_window: 2MiB }")),
              HasSubstr("the window of a stream (2MiB) is larger than that of its connection (1MiB)"));
  EXPECT_THAT(onlyError(listener("http2: { ping_timeout: 0 }")), HasSubstr("must not be 0"));
  EXPECT_THAT(onlyError(listener("protocol: http")), HasSubstr("one of auto, http1, http2 or tcp"));
  EXPECT_THAT(onlyError(service("protocol: tcp")), HasSubstr("one of auto, http1 or http2"));
}

// ---- services

TEST(TlsConfig, TrueStandsForEveryDefault) {
  const model::Config config = valid(service("tls: true"));
  model::TlsClient defaults;
  defaults.origin = config.clusters.at(0).tls.value().origin;
  EXPECT_EQ(config.clusters[0].tls, defaults);
  EXPECT_EQ(valid(service("tls: false")).clusters.at(0).tls, std::nullopt);
}

TEST(TlsConfig, EveryKeyOfAService) {
  const model::Config config =
      valid(service("protocol: http2, tls: { ca: ca, certificate: c, key: k, server_name: orders.internal, sans: [a, "
                    "b], trust_domains: "
                    "[example.org], crl: r, min_version: 1.2, max_version: 1.2, resume: false, verify: true }"));
  EXPECT_EQ(config.clusters.at(0).protocol, model::Protocol::kHttp2);
  const model::TlsClient& client = config.clusters[0].tls.value();
  EXPECT_EQ(client.ca, "ca");
  EXPECT_EQ(client.certificate.value().certificate, "c");
  EXPECT_EQ(client.certificate->key, "k");
  EXPECT_EQ(client.server_name, "orders.internal");
  EXPECT_THAT(client.names.sans, ElementsAre("a", "b"));
  EXPECT_THAT(client.names.trust_domains, ElementsAre("example.org"));
  EXPECT_EQ(client.crl, "r");
  EXPECT_EQ(client.most, model::TlsVersion::k12);
  EXPECT_FALSE(client.resumes);
  EXPECT_TRUE(client.verifies);
}

TEST(TlsConfig, ContradictionsOfAService) {
  EXPECT_THAT(onlyError(service("tls: { key: k }")), HasSubstr("the key has no certificate"));
  EXPECT_THAT(onlyError(service("tls: yes")), HasSubstr("did you mean 'true'?"));
  EXPECT_THAT(onlyError(service("tls: [a]")), HasSubstr("found a list; expected true or false, or a mapping"));
  EXPECT_THAT(onlyError(service("tls: { server_name: \"a:443\" }")), HasSubstr("is not a host name"));
  EXPECT_THAT(onlyError(service("tls: { server_name: 10.0.0.1 }")), HasSubstr("verified with the key 'sans'"));
  EXPECT_THAT(onlyError(service("tls: { verify: false, ca: ca }")),
              HasSubstr("'ca' has no effect: nothing is verified"));
  EXPECT_THAT(onlyError(service("tls: { verify: false, sans: a }")), HasSubstr("'sans' has no effect"));
  EXPECT_THAT(onlyError(service("tls: { min_version: 1.3, max_version: 1.2 }")), HasSubstr("is older than"));
  EXPECT_THAT(onlyError("outbound: [{ listen: 1 }]\nservices: { a: { endpoints: unix:/a, tls: { ca: c } } }"),
              HasSubstr("a Unix socket has no host name to verify"));
  EXPECT_THAT(onlyError("outbound: [{ listen: 1 }]\nservices: { a: { endpoints: unix:/a, tls: true } }"),
              HasSubstr("a Unix socket has no host name to verify"));
}

TEST(TlsConfig, BelievingAnyoneIsWarnedOf) {
  const LoadedConfig loaded = loadYaml(service("tls: { verify: false }"), "f");
  EXPECT_THAT(loaded.errors, IsEmpty());
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_THAT(describe(loaded.warnings[0]), HasSubstr("services.db.tls.verify: whoever answers is believed"));
}

// ---- opaque TCP

TEST(TcpConfig, AServiceIsEnough) {
  const model::Config config = valid(tcp("db"));
  const model::Listener& made = config.listeners.at(0);
  EXPECT_EQ(made.default_chain.protocol, model::Protocol::kTcp);
  EXPECT_FALSE(made.default_chain.http);
  EXPECT_EQ(made.default_chain.tcp, (model::TcpOptions{.cluster = "db"}));
  EXPECT_THAT(made.chains, IsEmpty());
  EXPECT_THAT(config.route_tables, IsEmpty());
}

TEST(TcpConfig, ItemsAreChainsInTheOrderOfTheFile) {
  const model::Config config = valid(tcp(R"(
      - match: { server_names: [DB.example.com, "*.internal"], destinations: 10.1.0.0/16, sources: ["::1/128"] }
        to: db
        idle: 0
      - { name: rest, to: web }
)"));
  const model::Listener& made = config.listeners.at(0);
  ASSERT_EQ(made.chains.size(), 1u);
  const model::Chain& chain = made.chains[0];
  EXPECT_EQ(chain.name, "tcp[0]");
  EXPECT_THAT(chain.match.server_names, ElementsAre("db.example.com", "*.internal"));
  EXPECT_THAT(chain.match.destination_cidrs, ElementsAre("10.1.0.0/16"));
  EXPECT_THAT(chain.match.source_cidrs, ElementsAre("::1/128"));
  EXPECT_EQ(chain.tcp, (model::TcpOptions{.cluster = "db", .idle = Milliseconds(0)}));
  EXPECT_EQ(made.default_chain.name, "rest");
  EXPECT_EQ(made.default_chain.tcp.value().cluster, "web");
}

TEST(TcpConfig, ItemsGoToEndpointsWithSomeLabels) {
  const model::Config config = valid(tcp("{ to: { service: db, labels: { role: primary }, fallback: any } }"));
  const model::TcpOptions& made = *config.listeners.at(0).default_chain.tcp;
  EXPECT_EQ(made.cluster, "db");
  EXPECT_EQ(made.subset, (model::Subset{.labels = {{"role", "primary"}}, .falls_back = true}));
  EXPECT_THAT(onlyError(tcp("{ to: { service: db, fallback: any } }")), HasSubstr("'fallback' has no effect"));
  EXPECT_THAT(onlyError(tcp("{ to: { service: bd } }")), HasSubstr("did you mean 'db'?"));
}

TEST(TcpConfig, WhatNoItemTakesIsClosed) {
  const model::Config config = valid(tcp("{ match: { server_names: a }, to: db }"));
  EXPECT_EQ(config.listeners.at(0).chains.size(), 1u);
  EXPECT_FALSE(config.listeners[0].default_chain.tcp);
  EXPECT_FALSE(config.listeners[0].default_chain.http);
}

TEST(TcpConfig, TheApplicationTakesWhatIsLeft) {
  const model::Config config = valid(R"(
inbound:
  - listen: 5433
    app: 5432
    protocol: tcp
    tls: { certificate: c, key: k }
    tcp: { match: { server_names: other }, to: other }
services: { other: 10.0.0.1:1 }
)");
  const model::Listener& made = config.listeners.at(0);
  EXPECT_EQ(made.default_chain.tcp.value().cluster, "app");
  EXPECT_EQ(made.default_chain.name, "inbound-5433");
  EXPECT_EQ(made.default_chain.tls, "inbound-5433");
  EXPECT_EQ(made.chains.at(0).tls, "inbound-5433") << "every choice is made after the handshake";
  EXPECT_EQ(valid("inbound: [{ listen: 1, app: 5432, protocol: tcp }]").listeners.at(0).default_chain.tcp,
            (model::TcpOptions{.cluster = "app"}));
}

TEST(TcpConfig, Contradictions) {
  EXPECT_EQ(
      onlyError(listener("protocol: tcp\n    edge: true")),
      "f:5:11: inbound[0].edge: 'edge' has no effect: with the protocol tcp nothing is read of what clients send; "
      "expected another protocol, or none of this");
  EXPECT_THAT(onlyError(listener("protocol: tcp\n    routes: [{ answer: 200 }]")),
              HasSubstr("choose a service with the key 'tcp'"));
  EXPECT_THAT(onlyError(listener("protocol: tcp\n    http2: { streams: 1 }")), HasSubstr("'http2' has no effect"));
  EXPECT_THAT(onlyError(tcp("db\n    protocol: http1")), HasSubstr("'tcp' has no effect: the protocol is http1"));
  EXPECT_THAT(onlyError(tcp("dv")), HasSubstr("there is no service 'dv'; expected one of db, web; did you mean 'db'?"));
  EXPECT_THAT(onlyError(tcp("[{ match: { sources: 10.0.0.0/8 } }]")), HasSubstr("'to' is missing"));
  EXPECT_THAT(
      onlyError(tcp("[db, { match: { sources: 10.0.0.0/8 }, to: web }]")),
      HasSubstr("f:3:15: outbound[0].tcp[1]: this is never reached: outbound[0].tcp[0] takes every connection"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, app: 2, tcp: db }]\nservices: { db: 3 }"),
              HasSubstr("the application gets nothing"));
  EXPECT_THAT(onlyError("outbound: [{ listen: 1, protocol: tcp }]\nservices: { db: 3 }"),
              HasSubstr("this listener leads nowhere; expected 'tcp'; add for example tcp: db"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 1, protocol: tcp }]"), HasSubstr("expected 'app' or 'tcp'"));
}

TEST(TcpConfig, Matches) {
  const auto match = [](std::string_view text) {
    return onlyError(tcp("{ to: db, match: " + std::string(text) + " }"));
  };
  EXPECT_THAT(match("{}"), HasSubstr("this match asks for nothing"));
  EXPECT_THAT(match("{ server_names: \"*\" }"), HasSubstr("without server_names every name fits"));
  EXPECT_THAT(match("{ server_names: \"a:443\" }"), HasSubstr("did you mean 'a'?"));
  EXPECT_THAT(match("{ server_names: 10.0.0.1 }"), HasSubstr("match it with the key 'destinations'"));
  EXPECT_THAT(match("{ server_names: \"[::1]\" }"), HasSubstr("which TLS never asks for"));
  EXPECT_THAT(match("{ server_names: \"a.*\" }"), HasSubstr("has a star in it"));
  EXPECT_THAT(match("{ destinations: 10.0.0.0/33 }"), HasSubstr("wrong prefix length"));
  EXPECT_THAT(match("{ server_name: a }"), HasSubstr("did you mean 'server_names'?"));
}

// ---- the application as a service

TEST(AppConfig, MayBeAWholeService) {
  const model::Config config = valid(R"(
inbound:
  - { listen: 8080, app: { endpoints: 3000, protocol: http2, http2: { streams: 9 }, timeouts: { connect: 1s } } }
  - { listen: 8081, app: { endpoints: 3000, protocol: http2, http2: { streams: 9 }, timeouts: { connect: 1s } } }
  - { listen: 8082, app: 3000 }
)");
  ASSERT_EQ(config.clusters.size(), 2u) << "one for each that differs";
  EXPECT_EQ(config.clusters[0].name, "app");
  EXPECT_EQ(config.clusters[0].protocol, model::Protocol::kHttp2);
  EXPECT_EQ(config.clusters[0].http2.streams, 9u);
  EXPECT_EQ(config.clusters[0].pool.connect, Milliseconds(1'000));
  EXPECT_EQ(config.clusters[1].name, "app-2");
  EXPECT_THAT(onlyError("inbound: [{ listen: 8080, app: { protocol: http2 } }]"), HasSubstr("'endpoints' is missing"));
  EXPECT_THAT(onlyError("inbound: [{ listen: 8080, app: { endpoints: 8080 } }]"), HasSubstr("round in a circle"));
}

}  // namespace
}  // namespace remora::control
