// A rate_limit that a Redis counts: the test is the client, the Redis and the application.
#include <gtest/gtest.h>

#include "proxy/limit_test_world.h"

namespace remora::proxy::test {
namespace {

using observe::LimitResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using OnFailure = model::RateLimitService::OnFailure;

const std::string kPing = "*1\r\n$4\r\nPING\r\n";
const std::string kPong = "+PONG\r\n";
const std::string kYes = "*3\r\n:1\r\n:4\r\n:0\r\n";
const std::string kNo = "*3\r\n:0\r\n:0\r\n:150000\r\n";

std::string gets(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: shop\r\n\r\n";
}

struct Counted : LimitWorld {
  explicit Counted(const Change& change = {})
      : LimitWorld(
            "cache",
            [](model::Cluster&, model::RateLimitService&, model::SharedLimit& limit) {
              limit.name = "orders";
              limit.rate = {.requests = 5, .per = seconds(1), .burst = 5};
            },
            change) {}
  PipeEnd& redis(size_t i = 0) { return world.app(i); }
  std::string asked(size_t i = 0) { return world.toApp(i); }
  std::string tell(const std::string& answer, size_t i = 0) {
    redis(i).put(answer);
    return got();
  }
  // Connected, with one request that was allowed.
  void greet() {
    ask();
    EXPECT_EQ(statusOf(tell(kPong + kYes)), 200);
    (void)asked();
  }
};

TEST(RedisLink, TheFirstQuestionFollowsTheGreeting) {
  Counted counted;
  counted.ask();
  const std::string sent = counted.asked();
  EXPECT_TRUE(sent.starts_with(kPing + "*6\r\n$7\r\nEVALSHA\r\n")) << sent;
  EXPECT_TRUE(has(sent, "\r\n$13\r\nremora:orders\r\n")) << sent;
  EXPECT_EQ(counted.tell(kPong), "") << "not yet";
  EXPECT_EQ(statusOf(counted.tell(kYes)), 200);
  EXPECT_EQ(counted.count(LimitResult::kAllowed), 1u);
  EXPECT_EQ(counted.told().result, LimitResult::kAllowed);
}

TEST(RedisLink, ARefusalSaysWhenToComeAgain) {
  Counted counted;
  counted.greet();
  counted.ask();
  const std::string answer = counted.tell(kNo);
  EXPECT_EQ(statusOf(answer), 429);
  EXPECT_TRUE(has(answer, "Retry-After: 1\r\n")) << answer;
  EXPECT_TRUE(has(answer, "RateLimit-Policy: \"route\";q=5;w=1\r\n"));
  EXPECT_TRUE(has(answer, "RateLimit: \"route\";r=0;t=1\r\n"));
  EXPECT_EQ(counted.world.last().reason, Reason::kRateLimited);
  EXPECT_EQ(counted.world.metrics.rate_limited.value(), 1u);
  EXPECT_EQ(counted.count(LimitResult::kLimited), 1u);
}

TEST(RedisLink, AShadowOnlyTells) {
  Counted counted([](auto& service, auto& limit) {
    limit.rate.shadow = true;
    service.on_failure = OnFailure::kClosed;
  });
  counted.greet();
  counted.ask();
  EXPECT_EQ(statusOf(counted.tell(kNo)), 200);
  EXPECT_EQ(counted.world.metrics.rate_limited_shadow.value(), 1u);
  counted.ask();
  counted.world.advance(milliseconds(20));
  EXPECT_EQ(statusOf(counted.client->take()), 200) << "a shadow never refuses";
}

TEST(RedisLink, EachValueOfTheKeyIsAKeyOfItsOwn) {
  Counted counted([](auto&, auto& limit) { limit.rate.key.push_back({model::HashKey::Kind::kPath, ""}); });
  counted.greet();
  counted.ask(gets("/b"));
  EXPECT_TRUE(has(counted.asked(), "\r\nremora:orders:0=/b\r\n"));
  EXPECT_EQ(statusOf(counted.tell(kYes)), 200);
}

TEST(RedisLink, QuestionsGoOutTogetherAndAreAnsweredInOrder) {
  Counted counted;
  counted.greet();
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  EXPECT_EQ(countOf(counted.asked(), "EVALSHA"), 2u);
  EXPECT_EQ(counted.world.appConnections(), 1u);
  EXPECT_EQ(statusOf(counted.tell(kNo + kYes)), 429);
  EXPECT_EQ(statusOf(other->take()), 200);
}

TEST(RedisLink, AnswersMayComeByteByByte) {
  Counted counted;
  counted.greet();
  counted.ask();
  std::string got;
  for (const char byte : kNo) {
    EXPECT_EQ(got, "");
    got = counted.tell(std::string(1, byte));
  }
  EXPECT_EQ(statusOf(got), 429);
}

TEST(RedisLink, WhoGoesAwayTakesNobodyElsesAnswer) {
  Counted counted;
  counted.greet();
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  counted.client.reset();  // the first of the two
  counted.world.settle();
  counted.redis().put(kYes);
  counted.world.settle();
  EXPECT_EQ(other->take(), "") << "that answer was for the one that left";
  counted.redis().put(kNo);
  counted.world.settle();
  EXPECT_EQ(statusOf(other->take()), 429);
}

TEST(RedisLink, AScriptThatIsUnknownIsSentWholeOnce) {
  Counted counted;
  counted.greet();
  counted.ask();
  (void)counted.asked();
  EXPECT_EQ(counted.tell("-NOSCRIPT No matching script\r\n"), "");
  EXPECT_TRUE(counted.asked().starts_with("*6\r\n$4\r\nEVAL\r\n"));
  EXPECT_EQ(statusOf(counted.tell(kNo)), 429);
  counted.ask();
  EXPECT_EQ(counted.tell("-NOSCRIPT No\r\n"), "");
  EXPECT_EQ(statusOf(counted.tell("-NOSCRIPT No\r\n")), 200);
  EXPECT_EQ(counted.count(LimitResult::kFailed), 1u);
}

TEST(RedisLink, WithoutAnAnswerItWaitsForTheTimeoutAndNoLonger) {
  for (const OnFailure on_failure : {OnFailure::kOpen, OnFailure::kClosed}) {
    Counted counted([&](auto& service, auto&) { service.on_failure = on_failure; });
    counted.greet();
    counted.ask();
    counted.world.advance(milliseconds(19));
    EXPECT_EQ(counted.client->take(), "") << "not yet";
    counted.world.advance(milliseconds(1));
    const std::string answer = counted.client->take();
    EXPECT_EQ(statusOf(answer), on_failure == OnFailure::kOpen ? 200 : 503);
    EXPECT_EQ(counted.count(LimitResult::kLate), 1u);
    EXPECT_EQ(counted.told().is_closed, on_failure == OnFailure::kClosed);
    EXPECT_EQ(counted.told().took, milliseconds(20));
    if (on_failure == OnFailure::kClosed) EXPECT_EQ(counted.world.last().reason, Reason::kRateLimitAway);
    // An answer that comes late is nobody's, and the next is for the next.
    counted.ask();
    EXPECT_EQ(counted.tell(kYes), "");
    EXPECT_EQ(statusOf(counted.tell(kNo)), 429);
  }
}

TEST(RedisLink, OneThatHangsIsGivenUpAndThenNobodyWaits) {
  Counted counted;
  counted.greet();
  for (int i = 0; i < 50; ++i) {
    counted.ask();
    counted.world.advance(milliseconds(20));
    EXPECT_EQ(statusOf(counted.client->take()), 200);
  }
  EXPECT_TRUE(counted.redis().isEnded()) << "after a second without a byte";
  counted.ask();
  EXPECT_EQ(statusOf(counted.client->take()), 200) << "at once";
  EXPECT_EQ(counted.count(LimitResult::kAway), 1u);
}

TEST(RedisLink, WhileItIsAwayNobodyWaitsUntilItGreets) {
  Counted counted;
  counted.world.connector.otherwise = ScriptedConnector::Way::kRefuseAtOnce;
  counted.ask();
  EXPECT_EQ(statusOf(counted.client->take()), 200);
  counted.ask();
  EXPECT_EQ(counted.world.connector.dialled.size(), 1u) << "not before the backoff is over";
  counted.world.connector.otherwise = ScriptedConnector::Way::kAccept;
  counted.world.advance(milliseconds(100));
  counted.ask();
  EXPECT_EQ(counted.world.connector.dialled.size(), 2u);
  EXPECT_EQ(countOf(counted.client->take(), "200 OK"), 2u) << "it isn't waited for";
  EXPECT_EQ(counted.asked(), kPing);
  (void)counted.tell(kPong);
  counted.ask();
  EXPECT_EQ(counted.client->take(), "") << "now it is asked";
  EXPECT_EQ(statusOf(counted.tell(kNo)), 429);
}

TEST(RedisLink, ItIsTriedLessAndLessOften) {
  Counted counted;
  counted.world.connector.otherwise = ScriptedConnector::Way::kRefuseLater;
  for (int i = 0; i < 6000; ++i) {
    counted.ask();
    counted.world.advance(milliseconds(10));
    ASSERT_EQ(statusOf(counted.client->take()), 200);
  }
  EXPECT_GE(counted.world.connector.dialled.size(), 60 / 5u);
  EXPECT_LE(counted.world.connector.dialled.size(), 6 + 60 / 2.5) << "a minute, 5 s between two at most";
}

TEST(RedisLink, AnEndWhileQuestionsWaitAnswersThemAtOnce) {
  Counted counted([](auto& service, auto&) { service.on_failure = OnFailure::kClosed; });
  counted.greet();
  counted.ask();
  counted.redis().shutdownWrite();
  counted.world.settle();
  EXPECT_EQ(statusOf(counted.client->take()), 503);
  EXPECT_EQ(counted.count(LimitResult::kAway), 1u);
}

TEST(RedisLink, AnEndBetweenQuestionsIsNoFailure) {
  Counted counted;
  counted.greet();
  counted.redis().shutdownWrite();
  counted.world.settle();
  counted.ask();
  EXPECT_EQ(counted.world.appConnections(), 2u);
  EXPECT_EQ(statusOf(counted.tell(kPong + kNo, 1)), 429);
}

TEST(RedisLink, QuestionsThatWaitAreBounded) {
  Counted counted([](auto& service, auto&) { service.pending = 2; });
  counted.greet();
  std::vector<std::unique_ptr<PipeEnd>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(counted.world.client());
    clients.back()->put(kGet);
    counted.world.settle();
  }
  EXPECT_EQ(clients[0]->take(), "");
  EXPECT_EQ(statusOf(clients[2]->take()), 200) << "at once";
  EXPECT_EQ(counted.count(LimitResult::kFull), 1u);
}

TEST(RedisLink, WhatIsNoAnswerEndsTheConnection) {
  for (const std::string& hostile :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("$3\r\nabc\r\n"), std::string("*-1\r\n"),
        std::string(70'000, '+'), kYes + kYes /* nobody asked twice */}) {
    Counted counted;
    counted.greet();
    counted.ask();
    EXPECT_EQ(statusOf(counted.tell(hostile)), 200) << hostile.substr(0, 20);
    EXPECT_TRUE(counted.redis().isEnded()) << hostile.substr(0, 20);
  }
}

TEST(RedisLink, AnAnswerThatCannotBeTrueIsNone) {
  Counted counted;
  counted.greet();
  for (const char* hostile :
       {"*3\r\n:7\r\n:1\r\n:0\r\n", "*3\r\n:0\r\n:99\r\n:0\r\n", "+OK\r\n", "-OOM no\r\n", ":1\r\n"}) {
    counted.ask();
    EXPECT_EQ(statusOf(counted.tell(hostile)), 200) << hostile;
  }
  EXPECT_EQ(counted.count(LimitResult::kFailed), 5u);
}

TEST(RedisLink, AReplicaIsLeftForWhereverTheNameLeads) {
  Counted counted;
  counted.greet();
  counted.ask();
  EXPECT_EQ(statusOf(counted.tell("-READONLY You can't write against a read only replica.\r\n")), 200);
  EXPECT_TRUE(counted.redis().isEnded());
}

TEST(RedisLink, OtherEndpointsMeanAnotherConnection) {
  Counted counted;
  counted.greet();
  counted.world.endpoints({"10.0.0.10"}, "cache");
  counted.ask();
  EXPECT_EQ(counted.world.connector.dialled.back(), "10.0.0.10:80");
  EXPECT_EQ(statusOf(counted.tell(kPong + kNo, 1)), 429);
  EXPECT_TRUE(counted.redis().isEnded());
}

TEST(RedisLink, ARefusedGreetingIsAway) {
  Counted counted;
  counted.ask();
  EXPECT_EQ(statusOf(counted.tell("-NOAUTH Authentication required.\r\n")), 200);
  EXPECT_TRUE(counted.redis().isEnded());
  EXPECT_EQ(counted.count(LimitResult::kAway), 1u);
}

TEST(RedisLink, AReloadKeepsTheConnectionUnlessTheServiceChanged) {
  Counted counted;
  counted.greet();
  model::Config config = counted.config;
  config.rate_limit_services[0].origin.line = 7;
  counted.world.adopt(config);
  counted.ask();
  EXPECT_EQ(statusOf(counted.tell(kNo)), 429);
  config.rate_limit_services[0].database = 3;
  counted.world.adopt(config);
  counted.ask();
  EXPECT_TRUE(counted.asked(1).starts_with("*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"));
  EXPECT_TRUE(counted.redis().isEnded());
}

TEST(RedisLink, AReloadWhileQuestionsWaitStillAnswersThem) {
  Counted counted;
  counted.greet();
  counted.ask();
  model::Config config = counted.config;
  config.rate_limit_services.clear();
  routeOf(config).shared_limit.reset();
  counted.world.adopt(config);
  EXPECT_EQ(statusOf(counted.tell(kNo)), 429);
  EXPECT_TRUE(counted.redis().isEnded()) << "nobody needs it any more";
}

TEST(RedisLink, ItsConnectionIsOneOfThoseThatTheServiceMayHave) {
  Counted counted;
  counted.config.clusters[1].limits.connections = 1;
  counted.world.adopt(counted.config);
  counted.greet();
  const auto& slots = *counted.world.core().snapshot()->clusters()[1]->shared().connections.permits;
  EXPECT_EQ(slots.active(), 1u);
  counted.world.connector.apps[0].reset();
  counted.world.settle();
  EXPECT_EQ(slots.active(), 0u) << "it is closed between two questions";
}

}  // namespace
}  // namespace remora::proxy::test
