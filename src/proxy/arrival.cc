#include "proxy/arrival.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include "proxy/h1_connection.h"
#include "proxy/h2_connection.h"
#include "proxy/tcp_connection.h"

namespace remora::proxy {
namespace {

// A ClientHello that doesn't fit is none that anybody sends; the kernel's smallest buffers hold it.
constexpr size_t kFirstBytesMost = 16 << 10;

const snapshot::ListenerPlan& planOf(Core& core, const ListenerState& listener) {
  return (*core.snapshot())->listeners[listener.plan];
}

// Where the client connected to: what the socket says, or without one the listener's address.
net::Peer destinationOf(const net::Stream& transport, const model::Listener& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (transport.descriptor() >= 0 &&
      getsockname(transport.descriptor(), reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    return net::peerOf(reinterpret_cast<const sockaddr*>(&address));
  }
  return net::parsePeer(model::toText(listener.address)).value_or(net::Peer{});
}

std::unique_ptr<Connection> makeHttp(Core& core, Connection::Origin origin) {
  switch (planOf(core, *origin.listener).source->default_chain.protocol) {
    case model::Protocol::kHttp2:
      return std::make_unique<H2Connection>(core, std::move(origin));
    case model::Protocol::kHttp1:
      return std::make_unique<H1Connection>(core, std::move(origin), H1Connection::Takes::kHttp1Only);
    default:
      return std::make_unique<H1Connection>(core, std::move(origin), H1Connection::Takes::kHttp2Too);
  }
}

}  // namespace

std::unique_ptr<Connection> makeConnection(Core& core, Connection::Origin origin) {
  const snapshot::ListenerPlan& plan = planOf(core, *origin.listener);
  if (plan.tcp_chains.empty()) return makeHttp(core, std::move(origin));
  // Without any other chain nothing is asked, so the system call is spared.
  const net::Peer destination =
      plan.tcp_chains.front().is_default ? net::Peer{} : destinationOf(*origin.transport, *plan.source);
  const ChainChoice choice = chooseTcpChain(plan, {.source = origin.peer, .destination = destination, .first = {}});
  switch (choice.kind) {
    case ChainChoice::Kind::kHttp:
      return makeHttp(core, std::move(origin));
    case ChainChoice::Kind::kWait:
      return std::make_unique<Arrival>(core, std::move(origin), destination);
    default:
      return std::make_unique<TcpConnection>(core, std::move(origin), choice.chain);
  }
}

Arrival::Arrival(Core& core, Origin origin, const net::Peer& destination)
    : Connection(core, std::move(origin)), destination_(destination) {}

void Arrival::start() {
  transport().setWatcher(this);
  if (const Duration detection = settings().detection; detection.count()) core_.loop().arm(*this, detection);
  if (transport().mayRead()) core_.loop().post(*this);
}

void Arrival::run() {
  choose(false);
}

// May destroy this.
void Arrival::choose(bool is_late) {
  if (listener().is_removed || transport().hasError()) return core_.remove(*this);
  const std::span<char> room = core_.scratch().first(kFirstBytesMost);
  const net::IoResult peeked = transport().peek(room);
  has_bytes_ = peeked.bytes != 0;
  FirstBytes first = readFirstBytes(room.first(peeked.bytes));
  // Whatever more could be waited for won't come, or won't be seen.
  const bool has_all =
      is_late || transport().hasHangup() || peeked.bytes == room.size() || (peeked.error && !peeked.isBlocked());
  first.is_complete |= has_all;
  const ChainChoice choice =
      chooseTcpChain(planOf(core_, listener()), {.source = peer(), .destination = destination_, .first = first});
  switch (choice.kind) {
    case ChainChoice::Kind::kHttp:
      return core_.replace(*this, makeHttp(core_, takeOrigin()));
    case ChainChoice::Kind::kWait:
      // What was looked at stays readable; the next edge tells of more. Only an interrupted look has to be repeated.
      if (peeked.isBlocked() && transport().mayRead()) core_.loop().post(*this);
      return;
    default:
      std::string name(first.server_name);
      core_.replace(*this, std::make_unique<TcpConnection>(core_, takeOrigin(), choice.chain, std::move(name)));
  }
}

}  // namespace remora::proxy
