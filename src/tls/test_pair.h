// A TLS client and a TLS server joined in memory. For tests only.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "loop/test_loop.h"
#include "net/memory_net.h"
#include "tls/context.h"
#include "tls/test_certificates.h"
#include "tls/tls_stream.h"

namespace remora::tls {

struct TestPair {
  using Server = std::shared_ptr<const ServerContext>;
  using Client = std::shared_ptr<const ClientContext>;

  TestPair(loop::TestLoop& test_loop, CipherMemory& memory, const Server& server_side, const Client& client_side,
           std::string_view host = "app.example", SessionCache* sessions = nullptr, size_t capacity = 64 << 10) {
    auto [a, b] = net::MemoryStream::pair(test_loop, capacity);
    server_transport = a.get();
    client_transport = b.get();
    server = std::make_unique<TlsStream>(test_loop, std::move(a), server_side, memory);
    client = std::make_unique<TlsStream>(test_loop, std::move(b), client_side, host, memory, sessions);
  }

  bool isDone() const { return server->handshakeOutcome() && client->handshakeOutcome(); }

  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
  net::MemoryStream* server_transport;
  net::MemoryStream* client_transport;
};

inline net::IoResult put(net::Stream& stream, std::string_view text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  return stream.write({&piece, 1});
}

// Everything that can be read now; `end` becomes what came after it.
inline std::string takeAll(net::Stream& stream, net::IoResult* end = nullptr, size_t step = 4096) {
  std::string all;
  std::string buffer(step, 0);
  for (;;) {
    const net::IoResult result = stream.read(buffer);
    all.append(buffer, 0, result.bytes);
    if (result.bytes) continue;
    if (end) *end = result;
    return all;
  }
}

}  // namespace remora::tls
