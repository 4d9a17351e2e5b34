// Names to addresses, asynchronously. A Resolver is shared by everything that runs on its loop and outlives whoever
// waits; DnsWait is one question. Belongs to one loop (the control thread's): an exchange never waits for DNS. It
// never caches and never repeats a question by itself: keeping answers fresh is upstream/cluster_resolver.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "loop/loop.h"
#include "net/address.h"
#include "net/srv_answer.h"

struct ares_channeldata;
struct ares_addrinfo;

namespace remora::net {

// What a question is about.
enum class DnsAsk : uint8_t { kAddresses, kServices };  // A and AAAA; SRV

struct DnsAnswer {
  std::vector<Peer> addresses;  // without port, each once; IPv4 before IPv6, then by value; of kServices none
  std::chrono::seconds ttl{0};  // the smallest on the way; 0 when the answer isn't from DNS (/etc/hosts, a literal)
  std::vector<SrvRecord> services = {};  // of kServices, never empty then

  bool operator==(const DnsAnswer&) const = default;
};

// The error is a sentence: what went wrong and where to look.
using DnsOutcome = std::expected<DnsAnswer, std::string>;

class DnsWait;

class Resolver {
 public:
  virtual ~Resolver() = default;

 protected:
  friend class DnsWait;
  // Answers by wait.settle(), at once or later, unless withdraw() comes first.
  virtual void ask(DnsWait& wait) = 0;
  // Nobody waits any more; `wait` is being destroyed.
  virtual void withdraw(DnsWait& wait) = 0;
};

// co_await DnsWait(resolver, loop, name, outcome): never fails; `outcome` says what came of it. Destroying it before
// that withdraws the question.
class DnsWait final : public loop::Wait {
 public:
  DnsWait(Resolver& resolver, loop::Loop& loop, std::string name, DnsOutcome& outcome, DnsAsk ask = DnsAsk::kAddresses);
  ~DnsWait();

  const std::string& name() const { return name_; }
  DnsAsk ask() const { return ask_; }
  // For the resolver. A second call changes nothing.
  void settle(DnsOutcome outcome);

 private:
  Resolver& resolver_;
  loop::Loop& loop_;
  std::string name_;
  DnsOutcome& outcome_;
  const DnsAsk ask_;
};

// What to do with addresses to which this machine has no route (IPv6 in a network of IPv4 only, most of the time).
// Endpoints made of them would fail a share of all connects.
enum class Unroutable : uint8_t { kLeaveOut, kKeep };  // kLeaveOut keeps them all when no address has a route

struct DnsOptions {
  std::string servers;                           // "127.0.0.1:5353,[::1]:53"; empty: what resolv_conf says
  std::string resolv_conf = "/etc/resolv.conf";  // servers, search domains, ndots; read again when it has changed
  // For one server's answer; the second round waits twice as long. With one server 6 s until a failure is reported,
  // and then whoever asked keeps its last good addresses and asks again.
  Milliseconds timeout{2'000};
  uint32_t tries = 2;  // rounds over all servers
  Unroutable unroutable = Unroutable::kLeaveOut;
};

// By c-ares, without a thread: its sockets and timeouts are the loop's. Reads /etc/hosts first, asks for A and AAAA (or
// SRV), repeats a truncated answer over TCP. No timer is armed and no socket open while nothing is asked.
class CaresResolver final : public Resolver, private loop::Runnable, private loop::Timer {
 public:
  // The error is a sentence (servers that can't be read, no memory).
  static std::expected<std::unique_ptr<CaresResolver>, std::string> create(loop::Loop& loop, DnsOptions options);
  // Questions still open are settled with a failure.
  ~CaresResolver() override;

  size_t inFlight() const { return in_flight_; }

 private:
  struct Socket;
  struct Query;
  // What tells one version of resolv_conf from the next.
  struct FileStamp {
    int64_t modified_nanos = 0;
    uint64_t inode = 0;
    int64_t bytes = -1;  // -1: there is no file
    bool operator==(const FileStamp&) const = default;
  };

  CaresResolver(loop::Loop& loop, DnsOptions options);
  void ask(DnsWait& wait) override;
  void withdraw(DnsWait& wait) override;
  void run() override;
  void onTime() override { loop_.post(*this); }

  std::expected<ares_channeldata*, std::string> openChannel();
  void readServersAgain();
  FileStamp stampOfResolvConf() const;
  // What follows whenever c-ares may have fewer questions or other timeouts.
  void goOn();
  void sendWaiting();
  void send(DnsWait& wait);
  void armTimer();
  void watchSocket(int fd, uint32_t events);
  void settleQuery(std::unique_ptr<Query> query, DnsOutcome outcome);
  DnsOutcome outcomeOf(int status, const ares_addrinfo* result) const;

  loop::Loop& loop_;
  const DnsOptions options_;
  FileStamp stamp_;
  ares_channeldata* channel_ = nullptr;
  std::unordered_map<int, std::unique_ptr<Socket>> sockets_;
  std::deque<DnsWait*> waiting_;                // for their turn, oldest first
  std::unordered_map<DnsWait*, Query*> asked_;  // in c-ares, and somebody still waits for them
  size_t in_flight_ = 0;                        // in c-ares, waited for or not
};

}  // namespace remora::net
