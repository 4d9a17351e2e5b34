#include "net/listen_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "loop/faulty_sys.h"
#include "loop/loop.h"

namespace remora::net {
namespace {

using Kind = model::SocketAddress::Kind;

model::Listener listenerOn(Kind kind, const std::string& host, uint16_t port = 0) {
  model::Listener listener;
  listener.address = {kind, host, port};
  return listener;
}

std::string socketPath(const char* name) {
  return ::testing::TempDir() + "remora-" + std::to_string(::getpid()) + "-" + name;
}

int connectTo(const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (::connect(fd, address.get(), address.length()) == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

TEST(BoundSocket, TakesAFreePortAndSaysWhich) {
  const auto socket = BoundSocket::bind(listenerOn(Kind::kIp, "127.0.0.1"));
  ASSERT_TRUE(socket) << socket.error();
  EXPECT_NE((*socket)->address().port(), 0);
  EXPECT_EQ((*socket)->address().text(), "127.0.0.1:" + std::to_string((*socket)->address().port()));
}

TEST(BoundSocket, Ip4AndIp6OfOnePortStandSideBySide) {
  const auto six = BoundSocket::bind(listenerOn(Kind::kIp, "::"));
  if (!six) GTEST_SKIP() << "no IPv6 here: " << six.error();
  const auto four = BoundSocket::bind(listenerOn(Kind::kIp, "0.0.0.0", (*six)->address().port()));
  EXPECT_TRUE(four) << four.error();
}

TEST(BoundSocket, SaysWhyAndWhatToDo) {
  const auto first = BoundSocket::bind(listenerOn(Kind::kIp, "127.0.0.1"));
  ASSERT_TRUE(first);
  const auto taken = BoundSocket::bind(listenerOn(Kind::kIp, "127.0.0.1", (*first)->address().port()));
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().find("can't listen on 127.0.0.1:"), std::string::npos);
  EXPECT_NE(taken.error().find("another process listens there"), std::string::npos);
  const auto name = BoundSocket::bind(listenerOn(Kind::kDns, "localhost", 80));
  ASSERT_FALSE(name);
  EXPECT_NE(name.error().find("the address can't be used"), std::string::npos);
  const auto nowhere = BoundSocket::bind(listenerOn(Kind::kUnix, "/nowhere/app.sock"));
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().find("the directory of the socket doesn't exist"), std::string::npos);
}

TEST(BoundSocket, AUnixSocketHasItsModeAndGoesWithItsOwner) {
  const std::string path = socketPath("mode");
  model::Listener listener = listenerOn(Kind::kUnix, path);
  listener.unix_mode = 0600;
  auto socket = BoundSocket::bind(listener);
  ASSERT_TRUE(socket) << socket.error();
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  socket->reset();
  EXPECT_NE(::stat(path.c_str(), &info), 0);
}

TEST(BoundSocket, AStaleUnixSocketIsReplacedAndALiveOneIsNot) {
  const std::string path = socketPath("stale");
  const auto address = Address::of({Kind::kUnix, path, 0});
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(dead, address->get(), address->length()), 0);
  ::close(dead);  // its file stays, as after SIGKILL
  const auto socket = BoundSocket::bind(listenerOn(Kind::kUnix, path));
  ASSERT_TRUE(socket) << socket.error();
  EXPECT_FALSE(BoundSocket::bind(listenerOn(Kind::kUnix, path)));
  const int fd = connectTo(*address);  // the live one still listens
  EXPECT_GE(fd, 0);
  ::close(fd);
}

// A full queue must not make the start hang.
TEST(BoundSocket, ALiveUnixSocketWithAFullQueueIsLeftAlone) {
  const std::string path = socketPath("full");
  model::Listener listener = listenerOn(Kind::kUnix, path);
  listener.backlog = 0;
  const auto socket = BoundSocket::bind(listener);
  ASSERT_TRUE(socket) << socket.error();
  std::vector<int> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(connectTo((*socket)->address()));
  EXPECT_FALSE(BoundSocket::bind(listener));
  for (const int fd : waiting) {
    if (fd >= 0) ::close(fd);
  }
}

TEST(BoundSocket, AFileThatIsNoSocketIsNeverRemoved) {
  const std::string path = socketPath("file");
  std::ofstream(path) << "precious";
  EXPECT_FALSE(BoundSocket::bind(listenerOn(Kind::kUnix, path)));
  std::string text;
  std::ifstream(path) >> text;
  EXPECT_EQ(text, "precious");
  std::remove(path.c_str());
}

TEST(BoundSocket, AbstractSocketsNeedNoFile) {
  const std::string name = "@remora-test-" + std::to_string(::getpid());
  const auto socket = BoundSocket::bind(listenerOn(Kind::kUnix, name));
  ASSERT_TRUE(socket) << socket.error();
  const int fd = connectTo((*socket)->address());
  EXPECT_GE(fd, 0);
  ::close(fd);
}

class AcceptorTest : public ::testing::Test {
 protected:
  AcceptorTest() : socket_(*BoundSocket::bind(listenerOn(Kind::kIp, "127.0.0.1"))) {}
  ~AcceptorTest() override {
    for (const int fd : clients_) ::close(fd);
  }
  void listen(loop::Sys& sys) {
    acceptor_ = std::make_unique<Acceptor>(
        loop_, sys, socket_,
        [this](int fd, const Peer& peer) {
          peers_.push_back(peer);
          ::close(fd);
        },
        [this](int error) { exhausted_.push_back(error); });
  }
  void connect(int count) {
    for (int i = 0; i < count; ++i) clients_.push_back(connectTo(socket_->address()));
  }
  template <class Condition>
  bool turnUntil(Condition condition) {
    const Deadline limit = Deadline::after(loop_.readClock(), std::chrono::seconds(10));
    while (!condition() && !limit.hasPassed(loop_.now())) {
      loop_.turn(Deadline::after(loop_.now(), Milliseconds(20)));
    }
    return condition();
  }

