#include "proxy/listener.h"

#include <sys/resource.h>

#include <utility>

#include "net/descriptor_reserve.h"
#include "net/tcp_stream.h"
#include "proxy/reply.h"

namespace remora::proxy {

Listeners::Listeners(std::vector<Target> targets, loop::Sys& sys, observe::Log& log)
    : targets_(std::move(targets)), sys_(sys), log_(log) {}

void Listeners::adopt(const snapshot::Snapshot& snapshot, const BoundSockets& sockets) {
  std::map<std::string, std::unique_ptr<Entry>> kept;
  for (const snapshot::ListenerPlan& plan : snapshot.listeners) {
    if (!plan.source->bind) continue;
    const std::string address = model::toText(plan.source->address);
    const auto socket = sockets.find(address);
    if (socket == sockets.end()) continue;
    std::unique_ptr<Entry> entry;
    if (const auto known = acceptors_.find(address); known != acceptors_.end()) entry = std::move(known->second);
    if (!entry) entry = std::make_unique<Entry>();
    entry->listener = plan.source->name;
    entry->says_why = plan.tcp_chains.empty();
    entry->connections_most =
        plan.source->limits.connections ? plan.source->limits.connections : defaultConnectionsMost();
    if (!entry->acceptor) {
      Entry* const self = entry.get();
      entry->acceptor = std::make_unique<net::Acceptor>(
          targets_[0].core->loop(), sys_, socket->second,
          [this, self](int fd, const net::Peer& peer) { accept(*self, fd, peer); },
          [this, self](int error) {
            log_.warn("listener", "listener {}: new connections are shed: {}; raise the descriptor limit (ulimit -n)",
                      self->listener,
                      error == EMFILE || error == ENFILE ? "no descriptor is left" : "no memory is left");
          });
    }
    entry->acceptor->acceptOnlyIf([this] { return mayAccept(); });
    entry->acceptor->countShed(targets_[0].core->metrics().downstream_shed);
    kept.emplace(address, std::move(entry));
  }
  acceptors_ = std::move(kept);
}

// Where it stops, what waits is in the kernel's queue and costs next to nothing there.
bool Listeners::mayAccept() {
  Core& core = *targets_[0].core;
  const bool may = core.overload().ask(Overload::kConnectionBytes) < OverloadStage::kStopAccepting;
  if (!may && !is_paused_) core.metrics().overload_paused.add();
  is_paused_ = !may;
  return may;
}

void Listeners::accept(Entry& entry, int fd, const net::Peer& peer) {
  if (net::isReserved(fd)) {
    shed(fd, entry.says_why ? noDescriptorsReply() : std::string_view());
    log_.warn("listener",
              "listener {}: new connections are shed: no descriptor is left; raise the descriptor limit (ulimit -n)",
              entry.listener);
    return;
  }
  if (connectionsOfAll() >= entry.connections_most) {
    shed(fd, entry.says_why ? overloadedReply() : std::string_view());
    log_.warn("listener", "listener {}: connections are shed: limits.connections ({}) is reached", entry.listener,
              entry.connections_most);
    return;
  }
  Target& target = leastLoaded();
  if (target.core == targets_[0].core) {
    auto stream = std::make_unique<net::TcpStream>(*target.loop, sys_, fd, net::TcpStream::State::kConnected);
    if (stream->isRegistered()) target.core->serve(std::move(stream), peer, entry.listener);
    return;
  }
  target.core->expectConnection();
  target.loop->mailbox().post([target, fd, peer, listener = entry.listener, &sys = sys_] {
    auto stream = std::make_unique<net::TcpStream>(*target.loop, sys, fd, net::TcpStream::State::kConnected);
    if (stream->isRegistered()) target.core->serve(std::move(stream), peer, listener);
    target.core->noteArrival();  // last: a drain that counts connections must see this one all the time
  });
}

void Listeners::shed(int fd, std::string_view reply) {
  targets_[0].core->metrics().downstream_shed.add();
  if (!reply.empty()) (void)sys_.send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
  sys_.close(fd);
}

size_t Listeners::connectionsOfAll() const {
  size_t sum = 0;
  for (const Target& target : targets_) sum += target.core->connections();
  return sum;
}

Listeners::Target& Listeners::leastLoaded() {
  // Ties stay here: handing over costs a wake-up of another thread.
  Target* least = &targets_[0];
  for (Target& target : targets_) {
    if (target.core->connections() < least->core->connections()) least = &target;
  }
  return *least;
}

void Listeners::close() {
  for (const auto& [address, entry] : acceptors_) entry->acceptor->acceptAll();
  acceptors_.clear();
}

size_t defaultConnectionsMost() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<size_t>(limit.rlim_cur) / 4 * 3;
}

}  // namespace remora::proxy
