// Cookies that keep clients where they were.
#include <gtest/gtest.h>

#include <set>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

std::string cookieIn(const std::string& answer) {
  const size_t at = answer.find("Set-Cookie: ");
  if (at == std::string::npos) return {};
  const size_t from = at + 12;
  return answer.substr(from, answer.find_first_of(";\r", from) - from);
}

// Each request gets a fresh connection to the service, so that the one it went to is the last that was dialled.
struct Shop {
  explicit Shop(const std::function<void(model::Cluster&)>& change)
      : world([&](model::Config& config) {
          config.telemetry.recent = 4;
          change(config.clusters[0]);
        }) {
    world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
  }
  std::string ask(const std::string& cookie = {}) {
    auto client = world.client();
    client->put("GET /a HTTP/1.1\r\nHost: a\r\n" + (cookie.empty() ? "" : "Cookie: a=b; " + cookie + "\r\n") + "\r\n");
    world.settle();
    PipeEnd& app = *world.connector.apps.back();
    (void)app.take();
    app.put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    world.settle();
    return client->take();
  }
  std::string lastDialled() const { return world.connector.dialled.back(); }
  World world;
};

TEST(Sticky, AClientStaysAtItsEndpoint) {
  Shop shop([](model::Cluster& cluster) {
    cluster.balance = model::Balance::kRandom;
    cluster.sticky = model::Sticky{.cookie = "at", .ttl = std::chrono::hours(1)};
  });
  const std::string first = shop.ask();
  EXPECT_TRUE(has(first, "; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600\r\n")) << first;
  const std::string cookie = cookieIn(first);
  const std::string endpoint = shop.lastDialled();
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(has(shop.ask(cookie), "Set-Cookie")) << "it has it";
    EXPECT_EQ(shop.lastDialled(), endpoint);
  }
}

TEST(Sticky, WhereItsEndpointIsGoneItGetsAnother) {
  Shop shop([](model::Cluster& cluster) { cluster.sticky = model::Sticky{.cookie = "at"}; });
  const std::string cookie = cookieIn(shop.ask());
  const std::string gone = shop.lastDialled();
  std::vector<std::string> left;
  for (const char* host : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) {
    if (!gone.starts_with(host)) left.emplace_back(host);
  }
  shop.world.endpoints(left);
  const std::string other = cookieIn(shop.ask(cookie));
  EXPECT_FALSE(other.empty());
  EXPECT_NE(other, cookie);
}

TEST(Sticky, MadeUpCookiesLeadNowhere) {
  Shop shop([](model::Cluster& cluster) { cluster.sticky = model::Sticky{.cookie = "at"}; });
  for (const char* value : {"at=", "at=zz", "at=ffffffffffffffff", "at=../../x", "at=00000000000000000000000000001"}) {
    EXPECT_FALSE(cookieIn(shop.ask(value)).empty()) << value;
  }
}

TEST(HashCookie, IsMadeWhereTheClientLacksIt) {
  Shop shop([](model::Cluster& cluster) {
    cluster.balance = model::Balance::kMaglev;
    cluster.hash_by = {{model::HashKey::Kind::kCookie, "session", std::chrono::milliseconds(0)}};
  });
  std::set<std::string> endpoints;
  for (int i = 0; i < 20; ++i) {
    const std::string answer = shop.ask();
    const std::string cookie = cookieIn(answer);
    ASSERT_TRUE(cookie.starts_with("session=")) << answer;
    EXPECT_FALSE(has(answer, "Max-Age")) << "until the browser ends";
    const std::string endpoint = shop.lastDialled();
    endpoints.insert(endpoint);
    EXPECT_FALSE(has(shop.ask(cookie), "Set-Cookie"));
    EXPECT_EQ(shop.lastDialled(), endpoint);
  }
  EXPECT_GT(endpoints.size(), 1u);
}

TEST(SplitBy, KeepsAUserAtOneVersion) {
  World world([](model::Config& config) {
    config.clusters.emplace_back().name = "new";
    model::Forward forward{{{"app", 1, {}}, {"new", 1, {}}}};
    forward.split_by = {{model::HashKey::Kind::kHeader, "x-user", {}}};
    routeOf(config).action = forward;
  });
  world.endpoints({"10.0.0.2"}, "new");
  std::set<std::string> all;
  for (int user = 0; user < 30; ++user) {
    std::set<std::string> versions;
    for (int i = 0; i < 3; ++i) {
      auto client = world.client();
      client->put("GET / HTTP/1.1\r\nHost: a\r\nX-User: " + std::to_string(user) + "\r\n\r\n");
      world.settle();
      versions.insert(world.connector.dialled.back());
      world.connector.apps.back()->put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      world.settle();
    }
    EXPECT_EQ(versions.size(), 1u) << user;
    all.insert(versions.begin(), versions.end());
  }
  EXPECT_EQ(all.size(), 2u);
}

}  // namespace
}  // namespace remora::proxy::test
