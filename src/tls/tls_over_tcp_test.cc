// TLS over real sockets: connecting and the handshake are one wait, and gathered sends go out.
#include <sys/socket.h>
#include <unistd.h>

#include "loop/faulty_sys.h"
#include "loop/poller.h"
#include "net/tcp_stream.h"
#include "tls/test_pair.h"

namespace remora::tls {
namespace {

// Monotonic time passes; certificates are of the virtual clock's day.
class TodayClock final : public loop::Clock {
 public:
  Instant now() const override { return system_.now(); }
  int64_t wallNanos() const override { return loop::VirtualClock().wallNanos(); }

 private:
  loop::SystemClock system_;
};

class TlsOverTcpTest : public TlsWorld {
 protected:
  TlsOverTcpTest() {
    real_.gatherSends(loop::Sys::real());
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof any;
    EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&any), bytes), 0);
    EXPECT_EQ(::listen(listening_, 8), 0);
    EXPECT_EQ(::getsockname(listening_, reinterpret_cast<sockaddr*>(&any), &bytes), 0);
    address_ = net::Address::of(net::peerOf(reinterpret_cast<sockaddr*>(&any)));
  }
  ~TlsOverTcpTest() override { ::close(listening_); }

  std::unique_ptr<TlsStream> call() {
    auto transport = net::TcpConnector(real_, sys()).connect(address_);
    EXPECT_TRUE(transport.has_value());
    return std::make_unique<TlsStream>(real_, std::move(*transport), client(), "app.example", memory_, &sessions_);
  }
  std::unique_ptr<TlsStream> accept() {
    const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    auto transport = std::make_unique<net::TcpStream>(real_, loop::Sys::real(), fd, net::TcpStream::State::kConnected);
    return std::make_unique<TlsStream>(real_, std::move(transport), server(), memory_);
  }
  template <class Done>
  void turnUntil(Done done) {
    const Instant end = real_.readClock() + std::chrono::seconds(20);
    while (!done() && real_.readClock() < end) real_.turn(Deadline::after(real_.now(), Milliseconds(50)));
    EXPECT_TRUE(done());
  }

  loop::Sys& sys() { return faulty_ ? *faulty_ : loop::Sys::real(); }

  std::unique_ptr<loop::FaultySys> faulty_;
  TodayClock clock_;
  loop::Loop real_{clock_, std::make_unique<loop::EpollPoller>(loop::Sys::real())};
  int listening_;
  net::Address address_;
};

TEST_F(TlsOverTcpTest, ConnectsShakesHandsAndTalks) {
  const auto calling = call();
  EXPECT_FALSE(calling->mayWrite());
  const auto called = accept();
  turnUntil([&] { return calling->mayWrite() && called->mayWrite(); });
  ASSERT_TRUE(calling->handshakeOutcome() && called->handshakeOutcome());
  EXPECT_EQ(calling->connectError(), 0);
  const auto before = calling->proof();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->acknowledged, 0U);
  EXPECT_EQ(put(*calling, "question").bytes, 8U);
  std::string heard;
  turnUntil([&] { return (heard += takeAll(*called)) == "question"; });
  const std::string body(3'000'000, 'b');
  size_t sent = 0;
  size_t received = 0;
  turnUntil([&] {
    if (sent < body.size() && called->mayWrite()) sent += put(*called, std::string_view(body).substr(sent)).bytes;
    if (calling->mayRead()) received += takeAll(*calling, nullptr, 65'536).size();
    return received == body.size();
  });
  EXPECT_EQ(calling->proof()->acknowledged, 8U);  // the answer acknowledged the question
}

TEST_F(TlsOverTcpTest, CallsThatAreCutOrInterruptedLoseNothing) {
  for (const char* const faults :
       {"send:1+1:short=100", "recv:1+1:short=7", "send:1+2:short=5000", "send:1+3:EINTR", "recv:1+2:EINTR"}) {
    SCOPED_TRACE(faults);
    std::string problem;
    faulty_ = std::make_unique<loop::FaultySys>(loop::parseFaults(faults, problem));
    ASSERT_EQ(problem, "");
    const auto calling = call();
    const auto called = accept();
    turnUntil([&] { return calling->mayWrite() && called->mayWrite(); });
    ASSERT_TRUE(calling->handshakeOutcome() && called->handshakeOutcome());
    const std::string body(50'000, 'b');
    EXPECT_GT(put(*calling, body).bytes, 0U);
    calling->shutdownWrite();
    size_t received = 0;
    net::IoResult end{1, 0};
    turnUntil([&] {
      if (called->mayRead()) received += takeAll(*called, &end).size();
      return end.isEnd();
    });
    EXPECT_EQ(received, body.size());
    EXPECT_GT(faulty_->injected(), 0U);
  }
}

TEST_F(TlsOverTcpTest, ARefusedConnectionIsTold) {
  ::shutdown(listening_, SHUT_RDWR);
  ::close(std::exchange(listening_, -1));
  const auto calling = call();
  turnUntil([&] { return calling->mayWrite(); });
  EXPECT_EQ(calling->connectError(), ECONNREFUSED);
  EXPECT_EQ(calling->handshakeOutcome().error(), (Failure{Reason::kConnectRefused, Reached::kNo, ECONNREFUSED}));
}

TEST_F(TlsOverTcpTest, TheEndComesThrough) {
  const auto calling = call();
  auto called = accept();
  turnUntil([&] { return calling->mayWrite() && called->mayWrite(); });
  (void)put(*called, "bye");
  called.reset();
  turnUntil([&] { return calling->hasHangup(); });
  net::IoResult end{1, 1};
  EXPECT_EQ(takeAll(*calling, &end), "bye");
  EXPECT_TRUE(end.isEnd());
}

}  // namespace
}  // namespace remora::tls
