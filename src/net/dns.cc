#include "net/dns.h"

#include <ares.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

namespace remora::net {
namespace {

// An answer over TCP has room for about 4,000 addresses, and each would become state on every core. No service that
// publishes itself by DNS comes near this.
constexpr size_t kMaxAddresses = 1'024;

constexpr int kClassIn = 1;
constexpr int kTypeSrv = 33;

// Questions at once; the others wait their turn. Each is two datagrams, which take 768 bytes of a socket's buffer of
// 208 KiB: 300 questions at once, measured, lost some and needed the second round.
constexpr size_t kMostInFlight = 100;

// c-ares counts in whole milliseconds, and a timer that fires a little early would only be armed again.
constexpr Duration kLeastTimeout = Milliseconds(1);

std::string sentenceFor(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
      return "the name doesn't exist; check its spelling and the search domains in /etc/resolv.conf";
    case ARES_ENODATA:
      return "the name exists but has no IPv4 or IPv6 address";
    case ARES_ESERVFAIL:
      return "the DNS server reports a failure of its own (SERVFAIL); see its log";
    case ARES_EREFUSED:
      return "the DNS server refuses to answer for this name (REFUSED); see its access rules";
    case ARES_ENOTIMP:
      return "the DNS server doesn't support the question (NOTIMP)";
    case ARES_ETIMEOUT:
      return "the DNS servers don't answer; check /etc/resolv.conf and that UDP port 53 is reachable";
    // c-ares passes on to the next server after any of these and reports the last one's failure as this.
    case ARES_ECONNREFUSED:
      return "no DNS server gave an answer: each is down, fails (SERVFAIL) or refuses (REFUSED); check "
             "/etc/resolv.conf and the server's log";
    case ARES_EBADNAME:
      return "this isn't a valid DNS name";
    case ARES_EFORMERR:
    case ARES_EBADRESP:
      return "the DNS server's answer is malformed";
    case ARES_ENOMEM:
      return "no memory for a DNS question";
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
      return "the resolver was stopped before an answer came";
    default:
      return std::string("DNS failed: ") + ares_strerror(status);
  }
}

// Connecting a datagram socket sends nothing; the kernel only looks for a route.
bool isRoutable(Peer peer) {
  peer.port = 53;  // any port but 0
  const Address address = Address::of(peer);
  const int fd = ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno != EAFNOSUPPORT;  // out of descriptors says nothing of the route
  const bool routable = ::connect(fd, address.get(), address.length()) == 0;
  ::close(fd);
  return routable;
}

// The address that `name` is, if it is one: c-ares 1.18 asks the servers about "10.0.0.7" before it sees that.
std::optional<Peer> literalOf(const std::string& name) {
  const auto colons = std::count(name.begin(), name.end(), ':');
  if (name.starts_with('[') || colons == 1) return std::nullopt;  // with a port: not ours to read
  return parsePeer(name);
}

void sortOnce(std::vector<Peer>& addresses) {
  const auto key = [](const Peer& peer) { return std::tie(peer.ip_bytes, peer.ip); };
  std::sort(addresses.begin(), addresses.end(), [&](const Peer& a, const Peer& b) { return key(a) < key(b); });
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
}

void leaveOutUnroutable(std::vector<Peer>& addresses) {
  std::vector<Peer> routable;
  std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(routable), isRoutable);
  if (!routable.empty()) addresses = std::move(routable);
}

DnsAnswer answerOf(const ares_addrinfo& result) {
  DnsAnswer answer;
  int64_t ttl = INT64_MAX;
  for (const ares_addrinfo_cname* cname = result.cnames; cname; cname = cname->next) {
    ttl = std::min<int64_t>(ttl, cname->ttl);
  }
  for (const ares_addrinfo_node* node = result.nodes; node; node = node->ai_next) {
    Peer peer = peerOf(node->ai_addr);
    if (peer.ip_bytes == 0) continue;
    peer.port = 0;
    answer.addresses.push_back(peer);
    ttl = std::min<int64_t>(ttl, node->ai_ttl);
  }
  // RFC 2181 section 8: a TTL with the highest bit set counts as 0.
  answer.ttl = std::chrono::seconds(ttl == INT64_MAX ? 0 : std::max<int64_t>(ttl, 0));
  sortOnce(answer.addresses);
  return answer;
}

DnsOutcome outcomeOfServices(int status, std::span<const uint8_t> message) {
  if (status == ARES_ENODATA) return std::unexpected(std::string("the name exists but has no SRV record"));
  if (status != ARES_SUCCESS) return std::unexpected(sentenceFor(status));
  auto answer = parseSrvAnswer(message);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return DnsAnswer{.addresses = {}, .ttl = answer->ttl, .services = std::move(answer->records)};
}

}  // namespace

