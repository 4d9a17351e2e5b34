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

}  // namespace
}  // namespace remora::proxy
