#include <gtest/gtest.h>

#include <array>

#include "proxy/h1_connection.h"
#include "proxy/h2_test_app.h"
#include "proxy/mirror.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string put(size_t body, const std::string& more = "") {
  return "PUT /a HTTP/1.1\r\nHost: shop\r\n" + more + "Content-Length: " + std::to_string(body) + "\r\n\r\n" +
         std::string(body, 'q');
}

// A second attempt after 50 ms, at the other of two endpoints.
void hedge(model::Config& config) {
  routeOf(config).hedge = model::Hedge{.after = milliseconds(50)};
}

struct HedgedWorld : World {
  explicit HedgedWorld(const std::function<void(model::Config&)>& change = {})
      : World([&](model::Config& config) {
          hedge(config);
          if (change) change(config);
        }) {
    endpoints({"10.0.0.1", "10.0.0.2"});
  }
};

// "in2" to "in9".
void addListeners(model::Config& config) {
  for (int i = 0; i < 8; ++i) {
    config.listeners.push_back(config.listeners[0]);
    config.listeners.back().name = "in" + std::to_string(i + 2);
    config.listeners.back().address.port = static_cast<uint16_t>(8081 + i);
  }
}

TEST(RequestCopies, HedgeAnswersBeforeItsUploadIsDone) {
  HedgedWorld world([](model::Config& config) { config.telemetry.recent = 4; });
  {
    auto other = world.client();
    EXPECT_EQ(
        statusOf(world.exchange(
            *other, kGet, "HTTP/1.1 200 OK\r\nX-Secret: alice\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")),
        200);
  }
  world.settle();
  world.connector.capacity = 1024;
  auto client = world.client();
  client->put(put(8000));
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 3u);
  world.app(2).put("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  world.settle();
  const std::string early = client->take();
  EXPECT_TRUE(early.empty() || statusOf(early) == 413) << early;
  // The first still works on it.
  for (int i = 0; i < 20; ++i) (void)world.toApp(1);
  world.app(1).put(kOk);
  world.settle();
  const std::string answer = early + client->take();
  EXPECT_TRUE(statusOf(answer) == 200 || statusOf(answer) == 413) << answer;
}