DnsWait::DnsWait(Resolver& resolver, loop::Loop& loop, std::string name, DnsOutcome& outcome, DnsAsk ask)
    : resolver_(resolver), loop_(loop), name_(std::move(name)), outcome_(outcome), ask_(ask) {
  resolver_.ask(*this);
}

DnsWait::~DnsWait() {
  if (!isDone()) resolver_.withdraw(*this);
}

void DnsWait::settle(DnsOutcome outcome) {
  if (isDone()) return;
  outcome_ = std::move(outcome);
  finish(loop_.queue(), {});
}

// One of c-ares's sockets. Level-triggered, unlike the streams: c-ares takes one piece of a TCP answer a call and
// would wait for an edge that never comes. Events are handled before the loop sleeps again, so nothing spins.
struct CaresResolver::Socket final : loop::Pollable {
  Socket(CaresResolver& r, int f) : resolver(r), fd(f) {}
  void onEvents(uint32_t events) override {
    ready |= events;
    resolver.loop_.post(resolver);
  }

  CaresResolver& resolver;
  const int fd;
  uint32_t ready = 0;
};

// Belongs to c-ares from ares_getaddrinfo to its callback, which comes exactly once.
struct CaresResolver::Query {
  CaresResolver& resolver;
  DnsWait* wait;  // null: nobody waits any more
};

std::expected<std::unique_ptr<CaresResolver>, std::string> CaresResolver::create(loop::Loop& loop, DnsOptions options) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  if (library != ARES_SUCCESS) return std::unexpected(std::string("DNS can't start: ") + ares_strerror(library));
  std::unique_ptr<CaresResolver> resolver(new CaresResolver(loop, std::move(options)));
  resolver->stamp_ = resolver->stampOfResolvConf();
  auto channel = resolver->openChannel();
  if (!channel) return std::unexpected(channel.error());
  resolver->channel_ = *channel;
  return resolver;
}

CaresResolver::CaresResolver(loop::Loop& loop, DnsOptions options) : loop_(loop), options_(std::move(options)) {}

CaresResolver::~CaresResolver() {
  for (DnsWait* wait : std::exchange(waiting_, {})) wait->settle(std::unexpected(sentenceFor(ARES_EDESTRUCTION)));
  if (channel_) ares_destroy(channel_);
}

void CaresResolver::ask(DnsWait& wait) {
  const auto literal = wait.ask() == DnsAsk::kAddresses ? literalOf(wait.name()) : std::nullopt;
  if (literal) {
    wait.settle(DnsAnswer{.addresses = {*literal}});
    return;
  }
  waiting_.push_back(&wait);
  goOn();
}

void CaresResolver::goOn() {
  sendWaiting();
  armTimer();
}

void CaresResolver::sendWaiting() {
  while (!waiting_.empty() && in_flight_ < kMostInFlight) {
    DnsWait& next = *waiting_.front();
    waiting_.pop_front();
    send(next);
  }
}

