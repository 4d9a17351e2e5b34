// A TLS client and a TLS server joined in memory, and what they need. For tests only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "loop/test_loop.h"
#include "net/memory_net.h"
#include "tls/context.h"
#include "tls/detail.h"
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

  // Of either side; empty when both are content.
  std::string complaints() const {
    std::string text;
    if (const auto outcome = server->handshakeOutcome(); !outcome) {
      text += std::string("server ") + std::string(tokenOf(outcome.error().reason)) + ": " +
              describeTlsDetail(outcome.error()) + "; ";
    }
    if (const auto outcome = client->handshakeOutcome(); !outcome) {
      text += std::string("client ") + std::string(tokenOf(outcome.error().reason)) + ": " +
              describeTlsDetail(outcome.error()) + "; ";
    }
    return text;
  }
  bool isDone() const { return server->isSettled() && client->isSettled() && complaints().empty(); }

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

// Settings that work, for tests to change before they make a pair.
class TlsWorld : public testing::Test {
 protected:
  TlsWorld() {
    settings_.name = "inbound";
    settings_.certificates = {authority_.issue({.name = "app", .sans = {"DNS:app.example"}})};
    client_settings_.ca = authority_.ca();
  }

  TestPair::Server server(const std::vector<std::string>& alpn = {}) const {
    auto made = ServerContext::make(settings_, alpn, keys_);
    EXPECT_TRUE(made.has_value()) << made.error().text;
    return *made;
  }
  TestPair::Client client(const std::vector<std::string>& alpn = {}) const {
    auto made = ClientContext::make(client_settings_, alpn);
    EXPECT_TRUE(made.has_value()) << made.error().text;
    return *made;
  }
  TestPair pair(size_t capacity = 64 << 10) {
    return {loop_, memory_, server(), client(), "app.example", &sessions_, capacity};
  }
  TestPair settledPair(size_t capacity = 64 << 10) {
    TestPair made = pair(capacity);
    loop_.settle();
    EXPECT_TRUE(made.isDone()) << made.complaints();
    return made;
  }
  // Of a pair whose handshake has been tried; "" when it succeeded.
  std::string complaints() {
    TestPair made = pair();
    loop_.settle();
    EXPECT_TRUE(made.server->isSettled() && made.client->isSettled());
    // In TLS 1.3 the client hears only after its own end of the handshake.
    takeAll(*made.client);
    return made.complaints();
  }
  void askForCertificates(model::TlsServer::Client how) {
    settings_.client = how;
    settings_.client_ca = authority_.ca();
  }
  void showCertificate(const Issued& wanted) { client_settings_.certificate = authority_.issue(wanted); }

  loop::TestLoop loop_;
  CipherMemory memory_;
  TestAuthority authority_{"root"};
  std::shared_ptr<TicketKeys> keys_ = std::make_shared<TicketKeys>(std::chrono::hours(1), loop_.loop().clock());
  SessionCache sessions_;
  model::TlsServer settings_;
  model::TlsClient client_settings_;
};

}  // namespace remora::tls
