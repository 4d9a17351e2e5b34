// A rate_limit that a gRPC service counts: the test is the client, the service and the application.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>

#include "http/grpc.h"
#include "http/h2_session.h"
#include "http/protobuf.h"
#include "proxy/limit_test_world.h"

namespace remora::proxy::test {
namespace {

using std::string_literals::operator""s;
using observe::LimitResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using OnFailure = model::RateLimitService::OnFailure;

const std::string kYes = "\x08\x01";
// 5 a minute are over, for 12 seconds.
const std::string kNo = "\x08\x02\x12\x0c\x08\x02\x12\x04\x08\x05\x10\x02\x22\x02\x08\x0c";

std::string framed(std::string_view message) {
  std::string body;
  const size_t begun = http::grpc::beginFrame(body);
  body += message;
  http::grpc::endFrame(body, begun);
  return body;
}

// The service's end of one connection.
class Service final : http::H2Session::Owner {
 public:
  Service(World& world, PipeEnd& end, const http::H2Bounds& bounds)
      : world_(world),
        end_(end),
        scratch_(64 << 10, '\0'),
        session_(http::H2Session::Role::kServer, end, scratch_, bounds, *this) {
    session_.start();
    world.settle();
  }

  // Questions that wait, without those that were cancelled.
  size_t waiting() {
    world_.settle();
    return static_cast<size_t>(
        std::ranges::count_if(questions_, [](const auto& stream) { return !stream->hasError() && !stream->isSent(); }));
  }
  size_t cancelled() {
    world_.settle();
    return static_cast<size_t>(std::ranges::count_if(questions_, [](const auto& stream) {
      return stream->resetCode() == static_cast<uint32_t>(http::H2Error::kCancel);
    }));
  }
  http::H2Stream& question(size_t i) { return *questions_.at(i); }
  size_t questions() const { return questions_.size(); }
  std::string asked(size_t i) {
    std::array<char, 4096> bytes;
    std::string all;
    for (;;) {
      const net::IoResult read = question(i).read(bytes);
      if (read.bytes == 0) return all;
      all.append(bytes.data(), read.bytes);
    }
  }
  std::string field(size_t i, std::string_view name) {
    const http::Field* const found = question(i).request().headers.find(name);
    return found ? std::string(found->value) : "";
  }

