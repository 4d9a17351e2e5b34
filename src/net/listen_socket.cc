#include "net/listen_socket.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace remora::net {
namespace {

int setFlag(int fd, int level, int option) {
  const int one = 1;
  return setsockopt(fd, level, option, &one, sizeof one);
}

// A Unix socket's file outlives a process that was killed. It is removed only if nobody listens behind it.
void removeStaleSocket(const Address& address, const std::string& path) {
  struct stat info;
  if (path[0] == '@' || ::lstat(path.c_str(), &info) < 0 || !S_ISSOCK(info.st_mode)) return;
  // Non-blocking: a live socket with a full queue would keep this waiting, and says EAGAIN instead.
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  const bool dead = ::connect(probe, address.get(), address.length()) < 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (dead) ::unlink(path.c_str());
}

std::string adviceFor(int error, const model::SocketAddress& address) {
  switch (error) {
    case EADDRINUSE:
      return "another process listens there; stop it or choose another address";
    case EACCES:
      return address.kind == model::SocketAddress::Kind::kUnix
                 ? "the directory isn't writable for this user"
                 : "ports below 1024 need CAP_NET_BIND_SERVICE; choose another port or grant it";
    case EADDRNOTAVAIL:
      return "no interface of this machine has that address";
    case ENOENT:
      return "the directory of the socket doesn't exist";
    default:
      return "check the address";
  }
}

}  // namespace

std::expected<std::shared_ptr<BoundSocket>, std::string> BoundSocket::bind(const model::Listener& listener) {
  const std::string where = model::toText(listener.address);
  const auto problem = [&](const char* what, int error) {
    return std::unexpected("can't listen on " + where + ": " + what + ": " + std::strerror(error) + "; " +
                           adviceFor(error, listener.address));
  };
  auto address = Address::of(listener.address);
  if (!address) return problem("the address can't be used", EINVAL);
  const int fd = ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return problem("socket", errno);
  auto socket = std::shared_ptr<BoundSocket>(new BoundSocket(fd, Address()));
  if (address->isUnix()) {
    removeStaleSocket(*address, listener.address.host);
  } else {
    setFlag(fd, SOL_SOCKET, SO_REUSEADDR);
    setFlag(fd, IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it: one call less each
    if (address->family() == AF_INET6) setFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (::bind(fd, address->get(), address->length()) < 0) return problem("bind", errno);
  if (address->isUnix() && listener.address.host[0] != '@') {
    ::chmod(listener.address.host.c_str(), listener.unix_mode);
  }
  socket->address_ = *address;  // from here on its file is removed with it
  if (::listen(fd, static_cast<int>(listener.backlog)) < 0) return problem("listen", errno);
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (!address->isUnix() && ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0) {
    Peer peer = peerOf(reinterpret_cast<sockaddr*>(&bound));
    socket->address_ = Address::of(peer);
  }
  return socket;
}

BoundSocket::~BoundSocket() {
  ::close(fd_);
  if (address_.length() && address_.isUnix()) {
    const std::string text = address_.text();
    if (!text.starts_with("unix:@")) ::unlink(text.c_str() + 5);
  }
}

Acceptor::Acceptor(loop::Loop& loop, loop::Sys& sys, std::shared_ptr<BoundSocket> socket, OnAccept on_accept,
                   OnExhausted on_exhausted)
    : loop_(loop),
      sys_(sys),
      socket_(std::move(socket)),
      on_accept_(std::move(on_accept)),
      on_exhausted_(std::move(on_exhausted)),
      spare_fd_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  loop_.poller().add(socket_->fd(), *this, EPOLLIN | EPOLLET);
}

Acceptor::~Acceptor() {
  loop_.poller().remove(socket_->fd(), *this);
  if (spare_fd_ >= 0) ::close(spare_fd_);
}

void Acceptor::run() {
  // More may wait and no further edge will come for it.
  if (acceptSome(may_accept_) == Queue::kMore) loop_.arm(*this, Duration(1));
}

void Acceptor::acceptAll() {
  while (acceptSome({}) == Queue::kMore) {
  }
}

Acceptor::Queue Acceptor::acceptSome(const std::function<bool()>& may_accept) {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    if (may_accept && !may_accept()) {
      loop_.arm(*this, kRetryAfter);
      return Queue::kPaused;
    }
    sockaddr_storage address;
    socklen_t length = sizeof address;
    auto* where = reinterpret_cast<sockaddr*>(&address);
    where->sa_family = AF_UNSPEC;
    const int fd = sys_.accept4(socket_->fd(), where, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      on_accept_(fd, peerOf(where));
      continue;
    }
    if (errno == EAGAIN) return Queue::kEmpty;
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: shed what waits rather than let clients hang, and try again soon.
    tellExhausted(errno);
    shedWaiting();
    loop_.arm(*this, kRetryAfter);
    return Queue::kExhausted;
  }
  return Queue::kMore;
}

void Acceptor::tellExhausted(int error) {
  const Instant now = loop_.now();
  if (now < may_tell_from_) return;
  may_tell_from_ = now + kTellEvery;
  on_exhausted_(error);
}

void Acceptor::shedWaiting() {
  if (spare_fd_ >= 0) ::close(spare_fd_);
  for (int i = 0; i < kAcceptsATurn; ++i) {
    const int fd = ::accept4(socket_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    ::close(fd);
    if (shed_) shed_->add();
  }
  // Another thread may have taken it meanwhile; then the next call tries again.
  spare_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace remora::net
