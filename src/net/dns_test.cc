#include "net/dns.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "loop/task_scope.h"
#include "loop/test_loop.h"
#include "net/address.h"
#include "net/dns_test_wire.h"

namespace remora::net {
namespace {

constexpr uint16_t kA = 1;
constexpr uint16_t kCname = 5;
constexpr uint16_t kAaaa = 28;
constexpr uint16_t kSrv = 33;

using test::encodeName;
using test::u16;

struct Record {
  std::string owner;  // whose record it is: the name that was asked, or the end of an alias
  uint16_t type;
  uint32_t ttl;
  std::string data;
};

// Answers on a loopback port, over UDP and TCP, on the loop of the test.
class TinyServer final : loop::Pollable {
 public:
  explicit TinyServer(loop::Loop& loop) : loop_(loop), udp_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    // The port must be free for both protocols.
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(::bind(udp_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      ::getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &length);
      tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (::bind(tcp_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) break;
      ::close(tcp_);
      ::close(udp_);
      udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
      address.sin_port = 0;
    }
    ::listen(tcp_, 4);
    port_ = ntohs(address.sin_port);
    loop_.poller().add(udp_, *this, EPOLLIN);
    loop_.poller().add(tcp_, *this, EPOLLIN);
  }
  ~TinyServer() {
    loop_.poller().remove(udp_, *this);
    loop_.poller().remove(tcp_, *this);
    dropCaller();
    ::close(udp_);
    ::close(tcp_);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void add(const std::string& name, Record record) {
    if (record.owner.empty()) record.owner = name;
    records_.emplace(name, std::move(record));
  }
  void addA(const std::string& name, uint32_t ttl, const char* ip) { add(name, {"", kA, ttl, ip4(ip)}); }
  void addAaaa(const std::string& name, uint32_t ttl, const char* ip) {
    std::string data(16, '\0');
    EXPECT_EQ(inet_pton(AF_INET6, ip, data.data()), 1);
    add(name, {"", kAaaa, ttl, data});
  }
  static std::string ip4(const char* ip) {
    std::string data(4, '\0');
    EXPECT_EQ(inet_pton(AF_INET, ip, data.data()), 1);
    return data;
  }

  int rcode = 0;           // for names that have records; the others don't exist
  bool silent = false;     // hears and says nothing
  bool truncates = false;  // over UDP
  size_t asked = 0;
  size_t asked_tcp = 0;

 private:
  void onEvents(uint32_t) override {
    char question[512];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    for (;;) {
      const ssize_t n = ::recvfrom(udp_, question, sizeof question, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (n <= 0) break;
      ++asked;
      if (silent) continue;
      const std::string reply = answer({question, static_cast<size_t>(n)}, truncates);
      ::sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
    if (const int fd = ::accept4(tcp_, nullptr, nullptr, SOCK_NONBLOCK); fd >= 0) {
      dropCaller();
      caller_ = fd;
      loop_.poller().add(fd, *this, EPOLLIN);
    }
    if (caller_ >= 0) answerCaller();
  }

  void answerCaller() {
    char bytes[512];
    const ssize_t n = ::recv(caller_, bytes, sizeof bytes, 0);
    if (n < 0) return;
    if (n == 0) return dropCaller();
    received_.append(bytes, static_cast<size_t>(n));
    while (received_.size() >= 2) {
      const size_t size = static_cast<uint8_t>(received_[0]) * 256u + static_cast<uint8_t>(received_[1]);
      if (received_.size() < size + 2) return;
      ++asked_tcp;
      const std::string reply = answer(received_.substr(2, size), false);
      received_.erase(0, size + 2);
      std::string framed;
      framed += u16(reply.size());
      framed += reply;
      ::send(caller_, framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }

  void dropCaller() {
    if (caller_ < 0) return;
    loop_.poller().remove(caller_, *this);
    ::close(caller_);
    caller_ = -1;
    received_.clear();
  }

  // One question, without EDNS or with: what follows the question is ignored.
  std::string answer(std::string_view question, bool cut) const {
    std::string name;
    size_t at = 12;
    while (question[at]) {
      const size_t label = static_cast<uint8_t>(question[at]);
      if (!name.empty()) name += '.';
      name += ascii::toLower(question.substr(at + 1, label));
      at += label + 1;
    }
    const auto type = static_cast<uint16_t>(static_cast<uint8_t>(question[at + 2]));
    std::string body;
    size_t count = 0;
    const auto [first, last] = records_.equal_range(name);
    for (auto it = first; it != last && !cut; ++it) {
      const Record& record = it->second;
      if (record.type != type && record.type != kCname) continue;
      body += encodeName(record.owner);
      body += u16(record.type);
      body += u16(1);
      body += u16(record.ttl >> 16);
      body += u16(record.ttl & 0xffff);
      body += u16(record.data.size());
      body += record.data;
      ++count;
    }
    const int code = first == last ? 3 : rcode;  // 3: NXDOMAIN
    std::string reply(question.substr(0, 2));
    reply += u16(0x8180u | (cut ? 0x0200u : 0u) | static_cast<unsigned>(code));
    reply += u16(1);
    reply += u16(code ? 0 : count);
    reply += u16(0);
    reply += u16(0);
    reply += question.substr(12, at + 5 - 12);
    return code ? reply : reply + body;
  }

  loop::Loop& loop_;
  int udp_;
  int tcp_ = -1;
  int caller_ = -1;
  uint16_t port_ = 0;
  std::string received_;
  std::multimap<std::string, Record> records_;
};

loop::Task<void> lookUp(Resolver& resolver, loop::Loop& loop, std::string name, DnsOutcome& outcome,
                        DnsAsk what = DnsAsk::kAddresses) {
  co_await DnsWait(resolver, loop, std::move(name), outcome, what);
  co_return loop::done;
}

std::string textOf(const DnsOutcome& outcome) {
  if (!outcome) return outcome.error();
  std::string text;
  for (const Peer& peer : outcome->addresses) {
    char buffer[kPeerTextMax];
    text += std::string(buffer, printIp(peer, buffer)) + " ";
  }
  for (const SrvRecord& each : outcome->services) {
    text += each.target + ":" + std::to_string(each.port) + "/" + std::to_string(each.priority) + " ";
  }
  return text + std::to_string(outcome->ttl.count()) + "s";
}

class Dns : public ::testing::Test {
 protected:
  DnsOptions options() const {
    DnsOptions o;
    o.servers = server_.address();
    o.resolv_conf = "/dev/null";  // no search domains of the machine
    o.timeout = Milliseconds(2'000);
    o.unroutable = Unroutable::kKeep;
    return o;
  }
  std::unique_ptr<CaresResolver> make(DnsOptions o) {
    auto made = CaresResolver::create(loop_, std::move(o));
    EXPECT_TRUE(made) << made.error();
    return made ? std::move(*made) : nullptr;
  }
  template <class Condition>
  bool runUntil(Condition condition) {
    const Deadline limit = Deadline::after(loop_.readClock(), std::chrono::seconds(10));
    while (!condition() && !limit.hasPassed(loop_.now())) {
      loop_.turn(Deadline::after(loop_.now(), Milliseconds(20)));
    }
    return condition();
  }
  std::string ask(CaresResolver& resolver, const std::string& name, DnsAsk what = DnsAsk::kAddresses) {
    DnsOutcome outcome = std::unexpected("nothing yet");
    loop::TestRun<void> run(lookUp(resolver, loop_, name, outcome, what));
    EXPECT_TRUE(runUntil([&] { return run.isEnded(); }));
    return textOf(outcome);
  }
  void expectQuiet(const CaresResolver& resolver) {
    EXPECT_EQ(resolver.inFlight(), 0u);
    EXPECT_EQ(loop_.timers().size(), 0u);
  }

  loop::SystemClock clock_;
  loop::Loop loop_{clock_, std::make_unique<loop::EpollPoller>(loop::Sys::real())};
  TinyServer server_{loop_};
};

TEST_F(Dns, AsksForServices) {
  const auto srv = [](uint16_t priority, uint16_t port, std::string_view target) {
    std::string data;
    data += u16(priority);
    data += u16(5);
    data += u16(port);
    return data + encodeName(target);
  };
  server_.add("_http._tcp.orders.test", {"", kSrv, 40, srv(10, 82, "b.test")});
  server_.add("_http._tcp.orders.test", {"", kSrv, 30, srv(0, 81, "A.test")});
  server_.addA("plain.test", 60, "10.0.0.1");
  auto resolver = make(options());
  EXPECT_EQ(ask(*resolver, "_http._tcp.orders.test", DnsAsk::kServices), "a.test:81/0 b.test:82/10 30s");
  EXPECT_EQ(ask(*resolver, "plain.test", DnsAsk::kServices), "the name exists but has no SRV record");
  EXPECT_EQ(ask(*resolver, "nobody.test", DnsAsk::kServices),
            "the name doesn't exist; check its spelling and the search domains in /etc/resolv.conf");
  server_.truncates = true;
  EXPECT_EQ(ask(*resolver, "_http._tcp.orders.test", DnsAsk::kServices), "a.test:81/0 b.test:82/10 30s");
  EXPECT_EQ(server_.asked_tcp, 1u);
  expectQuiet(*resolver);
}

TEST_F(Dns, GivesBothFamiliesOnceInOneOrderWithTheSmallestTtl) {
  server_.addAaaa("orders.test", 30, "2001:db8::2");
  server_.addA("orders.test", 60, "10.0.0.9");
  server_.addA("orders.test", 20, "10.0.0.1");
  server_.addA("orders.test", 60, "10.0.0.9");
  server_.addAaaa("orders.test", 60, "2001:db8::1");
  auto resolver = make(options());
  EXPECT_EQ(ask(*resolver, "orders.test"), "10.0.0.1 10.0.0.9 2001:db8::1 2001:db8::2 20s");
  EXPECT_EQ(ask(*resolver, "Orders.TEST"), "10.0.0.1 10.0.0.9 2001:db8::1 2001:db8::2 20s");
  expectQuiet(*resolver);
}

TEST_F(Dns, AnswersForOneFamilyAreEnough) {
  server_.addA("v4.test", 60, "10.0.0.1");
  server_.addAaaa("v6.test", 60, "2001:db8::1");
  auto resolver = make(options());
  EXPECT_EQ(ask(*resolver, "v4.test"), "10.0.0.1 60s");
  EXPECT_EQ(ask(*resolver, "v6.test"), "2001:db8::1 60s");
}

TEST_F(Dns, FollowsAliasesAndTheirTtl) {
  server_.add("alias.test", {"", kCname, 5, encodeName("end.test")});
  server_.add("alias.test", {"end.test", kA, 60, TinyServer::ip4("10.0.0.1")});
  auto resolver = make(options());
  EXPECT_EQ(ask(*resolver, "alias.test"), "10.0.0.1 5s");
}

TEST_F(Dns, SaysWhenTheNameDoesNotExistOrHasNoAddress) {
  server_.add("text.test", {"", 16, 60, std::string("\1x", 2)});
  auto resolver = make(options());
  EXPECT_TRUE(ask(*resolver, "nobody.test").starts_with("the name doesn't exist"));
  EXPECT_EQ(ask(*resolver, "text.test"), "the name exists but has no IPv4 or IPv6 address");
  EXPECT_TRUE(ask(*resolver, std::string(64, 'x') + ".test").starts_with("this isn't a valid DNS name"));
  expectQuiet(*resolver);
}

TEST_F(Dns, SaysWhenTheServerFailsOrRefuses) {
  server_.addA("a.test", 60, "10.0.0.1");
  auto resolver = make(options());
  for (const int code : {2, 5}) {  // SERVFAIL, REFUSED
    server_.rcode = code;
    EXPECT_TRUE(ask(*resolver, "a.test").starts_with("no DNS server gave an answer"));
  }
  server_.rcode = 0;
  EXPECT_EQ(ask(*resolver, "a.test"), "10.0.0.1 60s");
}

TEST_F(Dns, SaysWhenNobodyAnswers) {
  server_.silent = true;
  DnsOptions o = options();
  o.timeout = Milliseconds(20);
  auto resolver = make(o);
  EXPECT_TRUE(ask(*resolver, "a.test").starts_with("the DNS servers don't answer"));
  EXPECT_GE(server_.asked, 4u);  // two families, two rounds
  expectQuiet(*resolver);
}

TEST_F(Dns, AsksAgainOverTcpWhenTheAnswerIsTruncated) {
  server_.truncates = true;
  for (int i = 1; i < 100; ++i) server_.addA("large.test", 60, ("10.0.0." + std::to_string(i)).c_str());
  auto resolver = make(options());
  EXPECT_TRUE(ask(*resolver, "large.test").ends_with("10.0.0.99 60s"));
  EXPECT_GE(server_.asked_tcp, 1u);
  expectQuiet(*resolver);
}

TEST_F(Dns, LiteralsAndTheHostsFileNeedNoServer) {
  const std::string hosts = ::testing::TempDir() + "hosts." + std::to_string(::getpid());
  std::ofstream(hosts) << "10.1.2.3 in-hosts\n";
  ::setenv("CARES_HOSTS", hosts.c_str(), 1);
  auto resolver = make(options());
  EXPECT_EQ(ask(*resolver, "10.0.0.7"), "10.0.0.7 0s");
  EXPECT_EQ(ask(*resolver, "2001:db8::1"), "2001:db8::1 0s");
  EXPECT_EQ(ask(*resolver, "in-hosts"), "10.1.2.3 0s");
  ::unsetenv("CARES_HOSTS");
  std::remove(hosts.c_str());
  EXPECT_EQ(server_.asked, 0u);
  expectQuiet(*resolver);
}

TEST_F(Dns, LeavesOutAddressesWithoutARouteUnlessAllAre) {
  server_.addA("some.test", 60, "127.0.0.1");
  server_.addA("some.test", 60, "255.255.255.255");  // the kernel refuses to connect to it
  server_.addA("none.test", 60, "255.255.255.255");
  DnsOptions o = options();
  o.unroutable = Unroutable::kLeaveOut;
  auto resolver = make(o);
  EXPECT_EQ(ask(*resolver, "some.test"), "127.0.0.1 60s");
  EXPECT_EQ(ask(*resolver, "none.test"), "255.255.255.255 60s");
}

TEST_F(Dns, WithdrawingTheLastQuestionLeavesNothingBehind) {
  server_.silent = true;
  server_.addA("a.test", 60, "10.0.0.1");
  auto resolver = make(options());
  DnsOutcome first = std::unexpected("nothing yet");
  DnsOutcome second = std::unexpected("nothing yet");
  loop::TestRun<void> one(lookUp(*resolver, loop_, "a.test", first));
  loop::TestRun<void> two(lookUp(*resolver, loop_, "b.test", second));
  EXPECT_EQ(resolver->inFlight(), 2u);
  EXPECT_EQ(loop_.timers().size(), 1u);
  one.cancel();
  EXPECT_EQ(loop_.timers().size(), 1u);
  two.cancel();
  expectQuiet(*resolver);
  EXPECT_EQ(textOf(first), "nothing yet");
  server_.silent = false;
  EXPECT_EQ(ask(*resolver, "a.test"), "10.0.0.1 60s");
}

TEST_F(Dns, DestroyingTheResolverSettlesWhatIsOpen) {
  server_.silent = true;
  auto resolver = make(options());
  DnsOutcome outcome;
  loop::TestRun<void> run(lookUp(*resolver, loop_, "a.test", outcome));
  resolver.reset();
  EXPECT_FALSE(run.isEnded());  // not on the stack of whoever destroyed it
  EXPECT_TRUE(runUntil([&] { return run.isEnded(); }));
  EXPECT_EQ(textOf(outcome), "the resolver was stopped before an answer came");
}

TEST_F(Dns, ManyQuestionsAtOnceAreAllAnswered) {
  constexpr size_t kMany = 300;  // more than go at once
  auto resolver = make(options());
  std::vector<DnsOutcome> outcomes(kMany);
  loop::TaskScope scope(loop_);
  for (size_t i = 0; i < kMany; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    server_.addA(name, 60, ("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)).c_str());
    scope.start(lookUp(*resolver, loop_, name, outcomes[i]));
  }
  EXPECT_TRUE(runUntil([&] { return scope.isEmpty(); }));
  EXPECT_EQ(textOf(outcomes[0]), "10.0.0.0 60s");
  EXPECT_EQ(textOf(outcomes[299]), "10.0.1.49 60s");
  expectQuiet(*resolver);
}

TEST_F(Dns, ReadsResolvConfAgainWhenItHasChanged) {
  server_.addA("a.one.test", 60, "10.0.0.1");
  server_.addA("a.two.test", 60, "10.0.0.2");
  const std::string path = ::testing::TempDir() + "resolv.conf." + std::to_string(::getpid());
  std::remove(path.c_str());
  DnsOptions o = options();
  o.resolv_conf = path;  // not there yet, as on a machine that is starting
  auto resolver = make(o);
  EXPECT_TRUE(ask(*resolver, "a").starts_with("the name doesn't exist"));
  std::ofstream(path) << "search one.test\n";
  EXPECT_EQ(ask(*resolver, "a"), "10.0.0.1 60s");
  std::ofstream(path) << "search two.test # another\n";
  EXPECT_EQ(ask(*resolver, "a"), "10.0.0.2 60s");
  std::remove(path.c_str());
}

TEST_F(Dns, ServersThatCanNotBeReadAreRefused) {
  DnsOptions o = options();
  o.servers = "not-an-address";
  const auto made = CaresResolver::create(loop_, o);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().find("'not-an-address' can't be used"), std::string::npos);
}

}  // namespace
}  // namespace remora::net
