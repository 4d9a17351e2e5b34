// When a route's retry sends a request again, and what holds it back; and what endpoints are left out for.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

using model::Retry;
using observe::Outcome;
using observe::RetryDenial;

const std::string kPost = "POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc";

std::string answerOf(int status, std::string_view more = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: 0\r\n" + std::string(more) + "\r\n";
}

struct Retries {
  explicit Retries(const Retry& retry, const std::function<void(model::Config&)>& change = {})
      : world([&](model::Config& config) {
          config.telemetry.recent = 8;
          routeOf(config).retry = retry;
          if (change) change(config);
        }) {
    world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    client = world.client();
  }
  // Each connection that comes is answered with the next of these; time passes as backoffs need it.
  int statusAfter(std::string_view request, const std::vector<std::string>& answers) {
    client->put(request);
    for (size_t i = 0; i < answers.size(); ++i) {
      world.advance(std::chrono::seconds(1));
      const size_t connection = world.appConnections() - 1;
      got.push_back(world.toApp(connection));
      if (answers[i].empty()) {
        world.app(connection).resetOnClose();
        world.connector.apps[connection].reset();
      } else {
        world.app(connection).put(answers[i]);
      }
      world.settle();
    }
    world.advance(std::chrono::seconds(1));
    return statusOf(client->take());
  }
  bool decided(Outcome outcome, uint16_t argument) const {
    const RecentExchange last = world.last();
    const auto entries = last.trail.entries();
    return std::ranges::any_of(
        entries, [&](const auto& entry) { return entry.outcome == outcome && entry.argument == argument; });
  }
  bool denied(RetryDenial why) const { return decided(Outcome::kRetryDenied, static_cast<uint16_t>(why)); }

  World world;
  std::unique_ptr<PipeEnd> client;
  std::vector<std::string> got;
};

TEST(RetryPolicy, AStatusThatIsNamedIsTriedAgainElsewhere) {
  Retries retries({.on = Retry::kGatewayError});
  EXPECT_EQ(retries.statusAfter(kGet, {answerOf(503), answerOf(200)}), 200);
  EXPECT_EQ(retries.got.size(), 2u);
  EXPECT_TRUE(retries.got[1].starts_with("GET /a "));
  EXPECT_NE(retries.world.connector.dialled[0], retries.world.connector.dialled[1]);
  EXPECT_EQ(retries.world.metrics.retries.value(), 1u);
  EXPECT_TRUE(retries.decided(Outcome::kStatusRetried, 503));
  EXPECT_EQ(retries.world.last().attempts, 2);
}

TEST(RetryPolicy, WithoutOneAnAnswerIsAnAnswer) {
  World world;
  auto client = world.client();
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, answerOf(503))), 503);
  EXPECT_EQ(world.metrics.retries.value(), 0u);
}

TEST(RetryPolicy, TheLastAnswerIsPassedOn) {
  Retries retries({.attempts = 2, .on = Retry::k5xx});
  EXPECT_EQ(retries.statusAfter(kGet, {answerOf(500), answerOf(503), answerOf(599)}), 599);
  EXPECT_TRUE(retries.denied(RetryDenial::kAttempts));
  EXPECT_EQ(retries.world.metrics.retries_denied.value(), 1u);
}

TEST(RetryPolicy, StatusesAndConditionsAreWhatTheySay) {
  const struct {
    uint32_t on;
    std::vector<uint16_t> statuses;
    int status;
    bool is_retried;
  } cases[] = {{Retry::kGatewayError, {}, 502, true},
               {Retry::kGatewayError, {}, 500, false},
               {Retry::k5xx, {}, 500, true},
               {Retry::k5xx, {}, 499, false},
               {Retry::kRetriable4xx, {}, 409, true},
               {Retry::kRetriable4xx, {}, 404, false},
               {0, {429}, 429, true},
               {0, {429}, 503, false},
               {Retry::kConnectFailure, {}, 503, false}};
  for (const auto& one : cases) {
    Retries retries({.on = one.on, .statuses = one.statuses});
    const std::vector<std::string> answers = one.is_retried
                                                 ? std::vector<std::string>{answerOf(one.status), answerOf(200)}
                                                 : std::vector<std::string>{answerOf(one.status)};
    EXPECT_EQ(retries.statusAfter(kGet, answers), one.is_retried ? 200 : one.status) << one.on << " " << one.status;
  }
}