TEST(RequestCopies, HedgeAnswersEarlyWhileTheFirstConnects) {
  HedgedWorld world;
  world.connector.capacity = 1024;
  world.connector.script = {ScriptedConnector::Way::kHang, ScriptedConnector::Way::kAccept};
  auto client = world.client();
  client->put(put(8000));
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  world.app(1).put("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  world.settle();
  const std::string answer = client->take();
  EXPECT_TRUE(answer.empty() || statusOf(answer) == 413) << answer;
}

void shadow(model::Config& config) {
  config.telemetry.recent = 4;
  config.clusters.emplace_back().name = "shadow";
  routeOf(config).mirrors = {{{"shadow", 1, {}}, 100}};
}

TEST(RequestCopies, AMirrorLeavesTheAnswerAlone) {
  World world(shadow);
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  const std::string request = put(40000);
  client->put(request);
  for (int i = 0; i < 5; ++i) (void)world.toApp(0);
  world.app(0).put("HTTP/1.1 200 OK\r\nX-Kept: yes\r\nContent-Length: 10\r\n\r\nhellohello");
  world.settle();
  const std::string answer = client->take();
  EXPECT_EQ(statusOf(answer), 200);
  EXPECT_TRUE(has(answer, "X-Kept: yes\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("hellohello")) << answer.substr(0, 600);
}

TEST(RequestCopies, AReloadRemovesTheListenerOfACopy) {
  const auto two = [](model::Config& config) {
    shadow(config);
    addListeners(config);
  };
  World world(two);
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client("in9");
  client->put(kGet);
  world.settle();
  world.adopt(World::changed(shadow));
  world.app(0).put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
}

TEST(RequestCopies, AReloadRemovesTheListenerOfAHedge) {
  const auto two = [&](model::Config& config) {
    hedge(config);
    addListeners(config);
  };
  World world(two);
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  auto client = world.client("in9");
  client->put(kGet);
  world.settle();
  world.adopt(World::changed(hedge));
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  world.app(1).put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
}

TEST(RequestCopies, NominatedFieldsStayBehind) {
  World world(shadow);
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  client->put("GET /a HTTP/1.1\r\nHost: shop\r\nConnection: x-hop\r\nX-Hop: secret\r\n\r\n");
  world.settle();
  EXPECT_FALSE(has(world.toApp(0), "X-Hop"));
  world.app(0).put(kOk);
  world.settle();
  EXPECT_FALSE(has(world.toApp(1), "X-Hop")) << "the copy carries a field of the client's connection";
}

TEST(RequestCopies, Http10WithoutHost) {
  World world(shadow);
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  client->put("GET /a HTTP/1.0\r\n\r\n");
  world.settle();
  world.app(0).put(kOk);
  world.settle();
  EXPECT_EQ(world.appConnections(), 2u) << "never sent; mirrored=" << world.metrics.mirrored.value()
                                        << " failures=" << world.metrics.mirror_failures.value();
}

TEST(RequestCopies, TheHedgesHttp2ConnectionEndsWithItsAnswer) {
  HedgedWorld world([](model::Config& config) { config.clusters[0].protocol = model::Protocol::kHttp2; });
  std::vector<std::unique_ptr<H2App>> apps;
  world.connector.on_connect = [&](PipeEnd&, PipeEnd& theirs) { apps.push_back(std::make_unique<H2App>(theirs)); };
  auto client = world.client();
  client->put(kGet);
  world.advance(milliseconds(50));
  ASSERT_EQ(apps.size(), 2u);
  ASSERT_EQ(apps[1]->requests.size(), 1u);
  apps[1]->answer(0);
  apps[1]->session().end(http::H2Error::kNone);
  apps[1]->session().flush();
  apps[1].reset();
  world.connector.apps[1].reset();
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
  apps.clear();
}

TEST(RequestCopies, MirrorsSayNothingOfTheRoutesTimes) {
  World world([](model::Config& config) {
    shadow(config);
    routeOf(config).hedge = model::Hedge{};
  });
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  for (int i = 0; i < 40; ++i) {
    client->put(kGet);
    world.settle();
    world.advance(milliseconds(10));
    (void)world.toApp(0);
    world.app(0).put(kOk);
    world.settle();
    ASSERT_EQ(statusOf(client->take()), 200);
    world.advance(milliseconds(500));
    (void)world.toApp(1);
    world.app(1).put(kOk);
    world.settle();
  }
  auto snapshot = world.core().snapshot();
  const auto& p95 = snapshot->p95((*snapshot)->listeners[0], 0);
  EXPECT_LT(p95.estimate(), milliseconds(100)) << std::chrono::duration_cast<milliseconds>(p95.estimate()).count();
}

TEST(RequestCopies, AnEndpointThatFailsBehindHedgesIsEjected) {
  World world([](model::Config& config) {
    routeOf(config).hedge = model::Hedge{.after = milliseconds(50), .percent = 100, .floor = 1000};
    config.clusters[0].outlier.emplace();
    config.clusters[0].outlier->consecutive_local_failures = 3;
    config.clusters[0].outlier->ejected_most_percent = 100;
  });
  world.endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  int bad = 0;
  for (int i = 0; i < 60; ++i) {
    auto client = world.client();
    const size_t before = world.appConnections();
    client->put(kGet);
    world.settle();
    const auto answerAll = [&](bool fail) {
      for (size_t at = before; at < world.appConnections(); ++at) {
        if (!world.connector.apps[at]) continue;
        const bool is_bad = world.connector.dialled[at].starts_with("10.0.0.1:");
        if (is_bad && fail) {
          ++bad;
          world.connector.apps[at]->resetOnClose();
          world.connector.apps[at].reset();
        } else if (!is_bad) {
          world.connector.apps[at]->put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
      }
      world.settle();
    };
    answerAll(false);
    world.advance(milliseconds(60));
    answerAll(true);  // the bad one breaks now, the hedge answers
    world.settle();
    EXPECT_EQ(statusOf(client->take()), 200);
  }
  EXPECT_GE(bad, 3);
  EXPECT_GT(world.metrics.ejections.value(), 0u) << bad << " failures in a row went unnoticed";
}

TEST(RequestCopies, AStuckClientStaysWhereItIs) {
  HedgedWorld world([](model::Config& config) {
    config.clusters[0].sticky.emplace();
    config.clusters[0].sticky->cookie = "s";
  });
  auto client = world.client();
  const std::string first = world.exchange(*client, kGet, kOk);
  const size_t at = first.find("s=");
  ASSERT_NE(at, std::string::npos) << first;
  const std::string cookie = first.substr(at, 18);
  client->put("GET /a HTTP/1.1\r\nHost: shop\r\nCookie: " + cookie + "\r\n\r\n");
  world.advance(milliseconds(50));
  EXPECT_EQ(world.appConnections(), 1u) << "its session is there only";
  world.app(1).put(kOk);
  world.settle();
  const std::string answer = client->take();
  EXPECT_FALSE(has(answer, "Set-Cookie")) << answer;
}

TEST(RequestCopies, HedgesKeepToTheLimitOfRequests) {
  HedgedWorld world([](model::Config& config) { config.clusters[0].limits.requests = 1; });
  auto client = world.client();
  client->put(kGet);
  world.advance(milliseconds(50));
  EXPECT_EQ(world.appConnections(), 1u) << "limits.requests is 1";
}

TEST(RequestCopies, TheP95OfARouteDoesNotShrinkByItsHedges) {
  World world([](model::Config& config) { routeOf(config).hedge = model::Hedge{.percent = 100, .floor = 1000}; });
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  size_t hedged = 0;
  // 1 in 10 takes 200 ms at whoever is asked first, all others 10..30 ms; the second always takes 5.
  for (int i = 0; i < 2000; ++i) {
    auto client = world.client();
    const size_t before = world.appConnections();
    client->put(kGet);
    world.settle();
    const int takes = i % 10 == 9 ? 200 : 10 + (i * 7) % 20;
    std::string answer;
    for (int ms = 1; ms <= takes; ++ms) {
      world.advance(milliseconds(1));
      if (world.appConnections() > before + 1) {
        world.advance(milliseconds(2));
        world.app(before + 1).put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        ++hedged;
        break;
      }
    }
    world.settle();
    answer = client->take();
    if (answer.empty()) {
      world.app(before).put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      world.settle();
      answer = client->take();
    }
    ASSERT_EQ(statusOf(answer), 200);
  }
  auto snapshot = world.core().snapshot();
  const auto& p95 = snapshot->p95((*snapshot)->listeners[0], 0);
  EXPECT_LT(hedged, 300u) << "p95 " << std::chrono::duration_cast<milliseconds>(p95.estimate()).count() << " ms";
}

TEST(RequestCopies, TheCoreEndsWithMirrorsUnderWay) {
  World world(shadow);
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  for (int i = 0; i < 40; ++i) ASSERT_EQ(statusOf(world.exchange(*client, put(3000), kOk)), 200);
  EXPECT_GT(world.core().mirrors(), 10u);
}

TEST(RequestCopies, AReloadWhileAHedgeRuns) {
  const auto change = [](model::Config& config) { routeOf(config).hedge = model::Hedge{.after = milliseconds(50)}; };
  World world(change);
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  auto client = world.client();
  client->put(kGet);
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  world.adopt(World::changed({}));
  world.endpoints({"10.0.0.7"});
  world.app(1).put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
  EXPECT_EQ(statusOf(world.exchange(*client, kGet, kOk, 2)), 200);
}

TEST(RequestCopies, ACopysMemoryServesAClientNext) {
  World world(shadow);
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(statusOf(world.exchange(*client, kGet, kOk)), 200);
    (void)world.toApp(1);
    world.app(1).put(kOk);
    world.settle();
  }
  EXPECT_EQ(world.core().mirrors(), 0u);
  EXPECT_EQ(world.metrics.mirrored.value(), 3u);
  EXPECT_EQ(world.metrics.mirror_failures.value(), 0u);
  EXPECT_EQ(world.appConnections(), 2u);
}

TEST(RequestCopies, TheEdgesRequestIdIsOfBoth) {
  World world([](model::Config& config) {
    shadow(config);
    httpOf(config).edge = true;
  });
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  client->put(kGet);
  world.settle();
  const auto idOf = [](const std::string& text, const std::string& name) {
    const size_t at = text.find(name);
    return at == std::string::npos ? std::string("none") : text.substr(at, text.find("\r\n", at) - at);
  };
  const std::string one = world.toApp(0);
  world.app(0).put(kOk);
  world.settle();
  const std::string two = world.toApp(1);
  EXPECT_EQ(idOf(one, "X-Request-Id"), idOf(two, "X-Request-Id"));
  EXPECT_EQ(idOf(one, "traceparent").substr(0, 48), idOf(two, "traceparent").substr(0, 48));
}

TEST(RequestCopies, ACopySaysTheSchemeOfItsClient) {
  World world(shadow);
  world.endpoints({"10.9.9.9"}, "shadow");
  tls::Facts facts;
  auto [theirs, ours] = PipeEnd::pair(world.loop(), 64 << 10);
  auto probe = world.client();
  auto state = makeRef<ListenerState>();
  state->name = "in";
  world.core().addMirror(std::make_unique<H1Connection>(
      world.core(),
      Connection::Origin{
          .transport = std::move(ours), .peer = *net::parsePeer("192.0.2.7:4711"), .listener = state, .tls = &facts},
      H1Connection::Takes::kHttp1Only));
  theirs->put(kGet);
  world.settle();
  EXPECT_TRUE(has(world.toApp(0), "X-Forwarded-Proto: https\r\n"));
  world.app(0).put(kOk);
  world.settle();
  const std::string copy = world.toApp(1);
  EXPECT_TRUE(has(copy, "X-Forwarded-Proto: https\r\n")) << copy;
}

TEST(RequestCopies, AfterAHedgeWonTheNextRequestIsRead) {
  HedgedWorld world;
  world.connector.capacity = 1024;
  auto client = world.client();
  client->put(put(8000) + kGet);
  world.settle();
  world.connector.capacity = 64 << 10;
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  EXPECT_EQ(countOf(world.toApp(1), "q"), 8001u);
  world.app(1).put(kOk);
  world.settle();
  EXPECT_EQ(statusOf(client->take()), 200);
  std::string next;
  for (size_t i = 1; i < world.appConnections(); ++i) {
    next = world.toApp(i);
    if (next.starts_with("GET /a")) {
      world.app(i).put(kOk);
      world.settle();
      break;
    }
  }
  EXPECT_TRUE(next.starts_with("GET /a")) << next;
  EXPECT_EQ(statusOf(client->take()), 200);
}

TEST(RequestCopies, AnInterimHeadIsNotCutByTheHedge) {
  HedgedWorld world;
  auto client = world.client("in", 256);
  client->put(kGet);
  world.settle();
  world.app(0).put("HTTP/1.1 103 Early Hints\r\nLink: <" + std::string(1000, 'l') + ">\r\n\r\n");
  world.advance(milliseconds(50));
  world.app(1).put(kOk);
  std::string answer;
  for (int i = 0; i < 30; ++i) {
    world.settle();
    answer += client->take();
  }
  EXPECT_EQ(countOf(answer, "l>\r\n\r\n"), countOf(answer, "103 Early")) << answer;
}

TEST(RequestCopies, ATryTimeoutIsRetriedThoughAHedgeHangs) {
  HedgedWorld world([](model::Config& config) {
    routeOf(config).retry.emplace();
    routeOf(config).retry->attempts = 1;
    routeOf(config).retry->on = model::Retry::kTimeout;
    routeOf(config).retry->try_timeout = milliseconds(100);
  });
  auto client = world.client();
  client->put(kGet);
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  for (int i = 0; i < 60; ++i) world.advance(milliseconds(10));
  EXPECT_GE(world.appConnections(), 3u) << "never sent again, after 650 ms with a try_timeout of 100";
}

TEST(RequestCopies, CookiesOfTwoLines) {
  World world([](model::Config& config) {
    config.clusters[0].sticky.emplace();
    config.clusters[0].sticky->cookie = "s";
  });
  auto client = world.client();
  const std::string first = world.exchange(*client, kGet, kOk);
  const std::string cookie = first.substr(first.find("s="), 18);
  const std::string answer =
      world.exchange(*client, "GET /a HTTP/1.1\r\nHost: shop\r\nCookie: a=1\r\nCookie: " + cookie + "\r\n\r\n", kOk);
  EXPECT_FALSE(has(answer, "Set-Cookie")) << answer;
}

TEST(RequestCopies, EndpointsGoWhileAHedgeRuns) {
  World world([](model::Config& config) {
    shadow(config);
    routeOf(config).hedge = model::Hedge{.after = milliseconds(50)};
  });
  world.endpoints({"10.9.9.9"}, "shadow");
  world.endpoints({"10.0.0.1", "10.0.0.2"});
  auto client = world.client();
  client->put(put(6000));
  world.advance(milliseconds(50));
  world.endpoints({"10.0.0.8"});
  world.adopt(World::changed({}));
  (void)world.toApp(0);
  (void)world.toApp(1);
  world.app(1).put("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi");
  world.settle();
  world.endpoints({"10.9.9.8"}, "shadow");
  client.reset();
  world.settle();
  world.advance(kMirrorTime);
  EXPECT_EQ(world.core().mirrors(), 0u);
  EXPECT_EQ(world.metrics.upstream_active.value(), 0);
}

TEST(RequestCopies, AnH2ClientsHedge) {
  HedgedWorld world;
  auto end = world.client();
  struct Client final : http::H2Session::Owner {
    Client(PipeEnd& e) : scratch(64 << 10, ' '), session(http::H2Session::Role::kClient, e, scratch, {}, *this) {
      session.start();
    }
    void onRequest(std::unique_ptr<http::H2Stream>) override {}
    void onSessionChange() override {}
    std::string scratch;
    http::H2Session session;
  } client(*end);
  world.settle();
  auto stream = client.session.openStream();
  const std::array<http::HeadField, 8> fields{{{":method", "PUT"},
                                               {":scheme", "http"},
                                               {":authority", "shop"},
                                               {":path", "/p?x"},
                                               {"cookie", "a=1"},
                                               {"cookie", "b=2"},
                                               {"te", "trailers"},
                                               {"x-odd", "\x80\xff\tq"}}};
  ASSERT_TRUE(stream->sendHead(fields, http::End::kMore));
  std::string body(300, 'z');
  const iovec piece{body.data(), body.size()};
  ASSERT_EQ(stream->writeLast({&piece, 1}).bytes, body.size());
  world.settle();
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  const std::string two = world.toApp(1);
  EXPECT_TRUE(two.starts_with("PUT /p?x HTTP/1.1\r\nHost: shop\r\n")) << two;
  EXPECT_TRUE(has(two, "a=1; b=2\r\n"));
  EXPECT_TRUE(has(two, "\x80\xff\tq\r\n"));
  EXPECT_TRUE(has(two, "Content-Length: 300\r\n"));
  stream.reset();
  world.settle();
  EXPECT_TRUE(world.app(0).isEnded());
  EXPECT_TRUE(world.app(1).isEnded());
  EXPECT_EQ(world.metrics.upstream_active.value(), 0);
}

TEST(RequestCopies, AnUnreadableCopyIsCounted) {
  World world([](model::Config& config) {
    shadow(config);
    config.listeners[0].limits.head = Bytes{1024};
  });
  world.endpoints({"10.9.9.9"}, "shadow");
  auto client = world.client();
  client->put("GET /a HTTP/1.1\r\nHost: shop\r\nX-A: " + std::string(975, 'a') + "\r\n\r\n");
  world.settle();
  world.app(0).put(kOk);
  world.settle();
  ASSERT_EQ(statusOf(client->take()), 200);
  EXPECT_EQ(world.appConnections() + world.metrics.mirror_failures.value() + world.metrics.mirrors_skipped.value(), 2u)
      << "neither sent nor counted: mirrored=" << world.metrics.mirrored.value();
}

}  // namespace
}  // namespace remora::proxy::test
namespace remora::proxy::test {
namespace {
// After a hedge has won, its connection is used again, whichever endpoint chance gives the next requests.
TEST(RequestCopies, TheWinnersConnectionIsUsedAgain) {
  HedgedWorld world;
  auto client = world.client();
  client->put(kGet);
  world.advance(milliseconds(50));
  ASSERT_EQ(world.appConnections(), 2u);
  (void)world.toApp(1);
  world.app(1).put(kOk);
  world.settle();
  ASSERT_EQ(statusOf(client->take()), 200);
  size_t reused = 0;
  for (int i = 0; i < 20; ++i) {
    client->put(kGet);
    world.settle();
    for (size_t at = 1; at < world.appConnections(); ++at) {
      if (world.toApp(at).empty()) continue;
      reused += at == 1;
      world.app(at).put(kOk);
    }
    world.settle();
    ASSERT_EQ(statusOf(client->take()), 200);
  }
  EXPECT_GT(reused, 0u);
  EXPECT_LE(world.appConnections(), 3u);
}
}  // namespace
}  // namespace remora::proxy::test
