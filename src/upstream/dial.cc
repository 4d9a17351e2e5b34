#include "upstream/dial.h"

#include <array>
#include <utility>

namespace remora::upstream {
namespace {

// Whose certificate it must show: the name that the user gave, else its address.
std::string_view nameOf(const Endpoint& endpoint, std::array<char, net::kPeerTextMax>& text) {
  if (!endpoint.name.empty()) return endpoint.name;
  return {text.data(), net::printIp(net::peerOf(endpoint.address.get()), text)};
}

loop::Task<void> encrypt(const Dial& how, Connected& connected, net::Patience patience) {
  std::array<char, net::kPeerTextMax> text;
  auto stream =
      std::make_unique<tls::TlsStream>(how.loop, std::move(connected.stream), how.tls, nameOf(how.endpoint, text),
                                       *how.cipher_memory, how.sessions, how.carries);
  tls::TlsStream& tls = *stream;
  connected.stream = std::move(stream);
  co_await net::WriteWait(tls, patience);
  co_await tls.handshakeOutcome();
  connected.tls = &tls.facts();
  if (how.protocol == model::Protocol::kAuto) connected.is_http2 = tls.facts().alpn == "h2";
  co_return loop::done;
}

}  // namespace

loop::Task<Connected> dial(const Dial& how, net::Patience patience) {
  Connected connected;
  connected.stream = co_await how.connector.connect(how.address);
  co_await net::WriteWait(*connected.stream, patience);
  if (const int error = connected.stream->connectError()) co_return std::unexpected(net::connectFailure(error));
  connected.is_http2 = how.protocol == model::Protocol::kHttp2;
  if (how.tls) co_await encrypt(how, connected, patience);
  co_return connected;
}

std::string authorityOf(const Endpoint& endpoint, uint16_t port) {
  if (endpoint.address.isUnix()) return "localhost";
  const net::Address address = addressOf(endpoint, port);
  return endpoint.name.empty() ? address.text() : endpoint.name + ":" + std::to_string(address.port());
}

net::Address addressOf(const Endpoint& endpoint, uint16_t port) {
  if (port == 0 || endpoint.address.isUnix()) return endpoint.address;
  net::Peer peer = net::peerOf(endpoint.address.get());
  peer.port = port;
  return net::Address::of(peer);
}

}  // namespace remora::upstream