TEST(RetryPolicy, WhatMayHaveBeenExecutedIsSentAgainOnlyWhenThatIsTheSame) {
  Retries refused({.on = Retry::kGatewayError | Retry::kReset});
  EXPECT_EQ(refused.statusAfter(kPost, {answerOf(503)}), 503);
  EXPECT_TRUE(refused.denied(RetryDenial::kNotIdempotent));
  Retries reset({.on = Retry::kReset});
  EXPECT_EQ(reset.statusAfter(kPost, {""}), 502);
  EXPECT_TRUE(reset.denied(RetryDenial::kNotIdempotent));
  Retries allowed({.on = Retry::kReset, .non_idempotent = true});
  EXPECT_EQ(allowed.statusAfter(kPost, {"", answerOf(200)}), 200);
  EXPECT_TRUE(allowed.got[1].ends_with("\r\n\r\nabc")) << "with its body";
  Retries keyed({.on = Retry::kReset});
  const std::string key = "POST /p HTTP/1.1\r\nHost: shop\r\nIdempotency-Key: 7\r\nContent-Length: 3\r\n\r\nabc";
  EXPECT_EQ(keyed.statusAfter(key, {"", answerOf(200)}), 200);
  Retries get({.on = Retry::kReset});
  EXPECT_EQ(get.statusAfter(kGet, {"", answerOf(200)}), 200);
}

TEST(RetryPolicy, ABodyThatIsTooLongIsNotKept) {
  Retries retries({.on = Retry::kGatewayError, .non_idempotent = true, .body = 10_KiB});
  const std::string body(20'000, 'x');
  const std::string head = "POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 20000\r\n\r\n";
  retries.client->put(head);
  retries.world.settle();
  EXPECT_EQ(retries.statusAfter(body, {answerOf(503)}), 503);
  EXPECT_TRUE(retries.denied(RetryDenial::kBody));
}

TEST(RetryPolicy, WaitsDoubleAndAreByChance) {
  Retries retries({.attempts = 5, .on = Retry::k5xx, .backoff = Milliseconds(100), .backoff_most = Milliseconds(300)});
  retries.client->put(kGet);
  retries.world.settle();
  for (const int whole : {100, 200, 300, 300}) {
    const size_t before = retries.world.appConnections();
    retries.world.app(before - 1).put(answerOf(500));
    retries.world.advance(Milliseconds(whole / 2 - 1));
    EXPECT_EQ(retries.world.appConnections(), before) << whole;
    retries.world.advance(Milliseconds(whole / 2 + 1));
    EXPECT_EQ(retries.world.appConnections(), before + 1) << whole;
  }
}

TEST(RetryPolicy, RetryAfterIsHeededWithinItsBound) {
  Retries short_one({.on = Retry::kGatewayError, .retry_after_most = std::chrono::seconds(5)});
  short_one.client->put(kGet);
  short_one.world.settle();
  short_one.world.app().put(answerOf(503, "Retry-After: 3\r\n"));
  short_one.world.advance(Milliseconds(2900));
  EXPECT_EQ(short_one.world.appConnections(), 1u);
  short_one.world.advance(Milliseconds(200));
  EXPECT_EQ(short_one.world.appConnections(), 2u);
  Retries long_one({.on = Retry::kGatewayError});
  EXPECT_EQ(long_one.statusAfter(kGet, {answerOf(503, "Retry-After: 60\r\n")}), 503);
  EXPECT_TRUE(long_one.denied(RetryDenial::kRetryAfter));
}

TEST(RetryPolicy, EachTryHasItsTime) {
  Retries retries({.on = Retry::kTimeout, .try_timeout = Milliseconds(200)});
  retries.client->put(kGet);
  retries.world.settle();
  retries.world.advance(Milliseconds(250));
  ASSERT_EQ(retries.world.appConnections(), 2u);
  retries.world.app(1).put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  retries.world.advance(Milliseconds(500));
  retries.world.app(1).put("hi");
  retries.world.settle();
  EXPECT_EQ(statusOf(retries.client->take()), 200) << "an answer that has begun may take its time";

  Retries all({.attempts = 1, .on = Retry::kTimeout, .try_timeout = Milliseconds(200)});
  all.client->put(kGet);
  all.world.advance(std::chrono::seconds(1));
  const std::string answer = all.client->take();
  EXPECT_EQ(statusOf(answer), 504);
  EXPECT_TRUE(has(answer, "try_timeout"));
}

TEST(RetryPolicy, NothingIsTriedWhoseTimeWouldBeOver) {
  Retries retries({.on = Retry::k5xx, .backoff = Milliseconds(400), .backoff_most = Milliseconds(400)},
                  [](model::Config& config) { routeOf(config).timeout = Milliseconds(150); });
  retries.client->put(kGet);
  retries.world.settle();
  retries.world.app().put(answerOf(500));
  retries.world.settle();
  EXPECT_EQ(statusOf(retries.client->take()), 500) << "at once";
  EXPECT_TRUE(retries.denied(RetryDenial::kDeadline));
}

// With everything failing, what is sent again stays within the budget.
TEST(RetryPolicy, AStormStaysWithinTheBudget) {
  Retries retries(
      {.attempts = 3, .on = Retry::kGatewayError, .backoff = Milliseconds(0), .backoff_most = Milliseconds(0)},
      [](model::Config& config) { config.clusters[0].retry_budget = {.percent = 20, .floor = 0}; });
  size_t answered = 0;
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) {
    auto client = retries.world.client();
    client->put(kGet);
    for (int attempt = 0; attempt < 4; ++attempt) {
      retries.world.settle();
      for (auto& app : retries.world.connector.apps) {
        if (!app || app->take().empty()) continue;
        app->put(answerOf(503));
        ++answered;
      }
    }
    retries.world.settle();
    EXPECT_EQ(statusOf(client->take()), 503);
  }
  EXPECT_EQ(answered, kRequests + kRequests / 5);
  EXPECT_TRUE(retries.denied(RetryDenial::kBudget));
}

