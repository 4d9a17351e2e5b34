#include "net/tcp_stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <cstddef>

#include "net/descriptor_reserve.h"

namespace remora::net {

Failure connectFailure(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ENOENT:  // no such Unix socket
      return {Reason::kConnectRefused, Reached::kNo, error};
    case ETIMEDOUT:
      return {Reason::kConnectTimeout, Reached::kNo, error};
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return {Reason::kNoDescriptors, Reached::kNo, error};
    default:
      return {Reason::kConnectFailed, Reached::kNo, error};
  }
}

TcpStream::TcpStream(loop::Loop& loop, loop::Sys& sys, int fd, State state) : Stream(loop), sys_(sys), fd_(fd) {
  // Registering tells of what is there already, so nothing is readable before the first event says so.
  may_write_ = state == State::kConnected;
  registered_ = loop.poller().add(fd, *this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

TcpStream::~TcpStream() {
  flush();
  loop_.poller().forget(*this);
  sys_.close(fd_);
}

IoResult TcpStream::read(std::span<char> into) {
  const ssize_t n = sys_.recv(fd_, into.data(), into.size(), 0);
  // What had arrived is still given. A failed send took the connection's error away from reading, which then looks like
  // an end in good order, or like silence.
  if (n <= 0 && broken_) return {0, broken_};
  if (n < 0) {
    if (errno == EINTR) return {0, EAGAIN};  // still marked readable: the caller's wait ends at once
    if (errno == EAGAIN) may_read_ = false;
    return {0, errno};
  }
  // Edge-triggered: fewer bytes than asked for means drained, and the next byte makes an edge. After a hang-up there
  // may be no further edge, so reading goes on until the end is seen.
  if (static_cast<size_t>(n) < into.size() && !hangup_ && sys_.shortReadMeansDrained()) may_read_ = false;
  return {static_cast<size_t>(n), 0};
}

IoResult TcpStream::peek(std::span<char> into) {
  const ssize_t n = sys_.recv(fd_, into.data(), into.size(), MSG_PEEK);
  if (n <= 0 && broken_) return {0, broken_};
  if (n >= 0) return {static_cast<size_t>(n), 0};
  if (errno == EINTR) return {0, EAGAIN};
  if (errno == EAGAIN) may_read_ = false;
  return {0, errno};
}

IoResult TcpStream::write(std::span<const iovec> pieces) {
  flush();
  if (broken_) return {0, broken_};
  refused_ = 0;
  if (unsent_) return {0, EAGAIN};
  loop::SendBatch* const batch = loop_.sends();
  const size_t gathered = batch && !writes_through_ && may_write_ ? batch->put(fd_, *this, pieces) : 0;
  if (gathered == 0) return writeNow(pieces);
  is_gathered_ = true;
  return {gathered, 0};
}

IoResult TcpStream::writeNow(std::span<const iovec> pieces) {
  ssize_t n;
  if (pieces.size() == 1) {
    n = sys_.send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    n = sys_.sendmsg(fd_, &message, MSG_NOSIGNAL);
  }
  if (n < 0) {
    if (errno == EINTR) return {0, EAGAIN};
    if (errno == EAGAIN) may_write_ = false;
    return {0, errno};
  }
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  // A short write of a stream socket means full, but a signal or a fault may cut it too: EAGAIN decides.
  return {static_cast<size_t>(n), static_cast<size_t>(n) < wanted ? EAGAIN : 0};
}

void TcpStream::writeThrough() {
  writes_through_ = true;
  flush();
}

void TcpStream::flush() {
  if (is_gathered_) loop_.sends()->flush();
}

void TcpStream::onSent(std::span<const char> data, size_t sent, int error) {
  is_gathered_ = false;
  if (error == 0) return;
  if (error != EAGAIN) {
    refused_ = sent == 0 ? static_cast<uint32_t>(data.size()) : 0;
    return breakDown(error);
  }
  unsent_ = std::make_unique<Unsent>(*this, data.subspan(sent));
  sendUnsent();  // a short send is no proof that there is no room
}

void TcpStream::sendUnsent() {
  std::string& bytes = unsent_->bytes;
  while (!bytes.empty()) {
    const ssize_t n = sys_.send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.erase(0, static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      may_write_ = false;
      return loop_.arm(*unsent_, kUnsentStall);
    } else if (errno != EINTR) {
      return breakDown(errno);
    }
  }
  unsent_.reset();
  tellWatcher();
}

void TcpStream::breakDown(int error) {
  broken_ = error;
  if (unsent_) loop_.timers().disarm(*unsent_);
  notify({.readable = true, .hangup = true, .error = true});
}

void TcpStream::shutdownWrite() {
  flush();
  sys_.shutdown(fd_, SHUT_WR);
}

void TcpStream::resetOnClose() {
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void TcpStream::acknowledgeNow() {
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

int TcpStream::connectError() {
  int error = 0;
  socklen_t bytes = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0) return errno;
  return error;
}

std::optional<TransportProof> TcpStream::proof() const {
  tcp_info info{};
  socklen_t bytes = sizeof info;
  if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &bytes) < 0) return std::nullopt;
  if (bytes < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return std::nullopt;
  constexpr uint8_t kTcpClose = 7;  // TCP_CLOSE of net/tcp_states.h
  // tcpi_bytes_acked counts the SYN as one byte on the connecting side (Linux, RFC 4898 tcpEStatsAppHCThruOctetsAcked).
  return TransportProof{info.tcpi_state == kTcpClose, info.tcpi_bytes_acked};
}

void TcpStream::onEvents(uint32_t events) {
  // EPOLLHUP alone is no failure: both directions were closed in good order.
  const bool error = (events & EPOLLERR) != 0;
  const bool hangup = (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
  if (unsent_ && !broken_ && (events & EPOLLOUT)) sendUnsent();
  notify({.readable = (events & EPOLLIN) != 0 || error || hangup,
          .writable = !unsent_ && (events & (EPOLLOUT | EPOLLHUP)) != 0,
          .hangup = hangup,
          .error = error});
}

Result<std::unique_ptr<Stream>> TcpConnector::connect(const Address& address) {
  const int fd = sys_.socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(connectFailure(errno));
  if (isReserved(fd)) {
    sys_.close(fd);
    return std::unexpected(connectFailure(EMFILE));
  }
  if (!address.isUnix()) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  const bool connected = sys_.connect(fd, address.get(), address.length()) == 0;
  if (!connected && errno != EINPROGRESS) {
    const Failure failure = connectFailure(errno);
    sys_.close(fd);
    return std::unexpected(failure);
  }
  auto stream = std::make_unique<TcpStream>(loop_, sys_, fd,
                                            connected ? TcpStream::State::kConnected : TcpStream::State::kConnecting);
  if (!stream->isRegistered()) return fail(Reason::kNoDescriptors, Reached::kNo, errno);
  return stream;
}

}  // namespace remora::net
