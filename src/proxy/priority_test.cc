// Which priority a request has, and that nobody gets a higher one by what wasn't proven.
#include "proxy/priority.h"

#include <gtest/gtest.h>

#include "proxy/h1_connection.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using model::Priority;

const model::RoutePriority kByIdentity{
    .identities = {{.names = {.sans = {"spiffe://example.org/batch/*"}}, .is = Priority::kLow},
                   {.names = {.trust_domains = {"example.org"}}, .is = Priority::kHigh}}};

std::shared_ptr<const tls::PeerIdentity> named(const std::string& uri) {
  auto identity = std::make_shared<tls::PeerIdentity>();
  identity->uris = {uri};
  return identity;
}

class IdentityPriorities : public testing::Test {
 protected:
  Priority of(const std::string& uri) { return priorityOf(route, headers, uri.empty() ? nullptr : named(uri).get()); }

  model::RoutePriority route = kByIdentity;
  http::Headers headers;
};

TEST_F(IdentityPriorities, TheFirstThatFitsHolds) {
  EXPECT_EQ(of("spiffe://example.org/batch/nightly"), Priority::kLow);
  EXPECT_EQ(of("spiffe://example.org/web"), Priority::kHigh);
  EXPECT_EQ(of("spiffe://example.com/web"), Priority::kNormal) << "the route's own";
}

TEST_F(IdentityPriorities, WhoProvedNothingHasTheRoutes) {
  EXPECT_EQ(of(""), Priority::kNormal);
  route.is = Priority::kLow;
  EXPECT_EQ(of(""), Priority::kLow);
}

TEST_F(IdentityPriorities, AHeaderLowersButDoesNotRaiseIt) {
  route.header = "x-priority";
  headers.add("x-priority", "high");
  EXPECT_EQ(of("spiffe://example.org/batch/nightly"), Priority::kLow);
  EXPECT_EQ(of("spiffe://example.org/web"), Priority::kHigh);
  EXPECT_EQ(of(""), Priority::kNormal);
  headers.clear();
  headers.add("x-priority", "low");
  EXPECT_EQ(of("spiffe://example.org/web"), Priority::kLow);
}

// A service that takes one at a time, before which two wait.
struct OneAtATime {
  OneAtATime() {
    state->name = "in";
    facts.peer = named("spiffe://example.org/web");
  }
  // On a connection whose client has shown its certificate, or hasn't.
  PipeEnd& ask(const tls::Facts* tls) {
    auto [theirs, ours] = PipeEnd::pair(world.loop(), 64 << 10);
    world.core().addMirror(std::make_unique<H1Connection>(
        world.core(),
        Connection::Origin{
            .transport = std::move(ours), .peer = *net::parsePeer("192.0.2.7:4711"), .listener = state, .tls = tls},
        H1Connection::Takes::kHttp1Only));
    clients.push_back(std::move(theirs));
    clients.back()->put(kGet);
    world.settle();
    return *clients.back();
  }

  World world{[](model::Config& config) {
    config.clusters[0].limits = {.requests = 1, .pending = 2};
    routeOf(config).priority = kByIdentity;
  }};
  Ref<ListenerState> state = makeRef<ListenerState>();
  tls::Facts facts;
  std::vector<std::unique_ptr<PipeEnd>> clients;
};

TEST(IdentityPriority, ACertificateGoesBeforeWhoShowedNone) {
  OneAtATime service;
  const tls::Facts nobody;  // TLS, without a certificate
  service.ask(nullptr);
  PipeEnd& stranger = service.ask(nullptr);
  PipeEnd& plain = service.ask(&nobody);
  PipeEnd& known = service.ask(&service.facts);
  EXPECT_EQ(statusOf(plain.take()), 503) << "its place is taken";
  service.world.app().put(kOk);
  service.world.settle();
  service.world.app().put(kOk);
  service.world.settle();
  EXPECT_EQ(statusOf(known.take()), 200);
  EXPECT_EQ(stranger.take(), "") << "still";
}

}  // namespace
}  // namespace remora::proxy::test
