#include "proxy/choose_chain.h"

#include <gtest/gtest.h>

#include "snapshot/compiler.h"

namespace remora::proxy {
namespace {

using Kind = ChainChoice::Kind;

model::Chain chainTo(const std::string& name, model::ChainMatch match) {
  model::Chain chain;
  chain.name = name;
  chain.match = std::move(match);
  chain.protocol = model::Protocol::kTcp;
  chain.tcp = model::TcpOptions{.cluster = "app"};
  return chain;
}

// A listener with these chains, whose default chain is TCP too, or HTTP.
class Plan {
 public:
  enum class Default : uint8_t { kTcp, kHttp, kNone };
  explicit Plan(std::vector<model::Chain> chains, Default otherwise = Default::kTcp) {
    model::Config config;
    model::Listener listener;
    listener.name = "in";
    listener.chains = std::move(chains);
    if (otherwise == Default::kTcp) {
      listener.default_chain = chainTo("default", {.destination_port = 1});  // its match says nothing
    } else if (otherwise == Default::kHttp) {
      listener.default_chain.http = model::HttpOptions{.route_table = "main"};
      config.route_tables.push_back({{}, "main", {}});
    }
    config.listeners.push_back(std::move(listener));
    config.clusters.emplace_back().name = "app";
    auto compiled = snapshot::compile(std::move(config), 1, std::make_shared<snapshot::RuleBook>());
    if (compiled) {
      snapshot_ = *compiled;
    } else {
      problem = compiled.error()[0].problem;
    }
  }
  // The name of the chain; "http" or "wait" without one.
  std::string chosen(std::string_view source, std::string_view destination, FirstBytes first = {}) const {
    const ChainChoice choice = chooseTcpChain(
        snapshot_->listeners[0],
        {.source = *net::parsePeer(source), .destination = *net::parsePeer(destination), .first = first});
    if (choice.kind == Kind::kTcp) return choice.chain->source->name;
    if (choice.kind == Kind::kWait) return "wait";
    return choice.kind == Kind::kHttp ? "http" : "none";
  }

  std::string problem;

 private:
  snapshot::SnapshotPtr snapshot_;
};

FirstBytes hello(std::string_view name) {
  return {.kind = FirstBytes::Kind::kTls, .server_name = name, .is_complete = true};
}

TEST(ChooseTcpChain, ByPortAndRangesOfBothEnds) {
  const Plan plan({chainTo("db", {.destination_port = 5432}),
                   chainTo("net", {.destination_cidrs = {"10.1.0.0/16", "2001:db8::/32"}}),
                   chainTo("from", {.source_cidrs = {"192.0.2.0/24"}}),
                   chainTo("both", {.destination_port = 25, .destination_cidrs = {"10.9.0.0/16"}})});
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:5432"), "db");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.1.200.3:80"), "net");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "[2001:db8::7]:80"), "net");
  EXPECT_EQ(plan.chosen("192.0.2.200:1", "10.0.0.1:80"), "from");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.9.0.1:25"), "both");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.9.0.1:26"), "default");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.8.0.1:25"), "default");
}

TEST(ChooseTcpChain, TheFirstInOrderWins) {
  const Plan plan({chainTo("narrow", {.destination_cidrs = {"10.0.0.0/8"}}), chainTo("any", {}),
                   chainTo("never", {.destination_port = 80})});
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:80"), "narrow");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "11.0.0.1:80"), "any");
}

TEST(ChooseTcpChain, WithoutOneItIsHttp) {
  const Plan plan({chainTo("db", {.destination_port = 5432})}, Plan::Default::kHttp);
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:5432"), "db");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:80"), "http");
}

TEST(ChooseTcpChain, WithoutADefaultChainItIsNobodys) {
  const Plan plan({chainTo("db", {.destination_port = 5432})}, Plan::Default::kNone);
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:5432"), "db");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:80"), "none");
}

TEST(ChooseTcpChain, ByServerName) {
  const Plan plan(
      {chainTo("exact", {.server_names = {"a.example"}}), chainTo("below", {.server_names = {"x.org", "*.example"}})});
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello("a.example")), "exact");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello("A.eXample")), "exact");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello("b.example")), "below");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello("c.b.EXAMPLE")), "below");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello("x.org")), "below");
  for (const char* other : {"example", ".example", "aexample", "a.example.org", "a.example.",
                            "a\x0e"
                            "example",
                            ""}) {
    EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello(other)), "default") << other;
  }
}

TEST(ChooseTcpChain, ByTransport) {
  const Plan plan({chainTo("tls", {.transport = "tls"}), chainTo("raw", {.transport = "raw_buffer"})});
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", hello("")), "tls");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", {.kind = FirstBytes::Kind::kOther, .is_complete = true}), "raw");
}

TEST(ChooseTcpChain, WaitsOnlyWhereFirstBytesDecide) {
  const Plan plan({chainTo("db", {.destination_port = 5432}),
                   chainTo("tls", {.destination_port = 443, .server_names = {"a.example"}})});
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:5432"), "db");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443"), "wait");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:443", {.kind = FirstBytes::Kind::kTls}), "wait");
  EXPECT_EQ(plan.chosen("9.9.9.9:1", "10.0.0.1:80"), "default");
}

TEST(ChooseTcpChain, WhatCannotBeChosenByIsRefused) {
  const auto problemOf = [](model::ChainMatch match) { return Plan({chainTo("x", std::move(match))}).problem; };
  EXPECT_NE(problemOf({.destination_cidrs = {"10.0.0.0/33"}}), "");
  EXPECT_NE(problemOf({.source_cidrs = {"here"}}), "");
  EXPECT_NE(problemOf({.server_names = {"a.*.example"}}), "");
  EXPECT_NE(problemOf({.server_names = {"*."}}), "");
  EXPECT_NE(problemOf({.transport = "quic"}), "");
  EXPECT_NE(problemOf({.application_protocols = {"h2"}}), "");
  EXPECT_EQ(problemOf({.server_names = {"*.example"}}), "");
  model::Chain http;
  http.name = "web";
  http.http = model::HttpOptions{};
  EXPECT_NE(Plan({http}).problem.find("chain 'web'"), std::string::npos);
}

}  // namespace
}  // namespace remora::proxy
