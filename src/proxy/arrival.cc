#include "proxy/arrival.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include "proxy/h1_connection.h"
#include "proxy/h2_connection.h"
#include "proxy/handshake.h"
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

// TLS and plaintext on one port: the first byte tells.
bool isPermissive(const snapshot::ListenerPlan& plan) {
  return plan.tls && plan.tls->settings().plaintext == model::TlsServer::Plaintext::kAccept;
}

std::unique_ptr<Connection> makeHttp(Core& core, Connection::Origin origin) {
  const model::Protocol protocol = planOf(core, *origin.listener).source->default_chain.protocol;
  if (origin.tls && origin.tls->alpn == "h2") return std::make_unique<H2Connection>(core, std::move(origin));
  switch (protocol) {
    case model::Protocol::kHttp2:
      return std::make_unique<H2Connection>(core, std::move(origin));
    case model::Protocol::kHttp1:
      return std::make_unique<H1Connection>(core, std::move(origin), H1Connection::Takes::kHttp1Only);
    default:
      return std::make_unique<H1Connection>(core, std::move(origin), H1Connection::Takes::kHttp2Too);
  }
}

// Null, and `origin` as it was: it depends on first bytes that aren't there yet.
std::unique_ptr<Connection> makeChosen(Core& core, Connection::Origin& origin, const net::Peer& destination,
                                       const FirstBytes& first) {
  const snapshot::ListenerPlan& plan = planOf(core, *origin.listener);
  const ChainChoice choice = chooseTcpChain(plan, {.source = origin.peer, .destination = destination, .first = first});
  if (choice.kind == ChainChoice::Kind::kWait) return nullptr;
  const bool is_http = choice.kind == ChainChoice::Kind::kHttp;
  if (plan.tls && !origin.tls && (is_http || (choice.chain && choice.chain->has_tls))) {
    if (isPermissive(plan) && !first.is_complete) return nullptr;
    const bool is_plaintext = isPermissive(plan) && first.kind != FirstBytes::Kind::kTls;
    if (!is_plaintext) return std::make_unique<Handshake>(core, std::move(origin), plan.tls, destination);
  }
  if (is_http) return makeHttp(core, std::move(origin));
  return std::make_unique<TcpConnection>(core, std::move(origin), choice.chain, first.server_name);
}

}  // namespace

std::unique_ptr<Connection> makeConnection(Core& core, Connection::Origin origin) {
  const snapshot::ListenerPlan& plan = planOf(core, *origin.listener);
  // Where no chain asks for it, the system call is spared.
  const bool asks = !plan.tcp_chains.empty() && !plan.tcp_chains.front().is_default;
  const net::Peer destination = asks ? destinationOf(*origin.transport, *plan.source) : net::Peer{};
  std::unique_ptr<Connection> made = makeChosen(core, origin, destination, {});
  return made ? std::move(made) : std::make_unique<Arrival>(core, std::move(origin), destination);
}

std::unique_ptr<Connection> makeAfterHandshake(Core& core, Connection::Origin origin, const net::Peer& destination) {
  const FirstBytes first{.kind = FirstBytes::Kind::kTls, .server_name = origin.tls->server_name, .is_complete = true};
  return makeChosen(core, origin, destination, first);
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
  std::unique_ptr<Connection> chosen = makeChosen(core_, origin(), destination_, first);
  if (chosen) return core_.replace(*this, std::move(chosen));
  // What was looked at stays readable; the next edge tells of more. Only an interrupted look has to be repeated.
  if (peeked.isBlocked() && transport().mayRead()) core_.loop().post(*this);
}

}  // namespace remora::proxy