  void answer(const std::string& message = kYes, std::string_view status = "0") {
    answerTo(questions_.size() - 1, framed(message), status);
  }
  void answerTo(size_t i, const std::string& body, std::string_view status = "0",
                std::string_view type = "application/grpc", std::string_view http_status = "200") {
    http::H2Stream& stream = question(i);
    const std::array<http::HeadField, 2> head{{{":status", http_status}, {"content-type", type}}};
    EXPECT_TRUE(stream.sendHead(head, http::End::kMore));
    const iovec piece{const_cast<char*>(body.data()), body.size()};
    EXPECT_EQ(stream.write({&piece, 1}).bytes, body.size());
    const std::array<http::HeadField, 1> trailers{{{"grpc-status", status}}};
    EXPECT_TRUE(stream.sendTrailers(trailers));
    world_.settle();
  }
  void answerHeadOnly(std::string_view status) {
    const std::array<http::HeadField, 3> head{
        {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", status}}};
    EXPECT_TRUE(questions_.back()->sendHead(head, http::End::kLast));
    world_.settle();
  }
  void forget(size_t i) {
    questions_.erase(questions_.begin() + static_cast<ptrdiff_t>(i));
    world_.settle();
  }
  void reset(size_t i) {
    question(i).resetOnClose();
    forget(i);
  }

  http::H2Session& session() { return session_; }
  PipeEnd& end() { return end_; }

 private:
  void onRequest(std::unique_ptr<http::H2Stream> stream) override { questions_.push_back(std::move(stream)); }
  void onSessionChange() override {}

  World& world_;
  PipeEnd& end_;
  std::string scratch_;
  http::H2Session session_;
  std::vector<std::unique_ptr<http::H2Stream>> questions_;
};

struct Counted : LimitWorld {
  explicit Counted(const Change& change = {})
      : LimitWorld(
            "limits",
            [](model::Cluster& cluster, model::RateLimitService& service, model::SharedLimit& limit) {
              cluster.protocol = model::Protocol::kHttp2;
              service.kind = model::RateLimitService::Kind::kGrpc;
              service.domain = "shop";
              limit.descriptors = {{{"generic_key", "orders", {}}}};
            },
            change) {}

  Service& service(size_t i = 0, const http::H2Bounds& bounds = {}) {
    while (services.size() <= i) {
      services.push_back(std::make_unique<Service>(world, world.app(services.size()), bounds));
    }
    world.settle();
    return *services[i];
  }
  // Connected, with one request that was allowed.
  Service& greet(const http::H2Bounds& bounds = {}) {
    ask();
    Service& made = service(0, bounds);
    made.answer();
    EXPECT_EQ(statusOf(got()), 200);
    return made;
  }

  std::vector<std::unique_ptr<Service>> services;
};

// The value of a header, as an entry of the descriptor.
model::DescriptorEntry entryOfUser() {
  return {"user", "", model::HashKey{model::HashKey::Kind::kHeader, "x-user", {}}};
}

TEST(GrpcLink, AsksForTheRequestsDescriptor) {
  Counted counted([](auto&, auto& limit) { limit.descriptors[0].push_back(entryOfUser()); });
  counted.ask("GET /a HTTP/1.1\r\nHost: shop\r\nX-User: anna\r\n\r\n");
  Service& service = counted.service();
  ASSERT_EQ(service.waiting(), 1u);
  const http::RawRequest& head = service.question(0).request();
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
  EXPECT_EQ(service.field(0, "content-type"), "application/grpc");
  EXPECT_EQ(service.field(0, "te"), "trailers");
  EXPECT_EQ(service.field(0, "grpc-timeout"), "20000000n");
  EXPECT_EQ(service.asked(0), framed("\x0a\x04shop\x12\x25\x0a\x15\x0a\x0bgeneric_key\x12\x06orders\x0a\x0c\x0a\x04user"
                                     "\x12\x04"
                                     "anna\x18\x01"));
  EXPECT_EQ(counted.got(), "") << "not yet";
  service.answer();
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(counted.count(LimitResult::kAllowed), 1u);
  EXPECT_EQ(counted.told().result, LimitResult::kAllowed);
}

TEST(GrpcLink, ARequestThatLacksAValueIsNotAskedFor) {
  Counted counted([](auto& service, auto& limit) {
    service.on_failure = OnFailure::kClosed;
    limit.descriptors[0].push_back(entryOfUser());
  });
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(counted.world.appConnections(), 0u);
  EXPECT_EQ(counted.count(LimitResult::kUncounted), 1u);
  EXPECT_EQ(counted.told().result, LimitResult::kUncounted);
}

TEST(GrpcLink, ARefusalSaysWhatTheServiceSays) {
  Counted counted;
  Service& service = counted.greet();
  counted.ask();
  service.answer(kNo);
  std::string answer = counted.got();
  EXPECT_EQ(statusOf(answer), 429);
  EXPECT_TRUE(has(answer, "Retry-After: 12\r\n")) << answer;
  EXPECT_TRUE(has(answer, "RateLimit-Policy: \"route\";q=5;w=60\r\n")) << answer;
  EXPECT_TRUE(has(answer, "RateLimit: \"route\";r=0;t=12\r\n")) << answer;
  EXPECT_EQ(counted.world.last().reason, Reason::kRateLimited);
  EXPECT_EQ(counted.world.metrics.rate_limited.value(), 1u);
  EXPECT_EQ(counted.count(LimitResult::kLimited), 1u);
  counted.ask();
  service.answer("\x08\x02");
  answer = counted.got();
  EXPECT_EQ(statusOf(answer), 429);
  EXPECT_FALSE(has(answer, "RateLimit") || has(answer, "Retry-After:")) << "it doesn't say: " << answer;
}

TEST(GrpcLink, AShadowOnlyTells) {
  Counted counted([](auto& service, auto& limit) {
    limit.rate.shadow = true;
    service.on_failure = OnFailure::kClosed;
  });
  Service& service = counted.greet();
  counted.ask();
  service.answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(counted.world.metrics.rate_limited_shadow.value(), 1u);
  counted.ask();
  counted.world.advance(milliseconds(20));
  EXPECT_EQ(statusOf(counted.got()), 200) << "a shadow never refuses";
}

TEST(GrpcLink, QuestionsShareOneConnectionAndAreAnsweredInAnyOrder) {
  Counted counted;
  Service& service = counted.greet();
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  ASSERT_EQ(service.waiting(), 2u);
  EXPECT_EQ(counted.world.appConnections(), 1u);
  service.answerTo(2, framed(kNo));
  EXPECT_EQ(statusOf(other->take()), 429);
  EXPECT_EQ(counted.got(), "") << "not yet";
  service.answerTo(1, framed(kYes));
  EXPECT_EQ(statusOf(counted.got()), 200);
}

TEST(GrpcLink, WhoeverComesWhileItConnectsWaitsForTheOneConnection) {
  Counted counted;
  PipeEnd* ours = nullptr;
  counted.world.connector.otherwise = ScriptedConnector::Way::kHang;
  counted.world.connector.on_connect = [&](PipeEnd& mine, PipeEnd&) { ours = &mine; };
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  EXPECT_EQ(counted.world.connector.dialled.size(), 1u);
  ours->settleConnect(0);
  Service& service = counted.service();
  ASSERT_EQ(service.waiting(), 2u);
  service.answerTo(0, framed(kYes));
  service.answerTo(1, framed(kYes));
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(statusOf(other->take()), 200);
}

TEST(GrpcLink, WhoGoesAwayCancelsTheStream) {
  Counted counted;
  Service& service = counted.greet();
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  counted.client.reset();
  EXPECT_EQ(service.cancelled(), 1u);
  EXPECT_EQ(service.waiting(), 1u);
  service.answerTo(2, framed(kNo));
  EXPECT_EQ(statusOf(other->take()), 429);
}

TEST(GrpcLink, WithoutAnAnswerItWaitsForTheTimeoutAndNoLonger) {
  for (const OnFailure on_failure : {OnFailure::kOpen, OnFailure::kClosed}) {
    Counted counted([&](auto& service, auto&) { service.on_failure = on_failure; });
    Service& service = counted.greet();
    counted.ask();
    counted.world.advance(milliseconds(19));
    EXPECT_EQ(counted.client->take(), "") << "not yet";
    counted.world.advance(milliseconds(1));
    EXPECT_EQ(statusOf(counted.client->take()), on_failure == OnFailure::kOpen ? 200 : 503);
    EXPECT_EQ(service.cancelled(), 1u);
    EXPECT_EQ(counted.count(LimitResult::kLate), 1u);
    EXPECT_EQ(counted.told().is_closed, on_failure == OnFailure::kClosed);
    EXPECT_EQ(counted.told().took, milliseconds(20));
    if (on_failure == OnFailure::kClosed) EXPECT_EQ(counted.world.last().reason, Reason::kRateLimitAway);
    counted.ask();
    service.answer(kNo);
    EXPECT_EQ(statusOf(counted.got()), 429) << "the connection goes on";
    EXPECT_EQ(counted.world.appConnections(), 1u);
  }
}

TEST(GrpcLink, OneThatHangsIsGivenUpAndThenNobodyWaits) {
  Counted counted;
  counted.ask();
  counted.world.advance(milliseconds(20));
  EXPECT_EQ(statusOf(counted.got()), 200) << "it accepted, and never said anything";
  for (int i = 0; i < 49; ++i) {
    counted.ask();
    counted.world.advance(milliseconds(20));
    EXPECT_EQ(statusOf(counted.got()), 200);
  }
  EXPECT_EQ(counted.count(LimitResult::kLate), 50u);
  EXPECT_TRUE(counted.world.app().isEnded()) << "after a second without a frame";
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200) << "at once";
  EXPECT_EQ(counted.count(LimitResult::kAway), 1u);
  counted.world.advance(milliseconds(100));
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200) << "it isn't waited for";
  ASSERT_EQ(counted.world.appConnections(), 2u);
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200) << "nor before it greets";
}

TEST(GrpcLink, OneThatWasWellAndHangsIsGivenUpToo) {
  Counted counted;
  counted.greet();
  counted.world.advance(seconds(5));
  counted.services.clear();  // nothing is read or said any more
  for (int i = 0; i < 50; ++i) {
    counted.ask();
    counted.world.advance(milliseconds(20));
    EXPECT_EQ(statusOf(counted.got()), 200);
  }
  EXPECT_EQ(counted.count(LimitResult::kLate), 50u);
  EXPECT_TRUE(counted.world.app().isEnded());
}

TEST(GrpcLink, OneThatOnlyAnswersTooLateKeepsItsConnection) {
  Counted counted;
  Service& service = counted.greet();
  for (int i = 0; i < 100; ++i) {
    counted.ask();
    counted.world.advance(milliseconds(20));
    EXPECT_EQ(statusOf(counted.got()), 200);
    // A frame, whatever it is for.
    service.session().flush();
    const std::string ping = "\0\0\x08\x06\0\0\0\0\0"s + std::string(8, 'p');
    service.end().put(ping);
    counted.world.settle();
  }
  EXPECT_EQ(counted.count(LimitResult::kLate), 100u);
  EXPECT_EQ(counted.world.appConnections(), 1u);
}

TEST(GrpcLink, WhileItIsAwayNobodyWaitsUntilItGreets) {
  Counted counted;
  counted.world.connector.otherwise = ScriptedConnector::Way::kRefuseAtOnce;
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200);
  counted.ask();
  EXPECT_EQ(counted.world.connector.dialled.size(), 1u) << "not before the backoff is over";
  counted.world.connector.otherwise = ScriptedConnector::Way::kAccept;
  counted.world.advance(milliseconds(100));
  counted.ask();
  EXPECT_EQ(counted.world.connector.dialled.size(), 2u);
  EXPECT_EQ(countOf(counted.got(), "200 OK"), 2u) << "it isn't waited for";
  Service& service = counted.service();
  EXPECT_EQ(service.questions(), 0u);
  counted.ask();
  EXPECT_EQ(counted.got(), "") << "now it is asked";
  service.answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
}

