// What cores share: contexts and the keys of tickets. Run with the thread sanitizer as well.
#include <thread>
#include <vector>

#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using ThreadsTls = TlsWorld;

void shakeHands(const TestPair::Server& server, const TestPair::Client& client, int times, int& resumed) {
  loop::TestLoop loop;
  CipherMemory memory;
  SessionCache sessions;
  for (int i = 0; i < times; ++i) {
    TestPair tls(loop, memory, server, client, "app.example", &sessions);
    loop.settle();
    if (!tls.isDone()) return;
    (void)put(*tls.server, "word");
    loop.settle();
    if (takeAll(*tls.client) != "word") return;
    resumed += tls.server->facts().is_resumed ? 1 : 0;
  }
}

TEST_F(ThreadsTls, CoresShareContexts) {
  askForCertificates(model::TlsServer::Client::kRequired);
  showCertificate({.name = "web", .sans = {"URI:spiffe://example.org/web"}});
  const auto server_side = server();
  const auto client_side = client();
  constexpr int kTimes = 20;
  int resumed[3] = {};
  {
    std::vector<std::jthread> cores;
    for (int& mine : resumed) cores.emplace_back([&] { shakeHands(server_side, client_side, kTimes, mine); });
  }
  for (const int mine : resumed) EXPECT_EQ(mine, kTimes - 1);
}

TEST(ThreadsTicketKeys, StayWholeWhileTheyRotate) {
  TicketKeys keys(std::chrono::microseconds(20));
  const auto use = [&keys](int& wrong) {
    for (int i = 0; i < 5000; ++i) {
      const TicketKey sealing = keys.forSealing();
      const auto opening = keys.forOpening(sealing.name);
      if (opening && (opening->key.mac != sealing.mac || opening->key.cipher != sealing.cipher)) ++wrong;
    }
  };
  int wrong[3] = {};
  {
    std::vector<std::jthread> cores;
    for (int& mine : wrong) cores.emplace_back([&use, &mine] { use(mine); });
  }
  for (const int mine : wrong) EXPECT_EQ(mine, 0);
}

}  // namespace
}  // namespace remora::tls
