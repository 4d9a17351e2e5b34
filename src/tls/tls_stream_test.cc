#include "tls/tls_stream.h"

#include <gtest/gtest.h>

#include "tls/detail.h"
#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using net::IoResult;

class TlsStreamTest : public testing::Test {
 protected:
  TlsStreamTest() : settings_{.certificates = {authority_.issue({.name = "app", .sans = {"DNS:app.example"}})}} {
    client_settings_.ca = authority_.ca();
  }

  TestPair::Server server(std::vector<std::string> alpn = {}) const {
    auto made = ServerContext::make(settings_, std::move(alpn), keys_);
    EXPECT_TRUE(made.has_value()) << made.error().text;
    return *made;
  }
  TestPair::Client client(std::vector<std::string> alpn = {}) const {
    auto made = ClientContext::make(client_settings_, std::move(alpn));
    EXPECT_TRUE(made.has_value()) << made.error().text;
    return *made;
  }
  TestPair pair(size_t capacity = 64 << 10) {
    return {loop_, memory_, server(), client(), "app.example", &sessions_, capacity};
  }
  TestPair settledPair(size_t capacity = 64 << 10) {
    TestPair made = pair(capacity);
    loop_.settle();
    EXPECT_TRUE(made.isDone());
    return made;
  }

  loop::TestLoop loop_;
  CipherMemory memory_;
  TestAuthority authority_{"root"};
  std::shared_ptr<TicketKeys> keys_ = std::make_shared<TicketKeys>(std::chrono::hours(1));
  SessionCache sessions_;
  model::TlsServer settings_;
  model::TlsClient client_settings_;
};

TEST_F(TlsStreamTest, BecomesWritableOnceItsHandshakeIsDone) {
  TestPair tls = pair();
  EXPECT_FALSE(tls.server->mayWrite());
  EXPECT_FALSE(tls.client->mayWrite());
  EXPECT_FALSE(tls.client->mayRead());
  EXPECT_EQ(put(*tls.client, "x").error, EAGAIN);
  loop_.settle();
  ASSERT_TRUE(tls.server->isSettled());
  ASSERT_TRUE(tls.isDone()) << describeTlsDetail(tls.client->handshakeOutcome().error());
  EXPECT_TRUE(tls.server->mayWrite());
  EXPECT_TRUE(tls.client->mayWrite());
  EXPECT_FALSE(tls.client->mayRead());
  EXPECT_FALSE(tls.server->mayRead());
  EXPECT_EQ(tls.client->facts().version, "TLSv1.3");
  EXPECT_EQ(tls.client->facts().cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(tls.server->facts().server_name, "app.example");
  ASSERT_TRUE(tls.client->facts().peer);
  EXPECT_EQ(tls.client->facts().peer->dns_names, std::vector<std::string>{"app.example"});
  EXPECT_EQ(tls.client->facts().peer->issuer, "CN=root");
  EXPECT_FALSE(tls.server->facts().peer);
}

TEST_F(TlsStreamTest, CarriesBytesBothWays) {
  TestPair tls = settledPair();
  EXPECT_EQ(put(*tls.client, "question").bytes, 8U);
  loop_.settle();
  EXPECT_TRUE(tls.server->mayRead());
  IoResult end;
  EXPECT_EQ(takeAll(*tls.server, &end), "question");
  EXPECT_TRUE(end.isBlocked());
  EXPECT_FALSE(tls.server->mayRead());
  EXPECT_EQ(put(*tls.server, "answer").bytes, 6U);
  loop_.settle();
  EXPECT_EQ(takeAll(*tls.client), "answer");
}

}  // namespace
}  // namespace remora::tls