TEST(GrpcLink, AnEndWhileQuestionsWaitAnswersThemAtOnce) {
  Counted counted([](auto& service, auto&) { service.on_failure = OnFailure::kClosed; });
  Service& service = counted.greet();
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  service.end().shutdownWrite();
  EXPECT_EQ(statusOf(counted.got()), 503);
  EXPECT_EQ(statusOf(other->take()), 503);
  EXPECT_EQ(counted.count(LimitResult::kAway), 2u);
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 503) << "at once";
  EXPECT_EQ(counted.world.appConnections(), 1u) << "not before the backoff is over";
}

TEST(GrpcLink, AnEndBetweenQuestionsIsNoFailure) {
  Counted counted;
  Service& service = counted.greet();
  service.end().shutdownWrite();
  counted.world.settle();
  counted.ask();
  EXPECT_EQ(counted.world.appConnections(), 2u);
  counted.service(1).answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
}

TEST(GrpcLink, AQuestionThatAGoAwayRefusesIsAskedAgain) {
  Counted counted;
  Service& service = counted.greet();
  service.session().goAway();
  service.session().goAway();
  service.session().flush();  // above the last stream that it will handle is whatever comes now
  counted.ask();
  counted.world.settle();
  ASSERT_EQ(counted.world.appConnections(), 2u);
  counted.service(1).answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
  EXPECT_EQ(counted.count(LimitResult::kAway), 0u);
}

