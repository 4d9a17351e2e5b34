#include "admin/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/test_world.h"

namespace remora::admin {
namespace {

using http::Method;
using testing::HasSubstr;
using testing::Not;

class PagesTest : public testing::Test {
 protected:
  Page get(std::string path, Params params = {}) { return ask({.path = std::move(path), .params = std::move(params)}); }
  Page post(std::string path, Params params = {}, std::string body = {}) {
    return ask(
        {.method = Method::kPost, .path = std::move(path), .params = std::move(params), .body = std::move(body)});
  }
  Page ask(PageRequest request) {
    loop::TestRun<Page> run(pages_.answer(std::move(request)));
    settleMail(loop_);
    EXPECT_TRUE(run.isEnded());
    return *run.outcome();
  }
  void giveEndpoints(size_t core) {
    upstream::EndpointSet set{.version = 3};
    set.endpoints = {{.address = *net::Address::of({.host = "10.0.0.1", .port = 8080}), .text = "10.0.0.1:8080"}};
    process_.core(core).adoptEndpoints("orders", std::make_shared<const upstream::EndpointSet>(std::move(set)));
  }
  void remember(size_t core, int64_t at, uint16_t status, Reason reason, std::string_view route) {
    observe::ExchangeRecord record;
    record.start_wall_nanos = at;
    record.status = status;
    record.reason = reason;
    record.detail = reason == Reason::kConnectRefused ? ECONNREFUSED : 0;
    record.inbound = false;
    record.method = "GET";
    record.host = "orders";
    record.target = "/v2/x";
    record.listener = "outbound-4140";
    record.route = route;
    record.service = "orders";
    record.endpoint = "10.0.0.1:8080";
    const auto& table = *process_.snapshot_now->listeners[1].routes;
    record.decide(observe::Outcome::kRouteMatched, table.routes()[1].rule, 1, Instant{123'000});
    record.decide(observe::Outcome::kEndpointChosen, {}, 0, Instant{130'000});
    if (reason != Reason::kOk) {
      record.decide(observe::Outcome::kAttemptFailed, {}, static_cast<uint16_t>(reason), Instant{150'000});
    }
    process_.core(core).recent().add(record);
  }

  loop::TestLoop loop_;
  FakeProcess process_{loop_, 2};
  Pages pages_{process_, loop_.loop()};
};

TEST_F(PagesTest, ListsItselfAndKnowsOnlyItsPages) {
  for (const Pages::Row& row : Pages::rows()) EXPECT_THAT(get("/").body, HasSubstr(std::string(row.path) + " "));
  EXPECT_THAT(get("/", {{"format", "json"}}).body, HasSubstr(R"("path": "/recent")"));
  EXPECT_EQ(get("/nope").status, 404);
}

TEST_F(PagesTest, IsReadyOnlyWhileServing) {
  EXPECT_EQ(get("/ready").body, "ready\n");
  process_.reloads_now.last_error = "shop.yaml:3: unknown key";
  const Page after_failure = get("/ready");
  EXPECT_EQ(after_failure.status, 200);
  EXPECT_EQ(after_failure.body, "ready; the last reload failed: shop.yaml:3: unknown key\n");
  process_.reloads_now.last_error.clear();
  process_.overload_now = "memory 59 of 64 MiB: new requests are refused with 503";
  EXPECT_EQ(get("/ready").body, "ready; overloaded: memory 59 of 64 MiB: new requests are refused with 503\n");
  EXPECT_THAT(get("/explain", {{"url", "http://orders/v2"}}).body, HasSubstr("overloaded: memory 59 of 64 MiB"));
  process_.phase_now = Phase::kStarting;
  EXPECT_EQ(get("/ready").status, 503);
  process_.phase_now = Phase::kDraining;
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_THAT(get("/ready").body, HasSubstr("draining"));
  EXPECT_THAT(get("/ready", {{"format", "json"}}).body, HasSubstr(R"("phase": "draining")"));
  EXPECT_EQ(get("/live").status, 200);
}

TEST_F(PagesTest, DrainsByPostOnly) {
  const Page refused = get("/drain");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.allow, "POST");
  EXPECT_EQ(process_.drains, 0);
  EXPECT_EQ(post("/drain").status, 202);
  EXPECT_EQ(process_.drains, 1);
  EXPECT_EQ(post("/drain").body, "draining already\n");
  EXPECT_EQ(process_.drains, 1);
}

TEST_F(PagesTest, ShowsAndSetsTheLogLevel) {
  EXPECT_EQ(get("/log-level").body, "info\n");
  EXPECT_EQ(get("/log-level", {{"level", "debug"}}).status, 405);
  EXPECT_EQ(post("/log-level", {{"level", "debug"}}).body, "debug\n");
  EXPECT_EQ(process_.log().level(), observe::LogLevel::kDebug);
  EXPECT_EQ(post("/log-level", {{"level", "loud"}}).status, 400);
  EXPECT_EQ(post("/log-level").status, 400);
  EXPECT_EQ(post("/log-level", {{"levle", "info"}}).status, 400);
  EXPECT_EQ(get("/log-level", {{"format", "json"}}).body, "{\n  \"level\": \"debug\"\n}\n");
}

TEST_F(PagesTest, GivesMetricsAndConfiguration) {
  const Page metrics = get("/metrics");
  EXPECT_EQ(metrics.content_type, observe::kPrometheusContentType);
  EXPECT_THAT(metrics.body, HasSubstr("remora_snapshot_generation 7\n"));
  EXPECT_EQ(get("/config").body, "inbound: []\n");
  process_.reloads_now.adopted_wall_nanos = 1'790'000'000'000'000'000;
  EXPECT_THAT(get("/config", {{"format", "json"}}).body, HasSubstr(R"("adopted": "2026-09-21T14:13:20.000Z")"));
}

TEST_F(PagesTest, ClustersSayWhoIsWellAndWhyNot) {
  giveEndpoints(0);
  EXPECT_THAT(get("/clusters", {{"format", "json"}}).body, HasSubstr(R"("health": "-")"));
  process_.health_now = {.service = "orders",
                         .endpoints = {{.address = "10.0.0.1:8080",
                                        .checked = upstream::Checked::kUnhealthy,
                                        .last_failure = "it refuses connections",
                                        .last_failed_ago = std::chrono::seconds(3)}}};
  EXPECT_THAT(get("/clusters").body, HasSubstr("  unhealthy  "));
  EXPECT_THAT(get("/clusters").body, HasSubstr("  10.0.0.1:8080 failed its check 3s ago: it refuses connections\n"));
  const std::string json = get("/clusters", {{"format", "json"}}).body;
  EXPECT_THAT(json, HasSubstr(R"("health": "unhealthy")"));
  EXPECT_THAT(json, HasSubstr(R"("last_check_failure": "it refuses connections")"));
  process_.core(0).snapshot()->cluster(1)->endpoints()[0]->endpoint.health->ejected_until.store(1);
  process_.health_now.endpoints[0].checked = upstream::Checked::kHealthy;
  EXPECT_THAT(get("/clusters").body, HasSubstr("  ejected  "));
}

TEST_F(PagesTest, SumsClustersOverCores) {
  giveEndpoints(0);
  giveEndpoints(1);
  process_.core(0).snapshot()->cluster(1)->endpoints()[0]->requests = 3;
  process_.core(1).snapshot()->cluster(1)->endpoints()[0]->requests = 4;
  const Page text = get("/clusters");
  EXPECT_THAT(text.body, HasSubstr("orders: least_request, 1 endpoint (services.orders in shop.yaml line 42)\n"));
  EXPECT_THAT(text.body, HasSubstr("10.0.0.1:8080  1       0         0       0     7"));
  EXPECT_THAT(text.body, HasSubstr("  orders.internal: 2 addresses\n"));
  EXPECT_THAT(text.body, HasSubstr("app: least_request, no endpoints have arrived yet"));
  EXPECT_THAT(get("/clusters", {{"format", "json"}}).body, HasSubstr(R"("requests": 7)"));
}

TEST_F(PagesTest, MergesRecentByTimeWithDecisionsInWords) {
  remember(0, 1'790'000'000'000'000'000, 200, Reason::kOk, "split");
  remember(1, 1'790'000'001'000'000'000, 503, Reason::kConnectRefused, "split");
  remember(0, 1'790'000'002'000'000'000, 200, Reason::kOk, "canary");
  const std::string text = get("/recent").body;
  EXPECT_LT(text.find("14:13:22"), text.find("14:13:21"));
  EXPECT_LT(text.find("14:13:21"), text.find("14:13:20"));
  EXPECT_THAT(text, HasSubstr("outbound GET orders /v2/x -> 503 connect_refused"));
  EXPECT_THAT(text, HasSubstr("  why: the endpoint refused the connection: is the application listening there?; errno "
                              "111: Connection refused\n"));
  EXPECT_THAT(text, HasSubstr("+123us  route_matched split, 1 route looked at before it (outbound[0].routes[3] in "
                              "shop.yaml line 13)\n"));
  EXPECT_THAT(text, HasSubstr("+130us  endpoint_chosen 10.0.0.1:8080\n"));
  EXPECT_THAT(text, HasSubstr("+150us  attempt_failed connect_refused: "));
}

TEST_F(PagesTest, FiltersRecent) {
  remember(0, 1, 200, Reason::kOk, "split");
  remember(1, 2, 503, Reason::kConnectRefused, "split");
  remember(0, 3, 200, Reason::kOk, "canary");
  EXPECT_THAT(get("/recent", {{"status", "5xx"}}).body, Not(HasSubstr("-> 200")));
  EXPECT_THAT(get("/recent", {{"status", "200"}}).body, Not(HasSubstr("-> 503")));
  EXPECT_THAT(get("/recent", {{"reason", "connect_refused"}}).body, HasSubstr("-> 503"));
  EXPECT_THAT(get("/recent", {{"route", "canary"}}).body, Not(HasSubstr("route split")));
  EXPECT_THAT(get("/recent", {{"n", "1"}}).body, Not(HasSubstr("route split")));
  EXPECT_EQ(get("/recent", {{"route", "none"}}).body, "no exchange that ended lately fits\n");
  EXPECT_EQ(get("/recent", {{"status", "x"}}).status, 400);
  EXPECT_EQ(get("/recent", {{"n", "-1"}}).status, 400);
  EXPECT_EQ(get("/recent", {{"reason", "bad_luck"}}).status, 400);
  EXPECT_THAT(get("/recent", {{"satus", "503"}}).body, HasSubstr("no parameter 'satus'"));
  EXPECT_THAT(get("/recent", {{"format", "json"}}).body, HasSubstr(R"("outcome": "route_matched")"));
}

TEST_F(PagesTest, NamesACoreThatDoesNotAnswer) {
  FakeProcess half_stuck(loop_, 1, 1);
  Pages pages(half_stuck, loop_.loop());
  loop::TestRun<Page> run(pages.answer({.path = "/clusters"}));
  settleMail(loop_);
  EXPECT_FALSE(run.isEnded());
  loop_.advance(Milliseconds(999));
  EXPECT_FALSE(run.isEnded());
  loop_.advance(Milliseconds(1));
  ASSERT_TRUE(run.isEnded());
  EXPECT_THAT(run.outcome()->body, HasSubstr("core 1 didn't answer within 1s, so its part is missing\n"));
  EXPECT_THAT(run.outcome()->body, HasSubstr("orders: "));
}

TEST_F(PagesTest, LateAnswersFindNobody) {
  {
    loop::TestRun<Page> run(pages_.answer({.path = "/clusters"}));
    EXPECT_FALSE(run.isEnded());
    run.cancel();
  }
  settleMail(loop_);  // the cores answer now
}

TEST_F(PagesTest, ExplainsByQueryAndByJson) {
  giveEndpoints(0);
  giveEndpoints(1);
  const Page text = get("/explain", {{"url", "http://orders/v2"}, {"header", "X-Canary: true"}});
  EXPECT_EQ(text.status, 200);
  EXPECT_THAT(text.body, HasSubstr("route      canary"));
  const Page json = post("/explain", {{"format", "json"}},
                         R"({"url": "http://orders/v2", "headers": {"x-a": ["1", "2"]}, "source": "10.0.0.7"})");
  EXPECT_THAT(json.body, HasSubstr(R"("client": "10.0.0.7")"));
  EXPECT_THAT(json.body, HasSubstr(R"("live": true)"));
  EXPECT_EQ(get("/explain").status, 400);
  EXPECT_EQ(get("/explain", {{"url", "/"}, {"header", "none"}}).status, 400);
  EXPECT_EQ(post("/explain", {}, "{").status, 400);
  EXPECT_EQ(post("/explain", {}, R"({"uri": "/"})").status, 400);
  EXPECT_EQ(post("/explain", {}, R"({"url": "/", "direction": "up"})").status, 400);
}

}  // namespace
}  // namespace remora::admin
