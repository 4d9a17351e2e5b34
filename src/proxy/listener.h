// Accepts connections and hands each, once, to the core that has the fewest: one listening socket an address, for the
// whole process (with a socket a core the kernel spreads a few connections badly, and closing one resets a part of its
// queue). Lives on the first core's loop.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "loop/sys.h"
#include "net/listen_socket.h"
#include "observe/log.h"
#include "proxy/core.h"
#include "snapshot/snapshot.h"

namespace remora::proxy {

// Bound sockets by the text of the address in the configuration.
using BoundSockets = std::map<std::string, std::shared_ptr<net::BoundSocket>>;

class Listeners {
 public:
  struct Target {
    Core* core = nullptr;
    loop::Loop* loop = nullptr;
  };
  // targets[0] is the core whose loop this lives on.
  Listeners(std::vector<Target> targets, loop::Sys& sys, observe::Log& log);

  // Sockets that stay go on accepting without a gap.
  void adopt(const snapshot::Snapshot& snapshot, const BoundSockets& sockets);
  // Takes in what waits in the queues, then stops accepting.
  void close();
  size_t acceptors() const { return acceptors_.size(); }

 private:
  struct Entry {
    std::unique_ptr<net::Acceptor> acceptor;
    std::string listener;  // its name
    size_t connections_most = 0;
    bool says_why = true;  // HTTP only: to a TCP client a reply would be the application's words
  };
  bool mayAccept();
  void accept(Entry& entry, int fd, const net::Peer& peer);
  void shed(int fd, std::string_view reply);
  size_t connectionsOfAll() const;
  Target& leastLoaded();

  std::vector<Target> targets_;
  loop::Sys& sys_;
  observe::Log& log_;
  bool is_paused_ = false;                                   // by overload
  std::map<std::string, std::unique_ptr<Entry>> acceptors_;  // by address text
};

// The most connections a listener takes when its configuration says nothing: three quarters of the descriptors, so that
// upstream connections, logs and the admin side always find some.
size_t defaultConnectionsMost();

}  // namespace remora::proxy
