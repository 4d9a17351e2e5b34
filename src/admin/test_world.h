// For the tests of this folder: a small configuration in plain model structs, and a process that exists only for them,
// with its cores and its admin side on one loop in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "admin/process.h"
#include "loop/test_loop.h"
#include "snapshot/compiler.h"

namespace remora::admin {

inline model::Origin originAt(uint32_t line, std::string path) {
  return {.file = "shop.yaml", .line = line, .column = 3, .path = std::move(path)};
}

inline model::Cluster clusterNamed(std::string name, std::vector<std::string> ips, uint32_t line) {
  model::Cluster cluster;
  cluster.origin = originAt(line, "services." + name);
  cluster.name = std::move(name);
  for (std::string& ip : ips) cluster.endpoints.push_back({.address = {.host = std::move(ip), .port = 8080}});
  return cluster;
}

inline model::Route routeNamed(std::string name, model::PathMatch path, uint32_t line) {
  model::Route route;
  route.origin = originAt(line, "outbound[0].routes[" + std::to_string(line - 10) + "]");
  route.name = std::move(name);
  route.match.path = std::move(path);
  route.match.path_origin = originAt(line, route.origin.path + ".match.path");
  return route;
}

inline model::Listener listenerNamed(std::string name, model::Direction direction, uint16_t port, uint32_t line) {
  model::Listener listener;
  listener.origin =
      originAt(line, direction == model::Direction::kInbound ? "inbound[0].listen" : "outbound[0].listen");
  listener.name = name;
  listener.direction = direction;
  listener.address = {.host = "127.0.0.1", .port = port};
  listener.default_chain.http = model::HttpOptions{.route_table = std::move(name)};
  return listener;
}

// inbound-8080 -> app; outbound-4140 -> orders by canary header, path and split; a redirect; a direct answer.
inline model::Config shopConfig() {
  using Kind = model::PathMatch::Kind;
  model::Config config;
  config.source = "shop.yaml";
  config.listeners = {listenerNamed("inbound-8080", model::Direction::kInbound, 8080, 2),
                      listenerNamed("outbound-4140", model::Direction::kOutbound, 4140, 5)};
  config.clusters = {clusterNamed("app", {"127.0.0.1"}, 40), clusterNamed("orders", {"10.0.0.1", "10.0.0.2"}, 42),
                     clusterNamed("orders-v2", {"10.0.0.9"}, 44)};
  model::Route canary = routeNamed("canary", {Kind::kPrefix, "/v2"}, 11);
  canary.match.headers.push_back({.name = "x-canary",
                                  .kind = model::ValueMatch::Kind::kExact,
                                  .text = "true",
                                  .origin = originAt(12, "outbound[0].routes[1].match.headers.x-canary")});
  canary.action = model::Forward{{{.cluster = "orders-v2"}}};
  model::Route split = routeNamed("split", {Kind::kPrefix, "/v2"}, 13);
  split.action = model::Forward{{{.cluster = "orders-v2", .weight = 10}, {.cluster = "orders", .weight = 90}}};
  split.timeout = Milliseconds(2'000);
  split.rewrite = model::Rewrite{.path_prefix = "/api"};
  split.request_headers.set = {{"x-from", "shop"}};
  split.response_headers.remove = {"server"};
  model::Route old = routeNamed("old", {Kind::kPrefix, "/v1"}, 14);
  old.action = model::Redirect{.status = 308, .path_prefix = "/v2"};
  model::Route ping = routeNamed("ping", {Kind::kExact, "/ping"}, 15);
  ping.action = model::DirectAnswer{.status = 200, .body = "pong"};
  model::Route lost = routeNamed("lost", {Kind::kExact, "/lost"}, 16);
  lost.action = model::Forward{{{.cluster = "nowhere"}}};
  model::Route app = routeNamed("app", {Kind::kAny, ""}, 3);
  app.origin = originAt(3, "inbound[0].app");
  app.action = model::Forward{{{.cluster = "app"}}};
  config.route_tables = {{.name = "inbound-8080", .hosts = {{.name = "*", .hosts = {"*"}, .routes = {app}}}},
                         {.name = "outbound-4140",
                          .hosts = {{.origin = originAt(10, "outbound[0].routes"),
                                     .name = "orders",
                                     .hosts = {"orders"},
                                     .routes = {canary, split, old, ping, lost}}}}};
  return config;
}

inline snapshot::SnapshotPtr compileOrDie(model::Config config, uint32_t generation = 7) {
  auto compiled = snapshot::compile(std::move(config), generation, std::make_shared<snapshot::RuleBook>());
  if (compiled) return *compiled;
  for (const route::CompileError& error : compiled.error()) ADD_FAILURE() << error.problem;
  return nullptr;
}

// Until messages between loops, too, have come and gone: a question to the cores, its answers, and what follows.
inline void settleMail(loop::TestLoop& loop) {
  for (int round = 0; round < 3; ++round) loop.settle();
}

class NoConnector final : public net::Connector {
 public:
  Result<std::unique_ptr<net::Stream>> connect(const net::Address&) override { return fail(Reason::kConnectRefused); }
};

class FakeProcess final : public Process {
 public:
  // `stuck` cores have a loop that never turns.
  explicit FakeProcess(loop::TestLoop& admin, size_t cores = 1, size_t stuck = 0)
      : snapshot_now(compileOrDie(shopConfig())), admin_(admin) {
    for (size_t i = 0; i < cores + stuck; ++i) addCore(i < cores ? admin_.loop() : stuck_.loop());
  }

  loop::Loop& loop() override { return admin_.loop(); }
  const std::vector<CoreHandle>& cores() const override { return handles_; }
  snapshot::SnapshotPtr snapshot() const override { return snapshot_now; }
  Phase phase() const override { return phase_now; }
  ReloadFacts reloads() const override { return reloads_now; }
  std::string effectiveConfig() const override { return "inbound: []\n"; }
  observe::Log& log() override { return log_; }
  observe::ProcessFacts facts() const override { return {.version = "test", .snapshot_generation = 7}; }
  observe::OverloadFacts overload() const override { return {.sentence = overload_now}; }
  std::string resolverFacts(const std::string& cluster) const override {
    return cluster == "orders" ? "orders.internal: 2 addresses\n" : "";
  }
  std::optional<upstream::HealthFacts> healthFacts(const std::string& cluster) const override {
    return cluster == health_now.service ? std::optional(health_now) : std::nullopt;
  }
  void drain() override {
    ++drains;
    phase_now = Phase::kDraining;
  }
  proxy::Core& core(size_t i) { return *cores_[i].core; }

  snapshot::SnapshotPtr snapshot_now;
  Phase phase_now = Phase::kServing;
  ReloadFacts reloads_now;
  upstream::HealthFacts health_now;  // of its service
  std::string overload_now;
  int drains = 0;

 private:
  struct CoreParts {
    std::unique_ptr<observe::CoreMetrics> metrics;
    std::unique_ptr<proxy::Core> core;
  };

  void addCore(loop::Loop& loop) {
    const auto index = static_cast<uint32_t>(cores_.size());
    auto metrics = std::make_unique<observe::CoreMetrics>();
    auto core = std::make_unique<proxy::Core>(proxy::Core::Parts{
        .index = index, .loop = loop, .connector = connector_, .metrics = *metrics, .seed = {index + 1, 2, 3, 4}});
    core->adoptSnapshot(snapshot_now, nullptr);
    handles_.push_back({.core = core.get(), .loop = &loop, .metrics = metrics.get()});
    cores_.push_back({.metrics = std::move(metrics), .core = std::move(core)});
  }

  loop::TestLoop& admin_;
  loop::TestLoop stuck_;
  NoConnector connector_;
  observe::Log log_{{.write = [](void*, std::string_view) {}}, observe::LogLevel::kInfo, observe::LogFormat::kText};
  std::vector<CoreParts> cores_;
  std::vector<CoreHandle> handles_;
};

}  // namespace remora::admin
