// The admin side's HTTP server: accepts, bounds how many are served, owns the sessions. Runs on the admin loop, apart
// from every core, so that neither a scrape nor a person can disturb data. Create and destroy it on the loop's thread,
// or while the loop doesn't run.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "admin/gate.h"
#include "admin/pages.h"
#include "admin/process.h"
#include "admin/session.h"
#include "loop/loop.h"
#include "loop/sys.h"
#include "net/listen_socket.h"

namespace remora::admin {

class Server final {
 public:
  // More would be a client that leaks connections; then the one idle for longest makes room.
  static constexpr size_t kMostSessions = 64;

  Server(Process& process, loop::Loop& loop, loop::Sys& sys);
  ~Server();

  // May be called again for a further address. The error is a sentence.
  std::expected<void, std::string> listen(const model::SocketAddress& address);
  // Stops listening there; sessions go on. For a reload that moves the admin address.
  void stopListening() { acceptors_.clear(); }
  // As bound: with the port that was given for port 0. Of the listen() that came last; empty before.
  std::string address() const;
  // Takes over a connection, however it came about.
  void serve(std::unique_ptr<net::Stream> stream, Guard guard);
  size_t sessions() const { return sessions_.size(); }

 private:
  // Posted by sessions that have ended.
  struct Sweeper final : loop::Runnable {
    explicit Sweeper(Server& s) : server(s) {}
    void run() override;
    Server& server;
  };
  bool makeRoom();

  Process& process_;
  loop::Loop& loop_;
  loop::Sys& sys_;
  Pages pages_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  Sweeper sweeper_{*this};
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace remora::admin