TEST(RetryPolicy, NoMoreAreSentAgainAtOnceThanTheLimitAllows) {
  Retries retries({.attempts = 2, .on = Retry::kGatewayError},
                  [](model::Config& config) { config.clusters[0].limits.retries = 1; });
  auto other = retries.world.client();
  retries.client->put(kGet);
  other->put(kGet);
  retries.world.settle();
  ASSERT_EQ(retries.world.appConnections(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    (void)retries.world.toApp(i);
    retries.world.app(i).put(answerOf(503));
    retries.world.settle();
  }
  EXPECT_EQ(statusOf(other->take()), 503);
  EXPECT_TRUE(retries.denied(RetryDenial::kRetriesLimit));
  EXPECT_EQ(retries.statusAfter("", {answerOf(503), answerOf(200)}), 200) << "its own tries share one";
}

TEST(Outliers, OneThatFailsIsLeftOutAndComesBack) {
  World world([](model::Config& config) {
    config.telemetry.recent = 64;
    config.clusters[0].outlier.emplace();
    config.clusters[0].balance = model::Balance::kRoundRobin;
    config.clusters[0].pool.max_requests = 1;
  });
  world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  const auto ask = [&](bool is_well) {
    auto client = world.client();
    client->put(kGet);
    world.settle();
    const bool is_bad = !is_well && world.connector.dialled.back() == "10.0.0.2:80";
    world.app(world.appConnections() - 1).put(is_bad ? answerOf(500) : answerOf(200));
    world.settle();
    EXPECT_EQ(statusOf(client->take()), is_bad ? 500 : 200);
    return world.connector.dialled.back();
  };
  const auto failures = [&](int times) {
    int to_bad = 0;
    for (int i = 0; i < times; ++i) to_bad += ask(false) == "10.0.0.2:80";
    return to_bad;
  };
  EXPECT_EQ(failures(60), 5);
  EXPECT_EQ(world.metrics.ejections.value(), 1u);
  world.advance(std::chrono::seconds(34));
  EXPECT_EQ(failures(30), 1) << "one tries";
  world.advance(std::chrono::seconds(70));
  EXPECT_EQ(ask(true), "10.0.0.2:80") << "one tries again, and it is well";
  int to_it = 0;
  for (int i = 0; i < 30; ++i) to_it += ask(true) == "10.0.0.2:80";
  EXPECT_EQ(to_it, 10);
}

TEST(Balancing, AHashKeepsAClientWhereItWas) {
  for (const auto& [key, request] : std::vector<std::pair<model::HashKey, std::string>>{
           {{model::HashKey::Kind::kHeader, "x-user"}, "GET / HTTP/1.1\r\nHost: a\r\nX-User: $\r\n\r\n"},
           {{model::HashKey::Kind::kCookie, "id"}, "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; id=$\r\n\r\n"},
           {{model::HashKey::Kind::kQuery, "u"}, "GET /?a=b&u=$ HTTP/1.1\r\nHost: a\r\n\r\n"},
           {{model::HashKey::Kind::kPath, ""}, "GET /$ HTTP/1.1\r\nHost: a\r\n\r\n"}}) {
    World world([&](model::Config& config) {
      config.clusters[0].balance = model::Balance::kMaglev;
      config.clusters[0].hash_by = {key};
      config.clusters[0].pool.max_requests = 1;
    });
    world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
    std::map<std::string, std::set<std::string>> went;
    for (int round = 0; round < 3; ++round) {
      for (int user = 0; user < 20; ++user) {
        std::string text = request;
        text.replace(text.find('$'), 1, "user-" + std::to_string(user));
        auto client = world.client();
        client->put(text);
        world.settle();
        world.app(world.appConnections() - 1).put(kOk);
        world.settle();
        went[std::to_string(user)].insert(world.connector.dialled.back());
      }
    }
    std::set<std::string> all;
    for (const auto& [user, endpoints] : went) {
      EXPECT_EQ(endpoints.size(), 1u) << key.name;
      all.insert(endpoints.begin(), endpoints.end());
    }
    EXPECT_EQ(all.size(), 4u);
  }
}

}  // namespace
}  // namespace remora::proxy::test
