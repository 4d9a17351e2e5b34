// Over real sockets of the loopback: who is accepted, who is told that there is no room, and where connections go.
#include "proxy/listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tcp_stream.h"
#include "proxy/reply.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

class ListenersTest : public testing::Test {
 protected:
  ListenersTest() {
    config_ = World::changed([](model::Config& config) {
      config.listeners[0].address.port = 0;
      config.listeners[0].limits.connections = 2;
      routeOf(config).action = model::DirectAnswer{.body = "ok"};
    });
    socket_ = *net::BoundSocket::bind(config_.listeners[0]);
    adopt();
  }
  ~ListenersTest() override {
    for (int fd : clients_) close(fd);
  }
  void adopt() {
    const auto snapshot = snapshot::compile(config_, 1, std::make_shared<snapshot::RuleBook>());
    core_.adoptSnapshot(*snapshot, nullptr);
    listeners_.adopt(**snapshot, {{model::toText(config_.listeners[0].address), socket_}});
  }
  int connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, socket_->address().get(), socket_->address().length()), 0);
    clients_.push_back(fd);
    return fd;
  }
  template <class Condition>
  void turnUntil(Condition met) {
    for (int i = 0; i < 200; ++i) {
      if (met()) return;
      loop_.turn(Deadline::after(loop_.readClock(), Milliseconds(50)));
    }
    ADD_FAILURE() << "it never came";
  }
  std::string receive(int fd) {
    std::string got;
    turnUntil([&] {
      char bytes[2048];
      const ssize_t n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n > 0) got.append(bytes, static_cast<size_t>(n));
      return n > 0;
    });
    return got;
  }

  loop::SystemClock clock_;
  loop::Loop loop_{clock_, std::make_unique<loop::EpollPoller>(loop::Sys::real())};
  net::TcpConnector connector_{loop_, loop::Sys::real()};
  observe::CoreMetrics metrics_;
  observe::Log log_{{[](void*, std::string_view) {}}, observe::LogLevel::kError, observe::LogFormat::kText};
  Core core_{{.loop = loop_, .connector = connector_, .metrics = metrics_, .seed = {1, 2, 3, 4}}};
  Listeners listeners_{{{&core_, &loop_}}, loop::Sys::real(), log_};
  model::Config config_;
  std::shared_ptr<net::BoundSocket> socket_;
  std::vector<int> clients_;
};

TEST_F(ListenersTest, AConnectionIsServed) {
  const int client = connect();
  ASSERT_EQ(::send(client, kGet.data(), kGet.size(), 0), static_cast<ssize_t>(kGet.size()));
  EXPECT_TRUE(receive(client).ends_with("\r\n\r\nok"));
}

TEST_F(ListenersTest, PastItsConnectionsOneIsToldThatRemoraIsOverloaded) {
  connect();
  connect();
  turnUntil([&] { return core_.connections() == 2; });
  const std::string reply = receive(connect());
  EXPECT_EQ(statusOf(reply), 503);
  EXPECT_TRUE(has(reply, "details=\"overloaded\"")) << reply;
  EXPECT_EQ(metrics_.downstream_shed.value(), 1u);
  EXPECT_EQ(core_.connections(), 2u);
  close(clients_[0]);
  clients_.erase(clients_.begin());
  turnUntil([&] { return core_.connections() == 1; });
  const int client = connect();
  (void)!::send(client, kGet.data(), kGet.size(), 0);
  EXPECT_EQ(statusOf(receive(client)), 200);
}

TEST_F(ListenersTest, ClosingTakesInWhatWaits) {
  const int client = connect();
  (void)!::send(client, kGet.data(), kGet.size(), 0);
  listeners_.close();
  EXPECT_EQ(listeners_.acceptors(), 0u);
  EXPECT_EQ(statusOf(receive(client)), 200);
}

TEST_F(ListenersTest, AReloadKeepsTheSocket) {
  const int before = connect();
  adopt();
  const int after = connect();
  for (const int client : {before, after}) {
    (void)!::send(client, kGet.data(), kGet.size(), 0);
    EXPECT_EQ(statusOf(receive(client)), 200);
  }
  EXPECT_EQ(listeners_.acceptors(), 1u);
}

TEST(OverloadedReply, IsAsLongAsItSays) {
  const std::string_view reply = overloadedReply();
  const size_t body = reply.size() - reply.find("\r\n\r\n") - 4;
  EXPECT_TRUE(has(reply, "Content-Length: " + std::to_string(body) + "\r\n")) << body;
}

}  // namespace
}  // namespace remora::proxy::test
