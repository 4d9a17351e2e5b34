// Routes to those endpoints of a service that have some labels.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "proxy/test_support.h"

namespace remora::proxy {
namespace {

using namespace test;
using observe::Outcome;
using Way = ScriptedConnector::Way;

model::Config configWith(model::Subset subset) {
  model::Config config = basicConfig();
  auto& route = config.route_tables.at(0).hosts.at(0).routes.at(0);
  std::get<model::Forward>(route.action).clusters.at(0).subset = std::move(subset);
  return config;
}

void adoptVersions(World& world, const std::vector<std::pair<std::string, std::string>>& hosts,
                   const std::set<std::string>& ill = {}) {
  auto set = std::make_shared<upstream::EndpointSet>();
  set->version = 7;
  for (const auto& [host, version] : hosts) {
    const model::SocketAddress address{model::SocketAddress::Kind::kIp, host, 80};
    upstream::Endpoint endpoint;
    endpoint.address = *net::Address::of(address);
    endpoint.text = model::toText(address);
    endpoint.labels = {{"version", version}};
    endpoint.health = std::make_shared<upstream::EndpointHealth>();
    if (ill.contains(host)) endpoint.health->checked = upstream::Checked::kUnhealthy;
    set->endpoints.push_back(std::move(endpoint));
  }
  world.core().adoptEndpoints("app", std::move(set));
}

model::Config tcpConfigWith(model::Subset subset) {
  model::Config config = basicConfig();
  model::Chain& chain = config.listeners[0].default_chain;
  chain.protocol = model::Protocol::kTcp;
  chain.http.reset();
  chain.tcp = model::TcpOptions{.cluster = "app", .subset = std::move(subset)};
  config.route_tables.clear();
  config.telemetry.recent = 4;
  return config;
}

const observe::TrailEntry* subsetEntryOf(const RecentExchange& exchange) {
  const auto entries = exchange.trail.entries();
  const auto found = std::ranges::find(entries, Outcome::kSubset, &observe::TrailEntry::outcome);
  return found == entries.end() ? nullptr : &*found;
}

TEST(Subsets, OnlyEndpointsWithTheLabelsAreTried) {
  World world(configWith({.labels = {{"version", "v2"}}}));
  adoptVersions(world, {{"10.0.0.1", "v1"}, {"10.0.0.2", "v2"}, {"10.0.0.3", "v2"}, {"10.0.0.4", "v1"}});
  world.connector.otherwise = Way::kRefuseLater;
  auto client = world.client();
  client->put(kGet);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 503);
  std::vector<std::string> dialled = world.connector.dialled;
  std::ranges::sort(dialled);
  ASSERT_EQ(dialled.size(), 2u) << "not a third time: there are two";
  EXPECT_TRUE(has(dialled[0], "10.0.0.2") && has(dialled[1], "10.0.0.3"));
  const RecentExchange last = world.last();
  ASSERT_TRUE(subsetEntryOf(last));
  EXPECT_EQ(subsetEntryOf(last)->argument, 2);
}

TEST(Subsets, NoneWithTheLabelsIsSaidSo) {
  World world(configWith({.labels = {{"version", "v3"}}}));
  adoptVersions(world, {{"10.0.0.1", "v1"}});
  auto client = world.client();
  client->put(kGet);
  world.settle();
  const std::string reply = client->take();
  EXPECT_EQ(statusOf(reply), 503);
  EXPECT_TRUE(has(reply, "no_matching_endpoint")) << reply;
  EXPECT_EQ(world.last().reason, Reason::kNoSubset);
  EXPECT_EQ(world.connector.dialled.size(), 0u);
  adoptVersions(world, {});
  client->put(kGet);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 503);
  EXPECT_EQ(world.last().reason, Reason::kNoEndpoint);
}

TEST(Subsets, ThatAllOfThemAreTriedIsSaidOfThem) {
  World world(configWith({.labels = {{"version", "v2"}}}));
  adoptVersions(world, {{"10.0.0.1", "v2"}, {"10.0.0.2", "v1"}, {"10.0.0.3", "v1"}}, {"10.0.0.1"});
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, kOk)), 200);
  const RecentExchange last = world.last();
  const auto entries = last.trail.entries();
  EXPECT_TRUE(std::ranges::any_of(entries, [](const auto& entry) {
    return entry.outcome == Outcome::kPanicked && entry.argument == 0;
  })) << "two of three are well, but not of those with the labels";
}

TEST(Subsets, AFallbackTakesAnyAndIsSaidSo) {
  World world(configWith({.labels = {{"version", "v3"}}, .falls_back = true}));
  adoptVersions(world, {{"10.0.0.1", "v1"}});
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, kOk)), 200);
  const RecentExchange last = world.last();
  ASSERT_TRUE(subsetEntryOf(last));
  EXPECT_EQ(subsetEntryOf(last)->argument, 0);
}

TEST(TcpSubset, OnlyEndpointsWithTheLabelsAreConnectedTo) {
  World world(tcpConfigWith({.labels = {{"version", "v2"}}}));
  adoptVersions(world, {{"10.0.0.1", "v1"}, {"10.0.0.2", "v2"}, {"10.0.0.3", "v1"}, {"10.0.0.4", "v2"}});
  for (int i = 0; i < 12; ++i) {
    auto client = world.client();
    world.settle();
    client->resetOnClose();
    client.reset();
    world.settle();
  }
  ASSERT_EQ(world.connector.dialled.size(), 12u);
  for (const std::string& dialled : world.connector.dialled) {
    EXPECT_TRUE(dialled == "10.0.0.2:80" || dialled == "10.0.0.4:80") << dialled;
  }
  ASSERT_TRUE(subsetEntryOf(world.last()));
  EXPECT_EQ(subsetEntryOf(world.last())->argument, 2);
}

TEST(TcpSubset, OneThatRefusesIsPassedOverForAnotherOfThem) {
  World world(tcpConfigWith({.labels = {{"version", "v2"}}}));
  adoptVersions(world, {{"10.0.0.1", "v1"}, {"10.0.0.2", "v2"}, {"10.0.0.3", "v1"}});
  world.connector.script = {Way::kRefuseAtOnce, Way::kAccept};
  auto client = world.client();
  world.settle();
  EXPECT_EQ(world.connector.dialled, std::vector<std::string>{"10.0.0.2:80"}) << "there is no other with the labels";
  EXPECT_TRUE(client->isReset());
}

TEST(TcpSubset, WithoutAnyTheConnectionIsResetOrFallsBack) {
  for (const bool falls_back : {false, true}) {
    World world(tcpConfigWith({.labels = {{"version", "v3"}}, .falls_back = falls_back}));
    adoptVersions(world, {{"10.0.0.1", "v1"}});
    auto client = world.client();
    world.settle();
    EXPECT_EQ(world.connector.dialled.size(), falls_back ? 1u : 0u);
    EXPECT_EQ(client->isReset(), !falls_back);
    client->resetOnClose();
    client.reset();
    world.settle();
    EXPECT_EQ(world.last().reason == Reason::kNoSubset, !falls_back);
    EXPECT_EQ(subsetEntryOf(world.last()) != nullptr, falls_back);
  }
}

}  // namespace
}  // namespace remora::proxy