  loop::SystemClock clock_;
  loop::Loop loop_{clock_, std::make_unique<loop::EpollPoller>(loop::Sys::real())};
  std::shared_ptr<BoundSocket> socket_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<int> clients_;
  std::vector<Peer> peers_;
  std::vector<int> exhausted_;
};

TEST_F(AcceptorTest, AcceptsWhatWaitedBeforeItAndWhatComes) {
  connect(1);
  listen(loop::Sys::real());
  EXPECT_TRUE(turnUntil([&] { return peers_.size() == 1; }));
  EXPECT_TRUE(peers_[0].isLoopback());
  EXPECT_NE(peers_[0].port, 0);
  connect(1);
  EXPECT_TRUE(turnUntil([&] { return peers_.size() == 2; }));
  EXPECT_EQ(loop_.timers().size(), 0u);
}

TEST_F(AcceptorTest, ManyAtOnceAreAcceptedOverSeveralTurns) {
  connect(200);
  listen(loop::Sys::real());
  EXPECT_TRUE(turnUntil([&] { return peers_.size() == 200; }));
}

TEST_F(AcceptorTest, PassesOverWhatIsGoneAndSignals) {
  std::string problem;
  loop::FaultySys faulty(loop::parseFaults("accept4:1+2:EINTR", problem));
  ASSERT_EQ(problem, "");
  connect(3);
  listen(faulty);
  EXPECT_TRUE(turnUntil([&] { return peers_.size() == 3; }));
  EXPECT_TRUE(exhausted_.empty());
}

TEST_F(AcceptorTest, ShedsWhatItCanNotServeTellsOnceASecondAndRecovers) {
  std::string problem;
  loop::FaultySys faulty(loop::parseFaults("accept4:1:EMFILE,accept4:2:EMFILE,accept4:3:EMFILE", problem));
  ASSERT_EQ(problem, "");
  connect(5);
  listen(faulty);
  // Every waiting connection is closed at once, rather than to hang until there are descriptors again.
  EXPECT_TRUE(turnUntil([&] { return exhausted_.size() == 1; }));
  EXPECT_EQ(exhausted_[0], EMFILE);
  for (const int fd : clients_) {
    char byte;
    EXPECT_TRUE(turnUntil([&] { return ::recv(fd, &byte, 1, 0) == 0 || errno == ECONNRESET; }));
  }
  EXPECT_TRUE(turnUntil([&] { return faulty.injected() == 3; }));
  EXPECT_EQ(exhausted_.size(), 1u);  // all within a second
  connect(1);
  EXPECT_TRUE(turnUntil([&] { return peers_.size() == 1; }));
}

}  // namespace
}  // namespace remora::net
