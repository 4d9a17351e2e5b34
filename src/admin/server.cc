#include "admin/server.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/tcp_stream.h"

namespace remora::admin {
namespace {

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 45\r\n"
    "Connection: close\r\n\r\nthe admin side serves 64 connections already\n";

}  // namespace

Server::Server(Process& process, loop::Loop& loop, loop::Sys& sys)
    : process_(process), loop_(loop), sys_(sys), pages_(process, loop) {}

Server::~Server() = default;

std::expected<void, std::string> Server::listen(const model::SocketAddress& address) {
  model::Listener listener;
  listener.name = "admin";
  listener.address = address;
  listener.backlog = static_cast<uint32_t>(kMostSessions);
  auto socket = net::BoundSocket::bind(listener);
  if (!socket) return std::unexpected(socket.error());
  const net::Address& bound = (*socket)->address();
  const Guard guard = bound.isLoopback() && !bound.isUnix() ? Guard::kLoopback : Guard::kNone;
  acceptors_.push_back(std::make_unique<net::Acceptor>(
      loop_, sys_, std::move(*socket),
      [this, guard](int fd, const net::Peer&) {
        auto stream = std::make_unique<net::TcpStream>(loop_, sys_, fd, net::TcpStream::State::kConnected);
        if (stream->isRegistered()) serve(std::move(stream), guard);
      },
      [this](int error) { process_.log().warn("admin", "accepting failed: {}", std::strerror(error)); }));
  return {};
}

std::string Server::address() const {
  return acceptors_.empty() ? std::string() : acceptors_.back()->socket().address().text();
}

void Server::serve(std::unique_ptr<net::Stream> stream, Guard guard) {
  if (sessions_.size() >= kMostSessions && !makeRoom()) {
    const iovec piece{const_cast<char*>(kFull.data()), kFull.size()};
    stream->write({&piece, 1});
    return;
  }
  sessions_.push_back(std::make_unique<Session>(loop_, pages_, std::move(stream), guard, sweeper_));
  sessions_.back()->start();
}

// True when one that is idle will end at once; it is gone after this turn.
bool Server::makeRoom() {
  Session* oldest = nullptr;
  for (const auto& session : sessions_) {
    if (session->isIdle() && (!oldest || session->idleSince() < oldest->idleSince())) oldest = session.get();
  }
  if (oldest) oldest->closeIdle();
  return oldest != nullptr;
}

void Server::Sweeper::run() {
  std::erase_if(server.sessions_, [](const std::unique_ptr<Session>& session) { return session->isEnded(); });
}

}  // namespace remora::admin