TEST(GrpcLink, QuestionsBeforeAGoAwayAreStillAnswered) {
  Counted counted;
  Service& service = counted.greet();
  counted.ask();
  service.session().goAway();
  counted.world.settle();
  auto other = counted.world.client();
  counted.askOf(*other);
  service.answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
  ASSERT_EQ(counted.world.appConnections(), 2u);
  counted.service(1).answer(kNo);
  counted.world.settle();
  EXPECT_EQ(statusOf(other->take()), 429);
}

TEST(GrpcLink, QuestionsThatWaitAreBounded) {
  Counted counted([](auto& service, auto&) { service.pending = 2; });
  Service& service = counted.greet();
  std::vector<std::unique_ptr<PipeEnd>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(counted.world.client());
    counted.askOf(*clients.back());
  }
  EXPECT_EQ(clients[0]->take(), "");
  EXPECT_EQ(statusOf(clients[2]->take()), 200) << "at once";
  EXPECT_EQ(counted.count(LimitResult::kFull), 1u);
  service.answerTo(1, framed(kYes));
  service.answerTo(2, framed(kYes));
  counted.ask();
  EXPECT_EQ(service.waiting(), 1u) << "there is room again";
}

TEST(GrpcLink, MoreStreamsThanTheServiceTakesWaitForRoom) {
  http::H2Bounds bounds;
  bounds.http2.streams = 1;
  Counted counted;
  Service& service = counted.greet(bounds);
  service.forget(0);
  auto other = counted.world.client();
  counted.ask();
  counted.askOf(*other);
  EXPECT_EQ(service.waiting(), 1u);
  EXPECT_EQ(counted.world.appConnections(), 1u);
  service.answerTo(0, framed(kYes));
  service.forget(0);
  EXPECT_EQ(statusOf(counted.got()), 200);
  ASSERT_EQ(service.questions(), 1u);
  service.answerTo(0, framed(kNo));
  EXPECT_EQ(statusOf(other->take()), 429);
}

