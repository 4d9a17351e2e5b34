#include "snapshot/compiler.h"

#include <gtest/gtest.h>

namespace remora::snapshot {
namespace {

model::Config config() {
  model::Config made;
  model::Listener listener;
  listener.name = "in";
  listener.origin = {"shop.yaml", 3, 5, "inbound[0]"};
  listener.default_chain.http = model::HttpOptions{.route_table = "main"};
  made.listeners.push_back(listener);
  model::Route route;
  route.name = "all";
  route.origin = {"shop.yaml", 9, 1, "inbound[0].routes[0]"};
  route.action = model::Forward{{{"app", 1, {}}, {"later", 1, {}}}};
  made.route_tables.push_back({{}, "main", {{{}, "any", {"*"}, {route}}}});
  made.clusters.emplace_back().name = "app";
  return made;
}

std::string problemsOf(model::Config broken) {
  const auto snapshot = compile(std::move(broken), 1, std::make_shared<RuleBook>());
  std::string all;
  if (!snapshot) {
    for (const route::CompileError& error : snapshot.error()) all += error.problem + "\n";
  }
  return all;
}

TEST(Compiler, MakesASnapshotThatPointsIntoItself) {
  const auto compiled = compile(config(), 7, std::make_shared<RuleBook>());
  ASSERT_TRUE(compiled);
  const Snapshot& snapshot = **compiled;
  EXPECT_EQ(snapshot.generation, 7u);
  ASSERT_EQ(snapshot.listeners.size(), 1u);
  EXPECT_EQ(snapshot.listeners[0].source, &snapshot.config.listeners[0]);
  EXPECT_EQ(snapshot.listeners[0].routes, snapshot.route_tables[0].get());
  EXPECT_EQ(snapshot.rules->textOf(snapshot.listeners[0].rule), "inbound[0] in shop.yaml line 3");
  EXPECT_EQ(snapshot.access_log, nullptr);
}

TEST(Compiler, AServiceMayComeLater) {
  const auto compiled = compile(config(), 1, std::make_shared<RuleBook>());
  ASSERT_TRUE(compiled);
  const auto& forward = *(*compiled)->route_tables[0]->routes()[0].forward;
  EXPECT_EQ((*compiled)->clusterOf(forward.clusters[0]), 0u);
  EXPECT_EQ((*compiled)->clusterOf(forward.clusters[1]), Snapshot::kNoCluster);
}

TEST(Compiler, TellsAllProblemsAndAppliesNothing) {
  model::Config broken = config();
  broken.clusters.emplace_back().name = "app";
  broken.listeners[0].default_chain.http->route_table = "nowhere";
  broken.listeners.emplace_back().name = "raw";
  broken.telemetry.access_log.sink = model::AccessLog::Sink::kStdout;
  broken.telemetry.access_log.fields = {"no_such_field"};
  const std::string problems = problemsOf(std::move(broken));
  for (const std::string_view part : {"two services are named 'app'", "names no known route table",
                                      "listener 'raw' leads nowhere: it has no chain", "no_such_field"}) {
    EXPECT_NE(problems.find(part), std::string::npos) << part << " in " << problems;
  }
}

TEST(Compiler, ABrokenRouteIsToldWithItsPlace) {
  model::Config broken = config();
  broken.route_tables[0].hosts[0].routes[0].match.path = {model::PathMatch::Kind::kRegex, "("};
  broken.route_tables[0].hosts[0].routes[0].match.path_origin = {"shop.yaml", 10, 3, "routes[0].match.path"};
  const auto snapshot = compile(std::move(broken), 1, std::make_shared<RuleBook>());
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error()[0].where.line, 10u);
}

TEST(Compiler, AListenerMayRelayBytes) {
  model::Config relays = config();
  relays.listeners[0].default_chain.http.reset();
  relays.listeners[0].default_chain.tcp = model::TcpOptions{.cluster = "app"};
  model::Listener closes = relays.listeners[0];  // what its chain doesn't take
  closes.name = "closes";
  closes.chains = {closes.default_chain};
  closes.default_chain.tcp.reset();
  relays.listeners.push_back(closes);
  relays.route_tables.emplace_back();  // with the name that a listener without HTTP seems to give
  const auto compiled = compile(std::move(relays), 1, std::make_shared<RuleBook>());
  ASSERT_TRUE(compiled) << compiled.error()[0].problem;
  const Snapshot& snapshot = **compiled;
  ASSERT_EQ(snapshot.listeners.size(), 2u);
  ASSERT_EQ(snapshot.listeners[0].tcp_chains.size(), 1u);
  EXPECT_EQ(snapshot.listeners[0].tcp_chains[0].source, &snapshot.config.listeners[0].default_chain);
  EXPECT_TRUE(snapshot.listeners[0].tcp_chains[0].is_default);
  EXPECT_EQ(snapshot.listeners[0].routes, nullptr);
  ASSERT_EQ(snapshot.listeners[1].tcp_chains.size(), 1u);
  EXPECT_FALSE(snapshot.listeners[1].tcp_chains[0].is_default);
  EXPECT_EQ(snapshot.listeners[1].routes, nullptr);
}

TEST(Compiler, ListenersCarryTheirOptions) {
  model::Config strict = config();
  strict.listeners[0].default_chain.http->merge_slashes = false;
  strict.listeners[0].limits.host_bytes = 17;
  const auto compiled = compile(std::move(strict), 1, std::make_shared<RuleBook>());
  ASSERT_TRUE(compiled);
  EXPECT_EQ((*compiled)->listeners[0].request_policy.path.slashes, http::Slashes::kKeep);
  EXPECT_EQ((*compiled)->listeners[0].request_policy.host_bytes, 17u);
}

TEST(RuleBook, EqualPlacesGetEqualNumbers) {
  RuleBook book;
  const model::Origin place{"a.yaml", 1, 1, "x"};
  const observe::RuleId first = book.idOf(place);
  EXPECT_NE(first.number, 0u);
  EXPECT_EQ(book.idOf(place), first);
  EXPECT_NE(book.idOf({"a.yaml", 2, 1, "x"}), first);
  EXPECT_EQ(book.textOf(first), "x in a.yaml line 1");
}

TEST(RuleBook, NothingHasNumberZero) {
  RuleBook book;
  EXPECT_EQ(book.idOf({}).number, 0u);
  EXPECT_EQ(book.textOf({}), "");
  EXPECT_EQ(book.textOf({12345}), "");
}

}  // namespace
}  // namespace remora::snapshot
