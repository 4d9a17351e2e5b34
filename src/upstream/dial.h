// Connects to an endpoint, with TLS where its service asks for it. Belongs to one loop.
#pragma once

#include <memory>
#include <string>

#include "loop/task.h"
#include "model/listener.h"
#include "net/stream.h"
#include "tls/tls_stream.h"
#include "upstream/endpoint_set.h"

namespace remora::upstream {

// A connection that was just made, and what it speaks.
struct Connected {
  std::unique_ptr<net::Stream> stream;
  const tls::Facts* tls = nullptr;  // inside the stream; null: plaintext
  bool is_http2 = false;
};

// All that it refers to holds until dial() ends.
struct Dial {
  loop::Loop& loop;
  net::Connector& connector;
  const Endpoint& endpoint;
  net::Address address;  // the endpoint's, or another port of it
  model::Protocol protocol;
  const std::shared_ptr<const tls::ClientContext>& tls;  // null: plaintext
  tls::CipherMemory* cipher_memory;                      // with TLS
  tls::SessionCache* sessions;
  tls::Carries carries;
};

// ALPN settles what is spoken, where the protocol is kAuto.
loop::Task<Connected> dial(const Dial& how, net::Patience patience);

// What a request to it is addressed to, where nothing else is known: "orders.internal:8080". `port`: instead of its
// own.
std::string authorityOf(const Endpoint& endpoint, uint16_t port = 0);
// Its address with that port; 0: its own. A Unix socket has none.
net::Address addressOf(const Endpoint& endpoint, uint16_t port);

}  // namespace remora::upstream
