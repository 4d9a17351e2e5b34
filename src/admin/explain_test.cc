#include "admin/explain.h"

#include "admin/policy_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/test_world.h"

namespace remora::admin {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Verdict = Explanation::Verdict;

class ExplainTest : public testing::Test {
 protected:
  Explanation ask(std::string url, HypotheticalRequest asked = {}) {
    asked.url = std::move(url);
    return explain(*snapshot_, asked, live_);
  }

  snapshot::SnapshotPtr snapshot_ = compileOrDie(shopConfig());
  std::vector<LiveService> live_;
};

TEST_F(ExplainTest, TellsTheWholeWayOfAForwardedRequest) {
  const Explanation found = ask("http://orders/v2/x?y=1");
  EXPECT_EQ(found.verdict, Verdict::kForwarded);
  EXPECT_EQ(found.generation, 7u);
  EXPECT_EQ(found.listener, "outbound-4140");
  EXPECT_EQ(found.listener_why, "its routes name the URL's host");
  EXPECT_EQ(found.route, "split");
  EXPECT_EQ(found.route_where, "outbound[0].routes[3] in shop.yaml line 13");
  EXPECT_EQ(found.host_kind, "exact");
  ASSERT_EQ(found.services.size(), 2u);
  EXPECT_EQ(found.services[1].name, "orders");
  EXPECT_DOUBLE_EQ(found.services[1].share, 0.9);
  EXPECT_THAT(found.services[1].endpoints, ElementsAre("10.0.0.1:8080", "10.0.0.2:8080"));
  EXPECT_THAT(found.upstream_head, HasSubstr("GET /api/x?y=1 HTTP/1.1\r\nHost: orders\r\n"));
  EXPECT_THAT(found.upstream_head, HasSubstr("x-from: shop\r\n"));
  EXPECT_THAT(found.upstream_head, HasSubstr("X-Request-Id: <new id>\r\n"));
  EXPECT_THAT(found.response_changes, ElementsAre("remove server"));
  EXPECT_EQ(verdictSentence(found), "forwarded to service orders-v2 or orders");
}

TEST_F(ExplainTest, NamesNearMissesWithTheirPlace) {
  const Explanation found = ask("http://orders/v2/x", {.headers = {{"X-Canary", "false"}}});
  ASSERT_EQ(found.considered.size(), 5u);
  EXPECT_EQ(found.considered[0].route, "canary");
  EXPECT_EQ(found.considered[0].kind, Explanation::Considered::Kind::kMissed);
  EXPECT_EQ(found.considered[0].sentence, "header x-canary is 'false', expected 'true'");
  EXPECT_EQ(found.considered[0].where, "outbound[0].routes[1].match.headers.x-canary in shop.yaml line 12");
  EXPECT_EQ(found.considered[1].kind, Explanation::Considered::Kind::kMatched);
}

TEST(PolicyWords, SayWhatHoldsBackAndWhatIsSentAgain) {
  model::Route route;
  EXPECT_TRUE(policiesOf(route).empty());
  route.rate_limit = {
      .requests = 5, .per = Milliseconds(1000), .burst = 10, .key = {{model::HashKey::Kind::kSource, ""}}};
  route.retry = {.on = model::Retry::kReset, .statuses = {503}, .try_timeout = Milliseconds(250)};
  route.hedge.emplace();
  route.fault = {.delay = Milliseconds(100), .delay_percent = 5, .abort = 418};
  route.mirrors = {{{"shadow", 1, {}}, 20}};
  EXPECT_THAT(
      policiesOf(route),
      ElementsAre(
          "rate_limit: 5 requests in 1s, 10 at once, for each value of the client's address by itself, counted by "
          "this process; more get 429",
          "fault: 5 % of the requests wait 100ms on purpose", "fault: all requests are answered with 418 on purpose",
          "mirror: a copy of 20 % of the requests goes to service shadow",
          "hedge: a second attempt when the first has no answer after the route's own p95, for 10 % of the "
          "requests at most",
          "retry: at most 2 more attempts, after reset, 503, each within 250ms, after a wait of up to 250ms; what "
          "may have been executed only with an idempotent method or Idempotency-Key"));
  model::Cluster cluster;
  cluster.name = "app";
  cluster.limits.requests = 50;
  cluster.outlier.emplace();
  EXPECT_THAT(
      policiesOf(cluster),
      ElementsAre(HasSubstr("service app: limits.requests: 50 run at once in this process; 1024 more wait, each "
                            "up to 1s, the others get 503"),
                  HasSubstr("outlier: an endpoint is left out for 30s after 5 answers of 5xx"),
                  HasSubstr("retry_budget: 20 % of its requests and 10 a second")));
}

TEST(PolicyWords, SayWhoHasWhichPriority) {
  model::Route route;
  route.priority.identities = {
      {.names = {.sans = {"spiffe://a/batch/*", "b.example"}, .trust_domains = {}}, .is = model::Priority::kLow},
      {.names = {.sans = {"c.example"}, .trust_domains = {"a", "b"}}, .is = model::Priority::kNormal},
      {.names = {.sans = {}, .trust_domains = {"a"}}, .is = model::Priority::kHigh}};
  route.priority.header = "x-priority";
  EXPECT_THAT(policiesOf(route),
              ElementsAre("priority: normal; low for spiffe://a/batch/* or b.example; normal for c.example of trust "
                          "domain a or b; high for trust domain a (as the client's verified certificate says; the "
                          "first that fits), or less if header x-priority says so"));
}

TEST(PolicyWords, SayWhatAGrpcServiceCountsBy) {
  model::Route route;
  model::SharedLimit& limit = route.shared_limit.emplace();
  limit.service = "shared";
  limit.rate.shadow = true;
  model::HashKey user;
  user.kind = model::HashKey::Kind::kHeader;
  user.name = "x-user";
  limit.descriptors = {{{"generic_key", "orders", {}}, {"user", "", user}}};
  EXPECT_THAT(policiesOf(route),
              ElementsAre("rate_limit: rate_limit_service shared knows how many, by generic_key = 'orders', user = "
                          "header x-user; a request that lacks one of them isn't limited; more are only told of "
                          "(shadow)"));
  limit.descriptors.push_back({{"generic_key", "all", {}}});
  EXPECT_THAT(policiesOf(route),
              ElementsAre("rate_limit: rate_limit_service shared knows how many, by generic_key = 'orders', user = "
                          "header x-user, and by generic_key = 'all'; a request that lacks one of them isn't counted "
                          "by it; more are only told of (shadow)"));
}

TEST_F(ExplainTest, SaysWhereEachTimeoutComesFrom) {
  const Explanation found = ask("http://orders/v2/x");
  EXPECT_EQ(found.settings[0].value, "2s");
  EXPECT_EQ(found.settings[0].where, "outbound[0].routes[3] in shop.yaml line 13");
  EXPECT_EQ(found.settings[1].value, "none");
  EXPECT_EQ(found.settings[1].where, "default");
}

TEST_F(ExplainTest, ShowsTheDecisionsThatRecentWouldShow) {
  EXPECT_THAT(
      ask("http://orders/v2/x").decisions,
      ElementsAre("received by listener outbound-4140 (outbound[0].listen in shop.yaml line 5)",
                  "host_matched exact (outbound[0].routes in shop.yaml line 10)",
                  "route_matched split, 1 route looked at before it (outbound[0].routes[3] in shop.yaml line 13)",
                  "cluster_chosen orders-v2, member 0 of the split (outbound[0].routes[3] in shop.yaml line 13)"));
}

TEST_F(ExplainTest, RefusesWithTheRealReason) {
  const Explanation nowhere = ask("http://orders/v3");
  EXPECT_EQ(nowhere.verdict, Verdict::kRefused);
  EXPECT_EQ(nowhere.reason, Reason::kNoRoute);
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_THAT(verdictSentence(nowhere), HasSubstr("refused with 404 (no_route): no route matches"));

  EXPECT_EQ(ask("http://orders/a%00").reason, Reason::kBadPath);
  EXPECT_EQ(ask("http://orders/../x").reason, Reason::kBadPath);
  EXPECT_EQ(ask("/a b").reason, Reason::kBadRequestLine);
  EXPECT_EQ(ask("/", {.method = "CONNECT"}).reason, Reason::kConnectMethod);
  EXPECT_EQ(ask("/", {.headers = {{"Host", "a"}, {"Host", "b"}}}).reason, Reason::kBadHost);
  EXPECT_EQ(ask("/", {.headers = {{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}}}).reason,
            Reason::kBadFraming);
  EXPECT_EQ(ask("/" + std::string(9000, 'a')).reason, Reason::kTargetTooLong);
  EXPECT_THAT(ask("http://orders/a%00").decisions, Contains(HasSubstr("refused bad_path: ")));
}

TEST_F(ExplainTest, NamesTheHostsWhenNoneFits) {
  const Explanation found = ask("http://elsewhere/", {.listener = "outbound-4140"});
  EXPECT_EQ(found.reason, Reason::kNoRoute);
  EXPECT_THAT(found.notes, ElementsAre("no host of this listener fits 'elsewhere'; it has routes for orders"));
  EXPECT_THAT(found.considered, IsEmpty());
}

TEST_F(ExplainTest, TheHeadThatGoesOnSaysHowTheBodyIsFramed) {
  EXPECT_THAT(ask("http://orders/v2/x", {.headers = {{"Content-Length", "12"}}}).upstream_head,
              HasSubstr("Content-Length: 12\r\n"));
  EXPECT_THAT(ask("http://orders/v2/x", {.headers = {{"Transfer-Encoding", "chunked"}}}).upstream_head,
              HasSubstr("Transfer-Encoding: chunked\r\n"));
}

TEST_F(ExplainTest, RedirectsAndAnswers) {
  const Explanation old = ask("http://orders/v1/x?y=1");
  EXPECT_EQ(old.verdict, Verdict::kRedirected);
  EXPECT_EQ(old.status, 308);
  EXPECT_EQ(old.location, "http://orders/v2/x?y=1");
  const Explanation ping = ask("http://orders/ping");
  EXPECT_EQ(ping.verdict, Verdict::kAnswered);
  EXPECT_EQ(ping.answer, "pong");
}

TEST_F(ExplainTest, RefusesWithoutServiceOrEndpoint) {
  const Explanation lost = ask("http://orders/lost");
  EXPECT_EQ(lost.reason, Reason::kNoService);
  EXPECT_EQ(lost.services[0].problem, "no service is named nowhere");

  live_ = {{.name = "orders", .endpoints = {}}, {.name = "orders-v2", .endpoints = {"10.9.9.9:80"}}};
  const Explanation half = ask("http://orders/v2");
  EXPECT_EQ(half.verdict, Verdict::kForwarded);
  EXPECT_THAT(half.notes, Contains("90% of these requests would fail: it has no endpoint"));
  EXPECT_TRUE(half.services[0].is_live);

  live_[1] = {.name = "orders-v2", .endpoints = {}, .has_dns_failed = true};
  EXPECT_EQ(ask("http://orders/v2").reason, Reason::kDnsFailed);
}

TEST_F(ExplainTest, ChoosesTheListener) {
  EXPECT_EQ(ask("/anything").listener, "inbound-8080");
  EXPECT_EQ(ask("http://127.0.0.1:8080/x").listener_why, "it listens on the URL's port");
  EXPECT_EQ(ask("http://localhost:4140/x").listener, "outbound-4140");
  EXPECT_EQ(ask("http://orders:8080/v2").listener, "outbound-4140");
  EXPECT_EQ(ask("/v2", {.headers = {{"host", "orders"}}}).listener, "outbound-4140");
  EXPECT_EQ(ask("http://orders/", {.direction = model::Direction::kInbound}).listener, "inbound-8080");
  EXPECT_EQ(ask("http://orders/", {.listener = "inbound-8080"}).listener_why, "named in the question");
  const Explanation unknown = ask("/", {.listener = "nope"});
  EXPECT_EQ(unknown.verdict, Verdict::kNoQuestion);
  EXPECT_THAT(unknown.problem, HasSubstr("there are inbound-8080 (inbound on 127.0.0.1:8080), outbound-4140"));
}

TEST_F(ExplainTest, SaysWhyAQuestionIsNone) {
  EXPECT_THAT(ask("orders/v2").problem, HasSubstr("did you mean http://orders/v2?"));
  EXPECT_THAT(ask("").problem, HasSubstr("name a URL"));
  EXPECT_THAT(ask("ftp://orders/").problem, HasSubstr("scheme ftp"));
  EXPECT_THAT(ask("http://u:p@orders/").problem, HasSubstr("user name"));
  EXPECT_THAT(ask("http:///x").problem, HasSubstr("names no host"));
  EXPECT_THAT(ask("/", {.headers = {{"a", "b\r\nc: d"}}}).problem, HasSubstr("line break"));
  EXPECT_THAT(ask("/", {.source = "orders"}).problem, HasSubstr("no IP address"));
}

TEST_F(ExplainTest, ShowsInboundAsTheApplicationWouldSeeIt) {
  const Explanation found = ask("/a/./b?q", {.source = "10.0.0.7"});
  EXPECT_EQ(found.path, "/a/b");
  EXPECT_EQ(found.client, "10.0.0.7");
  EXPECT_THAT(found.upstream_head, HasSubstr("GET /a/b?q HTTP/1.1\r\nHost: localhost:8080\r\n"));
  EXPECT_THAT(found.upstream_head, HasSubstr("X-Forwarded-For: 10.0.0.7\r\n"));
}

TEST_F(ExplainTest, PrintsTextAndJson) {
  const Explanation found = ask("http://orders/v2/x");
  const std::string text = printExplanationText(found);
  EXPECT_THAT(text, HasSubstr("GET http://orders/v2/x\nforwarded to service orders-v2 or orders\n"));
  EXPECT_THAT(text, HasSubstr("route      split (outbound[0].routes[3] in shop.yaml line 13)\n"));
  EXPECT_THAT(text, HasSubstr("canary  header x-canary is absent, expected 'true'"));
  EXPECT_THAT(text, Not(HasSubstr(" \n")));
  const std::string json = printExplanationJson(found);
  EXPECT_THAT(json, HasSubstr(R"("verdict": "forwarded")"));
  EXPECT_THAT(json, HasSubstr(R"("outcome": "missed")"));
  EXPECT_THAT(printExplanationJson(ask("")), HasSubstr("no_question"));
  EXPECT_THAT(printExplanationText(ask("/\x1b[31m")), Not(HasSubstr("\x1b")));
}

TEST_F(ExplainTest, AListenerThatRelaysBytesHasNoRequests) {
  model::Config config = shopConfig();
  config.listeners[0].default_chain.http.reset();
  config.listeners[0].default_chain.tcp = model::TcpOptions{.cluster = "app"};
  snapshot_ = compileOrDie(std::move(config));
  const Explanation found = ask("/x", {.listener = "inbound-8080"});
  EXPECT_EQ(found.verdict, Verdict::kNoQuestion);
  EXPECT_THAT(found.problem, HasSubstr("relays bytes as they are"));
  EXPECT_EQ(ask("http://orders/v2/x").listener, "outbound-4140") << "the others are asked as before";
}

}  // namespace
}  // namespace remora::admin