TEST(GrpcLink, WhatIsNoAnswerIsAFailure) {
  Counted counted;
  Service& service = counted.greet();
  size_t asked = 0;
  const auto fails = [&](auto&& answer) {
    counted.ask();
    answer(++asked);
    EXPECT_EQ(statusOf(counted.got()), 200) << asked;
    EXPECT_EQ(counted.count(LimitResult::kFailed), asked);
  };
  fails([&](size_t i) { service.answerTo(i, framed(kYes), "14"); });
  fails([&](size_t i) { service.answerTo(i, framed(kYes), "no number"); });
  fails([&](size_t i) { service.answerTo(i, framed(kYes), "0", "text/html"); });
  fails([&](size_t i) { service.answerTo(i, framed(kYes), "0", "application/grpc", "503"); });
  fails([&](size_t i) { service.answerTo(i, framed(kYes) + framed(kYes)); });
  fails([&](size_t i) { service.answerTo(i, ""); });
  fails([&](size_t i) { service.answerTo(i, framed(std::string(20'000, '\x0a'))); });
  fails([&](size_t i) { service.answerTo(i, framed("\x08\x07")); });
  fails([&](size_t) { service.answerHeadOnly("12"); });
  fails([&](size_t i) { service.reset(i); });
  EXPECT_EQ(counted.world.appConnections(), 1u) << "none of these is the connection's fault";
}

TEST(GrpcLink, WhoSpeaksNoHttp2IsAway) {
  Counted counted;
  counted.ask();
  counted.world.app().put("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(counted.count(LimitResult::kAway), 1u);
  EXPECT_TRUE(counted.world.app().isEnded());
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(counted.world.appConnections(), 1u) << "not before the backoff is over";
}

TEST(GrpcLink, OtherEndpointsMeanAnotherConnection) {
  Counted counted;
  Service& service = counted.greet();
  auto other = counted.world.client();
  counted.askOf(*other);
  counted.world.endpoints({"10.0.0.10"}, "limits");
  counted.ask();
  EXPECT_EQ(counted.world.connector.dialled.back(), "10.0.0.10:80");
  service.answer(kNo);
  EXPECT_EQ(statusOf(other->take()), 429) << "who waited is answered";
  counted.service(1).answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
  EXPECT_TRUE(counted.world.app(0).isEnded());
}

TEST(GrpcLink, WithoutAnEndpointItIsAway) {
  Counted counted;
  counted.world.endpoints({}, "limits");
  counted.ask();
  EXPECT_EQ(statusOf(counted.got()), 200);
  EXPECT_EQ(counted.count(LimitResult::kAway), 1u);
}

TEST(GrpcLink, AReloadKeepsTheConnectionUnlessTheServiceChanged) {
  Counted counted;
  Service& service = counted.greet();
  model::Config config = counted.config;
  config.rate_limit_services[0].origin.line = 7;
  counted.world.adopt(config);
  counted.ask();
  service.answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
  config.rate_limit_services[0].domain = "other";
  counted.world.adopt(config);
  counted.ask();
  ASSERT_EQ(counted.world.appConnections(), 2u);
  counted.service(1);
  EXPECT_TRUE(has(counted.service(1).asked(0), "other"));
  counted.service(1).answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
  EXPECT_TRUE(counted.world.app(0).isEnded());
}

TEST(GrpcLink, AReloadWhileQuestionsWaitStillAnswersThem) {
  Counted counted;
  Service& service = counted.greet();
  counted.ask();
  model::Config config = counted.config;
  config.rate_limit_services.clear();
  routeOf(config).shared_limit.reset();
  counted.world.adopt(config);
  service.answer(kNo);
  EXPECT_EQ(statusOf(counted.got()), 429);
  EXPECT_TRUE(counted.world.app().isEnded()) << "nobody needs it any more";
}

TEST(GrpcLink, TheProcessMayEndWhileItConnectsOrIsAsked) {
  {
    Counted counted;
    counted.world.connector.otherwise = ScriptedConnector::Way::kHang;
    counted.ask();
  }
  Counted counted;
  counted.greet();
  counted.ask();
  EXPECT_EQ(counted.got(), "");
}

}  // namespace
}  // namespace remora::proxy::test