void CaresResolver::send(DnsWait& wait) {
  if (in_flight_ == 0) readServersAgain();
  auto query = std::make_unique<Query>(*this, &wait);
  asked_[&wait] = query.get();
  ++in_flight_;
  if (wait.ask() == DnsAsk::kServices) {
    const auto on_message = [](void* argument, int status, int, unsigned char* message, int bytes) {
      std::unique_ptr<Query> answered(static_cast<Query*>(argument));
      CaresResolver& resolver = answered->resolver;
      resolver.settleQuery(std::move(answered), outcomeOfServices(status, {message, static_cast<size_t>(bytes)}));
    };
    ares_search(channel_, wait.name().c_str(), kClassIn, kTypeSrv, on_message, query.release());
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  // The order is ours, and c-ares would open a socket for every address. CARES_HOSTS may name another /etc/hosts.
  hints.ai_flags = ARES_AI_NOSORT | ARES_AI_ENVHOSTS;
  const auto on_answer = [](void* argument, int status, int, ares_addrinfo* result) {
    std::unique_ptr<Query> answered(static_cast<Query*>(argument));
    CaresResolver& resolver = answered->resolver;
    DnsOutcome outcome = answered->wait ? resolver.outcomeOf(status, result) : DnsOutcome();
    resolver.settleQuery(std::move(answered), std::move(outcome));
    if (result) ares_freeaddrinfo(result);
  };
  // May answer before it returns, from /etc/hosts.
  ares_getaddrinfo(channel_, wait.name().c_str(), nullptr, &hints, on_answer, query.release());
}

void CaresResolver::withdraw(DnsWait& wait) {
  if (const auto asked = asked_.find(&wait); asked != asked_.end()) {
    asked->second->wait = nullptr;
    asked_.erase(asked);
    // c-ares can't drop one question. Those that nobody waits for run out by themselves, unless all are such.
    if (asked_.empty()) ares_cancel(channel_);
  } else {
    std::erase(waiting_, &wait);
  }
  goOn();
}

void CaresResolver::run() {
  std::vector<std::pair<int, uint32_t>> ready;
  for (auto& [fd, socket] : sockets_) {
    if (socket->ready) ready.emplace_back(fd, std::exchange(socket->ready, 0));
  }
  // c-ares may close any of them meanwhile; it ignores descriptors that aren't its own.
  for (const auto& [fd, events] : ready) {
    const bool failed = events & (EPOLLERR | EPOLLHUP);
    ares_process_fd(channel_, failed || (events & EPOLLIN) ? fd : ARES_SOCKET_BAD,
                    failed || (events & EPOLLOUT) ? fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // timeouts
  goOn();
}

void CaresResolver::settleQuery(std::unique_ptr<Query> query, DnsOutcome outcome) {
  --in_flight_;
  if (!query->wait) return;
  asked_.erase(query->wait);
  query->wait->settle(std::move(outcome));
}

DnsOutcome CaresResolver::outcomeOf(int status, const ares_addrinfo* result) const {
  if (status != ARES_SUCCESS || !result) return std::unexpected(sentenceFor(status));
  DnsAnswer answer = answerOf(*result);
  if (answer.addresses.empty()) return std::unexpected(sentenceFor(ARES_ENODATA));
  if (options_.unroutable == Unroutable::kLeaveOut) leaveOutUnroutable(answer.addresses);
  if (answer.addresses.size() > kMaxAddresses) answer.addresses.resize(kMaxAddresses);
  return answer;
}

void CaresResolver::armTimer() {
  timeval left{};
  if (in_flight_ == 0 || !ares_timeout(channel_, nullptr, &left)) {
    loop_.timers().disarm(*this);
    return;
  }
  const Duration span = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
  loop_.arm(*this, std::max(span, kLeastTimeout));
}

void CaresResolver::watchSocket(int fd, uint32_t events) {
  if (const auto known = sockets_.find(fd); known != sockets_.end()) {
    loop_.poller().remove(fd, *known->second);
    sockets_.erase(known);
  }
  if (!events) return;
  auto socket = std::make_unique<Socket>(*this, fd);
  // Refused for want of memory: the question ends by its timeout.
  if (loop_.poller().add(fd, *socket, events)) sockets_.emplace(fd, std::move(socket));
}

std::expected<ares_channeldata*, std::string> CaresResolver::openChannel() {
  std::string resolv_conf = options_.resolv_conf;
  ares_options settings{};
  settings.timeout = static_cast<int>(options_.timeout.count());
  settings.tries = static_cast<int>(options_.tries);
  settings.resolvconf_path = resolv_conf.data();
  std::string lookups = "fb";  // the file before DNS, whatever nsswitch.conf says
  settings.lookups = lookups.data();
  settings.sock_state_cb_data = this;
  settings.sock_state_cb = [](void* argument, ares_socket_t fd, int readable, int writable) {
    static_cast<CaresResolver*>(argument)->watchSocket(fd, (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u));
  };
  ares_channel channel = nullptr;
  int status = ares_init_options(
      &channel, &settings,
      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_RESOLVCONF | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) return std::unexpected(std::string("DNS can't start: ") + ares_strerror(status));
  if (options_.servers.empty()) return channel;
  status = ares_set_servers_ports_csv(channel, options_.servers.c_str());
  if (status == ARES_SUCCESS) return channel;
  ares_destroy(channel);
  return std::unexpected("the DNS servers '" + options_.servers + "' can't be used: " + ares_strerror(status) +
                         "; write addresses such as 10.0.0.53 or 127.0.0.1:5353, with commas between");
}

// A machine that was started before its network has an empty resolv.conf first. Only while nothing is in flight,
// because the questions belong to the channel.
void CaresResolver::readServersAgain() {
  const FileStamp stamp = stampOfResolvConf();
  if (stamp == stamp_) return;
  stamp_ = stamp;
  if (auto channel = openChannel()) {
    ares_destroy(channel_);
    channel_ = *channel;
  }
}

CaresResolver::FileStamp CaresResolver::stampOfResolvConf() const {
  struct stat info;
  if (::stat(options_.resolv_conf.c_str(), &info) < 0) return {};
  return {info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec, info.st_ino, info.st_size};
}

}  // namespace remora::net
