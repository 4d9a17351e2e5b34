// What handshakes settle on, and what they refuse.
#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using ClientMode = model::TlsServer::Client;

using HandshakeTest = TlsWorld;

TEST_F(HandshakeTest, SettlesOnTheBestOfBoth) {
  TestPair tls = settledPair();
  const Facts& facts = tls.client->facts();
  EXPECT_EQ(facts.version, "TLSv1.3");
  EXPECT_EQ(facts.cipher, "TLS_AES_128_GCM_SHA256");
#ifdef OPENSSL_IS_AWSLC
  EXPECT_EQ(facts.group, "X25519MLKEM768");
#else
  EXPECT_EQ(facts.group, "X25519");
#endif
  EXPECT_EQ(tls.server->facts().server_name, "app.example");
  EXPECT_FALSE(facts.is_resumed);
  ASSERT_TRUE(facts.peer);
  EXPECT_EQ(facts.peer->dns_names, std::vector<std::string>{"app.example"});
  EXPECT_EQ(facts.peer->issuer, "CN=root");
  EXPECT_EQ(facts.peer->not_after, TestAuthority::now() + 86'400);
  EXPECT_FALSE(tls.server->facts().peer);
}

TEST_F(HandshakeTest, SpeaksTls12WithForwardSecrecy) {
  client_settings_.most = model::TlsVersion::k12;
  TestPair tls = settledPair();
  EXPECT_EQ(tls.server->facts().version, "TLSv1.2");
  EXPECT_EQ(tls.server->facts().cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
}

TEST_F(HandshakeTest, WithoutACommonVersionThereIsNone) {
  client_settings_.most = model::TlsVersion::k12;
  settings_.least = model::TlsVersion::k13;
  const std::string said = complaints();
  EXPECT_THAT(said, HasSubstr("server tls_handshake: "));
  EXPECT_THAT(said, HasSubstr("client upstream_tls: the peer sent alert protocol_version"));
}

TEST_F(HandshakeTest, ChoosesTheCertificateByName) {
  settings_.certificates.push_back(authority_.issue({.name = "wild", .sans = {"DNS:*.example.org"}}));
  settings_.certificates.push_back(authority_.issue({.name = "exact", .sans = {"DNS:a.example.org"}}));
  const auto subjectFor = [&](const std::string& name) {
    client_settings_.server_name = name;
    client_settings_.names.sans = {"*.example.org", "app.example"};  // the default's too
    TestPair tls = pair();
    loop_.settle();
    return tls.isDone() ? tls.client->facts().peer->subject : tls.complaints();
  };
  EXPECT_EQ(subjectFor("A.example.org"), "CN=exact");
  EXPECT_EQ(subjectFor("b.example.org"), "CN=wild");
  EXPECT_EQ(subjectFor("c.b.example.org"), "CN=app");
  EXPECT_EQ(subjectFor("unknown.example"), "CN=app");
  settings_.unknown_name = model::TlsServer::UnknownName::kRefuse;
  EXPECT_THAT(subjectFor("unknown.example"), HasSubstr("alert unrecognized_name"));
  EXPECT_EQ(subjectFor("10.0.0.1"), "CN=app");  // no name was said
}

TEST_F(HandshakeTest, ChoosesTheProtocolByTheServersPreference) {
  const auto chosen = [&](std::vector<std::string> ours, std::vector<std::string> theirs) {
    TestPair tls(loop_, memory_, server(std::move(ours)), client(std::move(theirs)));
    loop_.settle();
    if (!tls.isDone()) return tls.complaints();
    EXPECT_EQ(tls.server->facts().alpn, tls.client->facts().alpn);
    return tls.server->facts().alpn;
  };
  EXPECT_EQ(chosen({"h2", "http/1.1"}, {"http/1.1", "h2"}), "h2");
  EXPECT_EQ(chosen({"http/1.1"}, {"h2", "http/1.1"}), "http/1.1");
  EXPECT_EQ(chosen({"h2", "http/1.1"}, {}), "");
  EXPECT_EQ(chosen({}, {"h2"}), "");
  EXPECT_THAT(chosen({"h2"}, {"spdy"}), HasSubstr("alert no_application_protocol"));
}

TEST_F(HandshakeTest, TheServerMustBeWhoWasCalled) {
  client_settings_.server_name = "other.example";
  EXPECT_THAT(complaints(), HasSubstr("client upstream_certificate: none of the certificate's names"));
  client_settings_.names.sans = {"app.example"};  // instead of the server name
  EXPECT_EQ(complaints(), "");
  client_settings_.names.sans = {"spiffe://example.org/app"};
  EXPECT_THAT(complaints(), HasSubstr("upstream_certificate"));
  client_settings_.verifies = false;
  EXPECT_EQ(complaints(), "");
}

TEST_F(HandshakeTest, TheServerMustBeOfATrustedAuthority) {
  TestAuthority other("other");
  client_settings_.ca = other.ca();
  const std::string said = complaints();
  EXPECT_THAT(said, HasSubstr("client upstream_certificate: unable to get local issuer certificate"));
  EXPECT_THAT(said, HasSubstr("server tls_handshake: the peer sent alert unknown_ca"));
}

TEST_F(HandshakeTest, AClientCertificateMayBeOptional) {
  askForCertificates(ClientMode::kOptional);
  {
    TestPair tls = settledPair();
    EXPECT_FALSE(tls.server->facts().peer);
  }
  showCertificate({.name = "web", .sans = {"URI:spiffe://example.org/web", "DNS:web.example", "IP:10.0.0.7"}});
  TestPair tls = settledPair();
  ASSERT_TRUE(tls.server->facts().peer);
  EXPECT_EQ(tls.server->facts().peer->spiffeId(), "spiffe://example.org/web");
  EXPECT_EQ(tls.server->facts().peer->dns_names, std::vector<std::string>{"web.example"});
  EXPECT_EQ(tls.server->facts().peer->ips, std::vector<std::string>{"10.0.0.7"});
  EXPECT_EQ(tls.server->facts().peer->subject, "CN=web");
}

TEST_F(HandshakeTest, AMissingClientCertificateIsRefused) {
  askForCertificates(ClientMode::kRequired);
  const std::string said = complaints();
  EXPECT_THAT(said, HasSubstr("server tls_client_certificate: the peer showed no certificate"));
  EXPECT_THAT(said, HasSubstr("client upstream_tls: the peer sent alert certificate_required"));
  client_settings_.most = model::TlsVersion::k12;
  EXPECT_THAT(complaints(), HasSubstr("server tls_client_certificate: the peer showed no certificate"));
}

TEST_F(HandshakeTest, ClientCertificatesAreVerified) {
  for (const ClientMode mode : {ClientMode::kOptional, ClientMode::kRequired}) {
    askForCertificates(mode);
    showCertificate({.name = "web"});
    EXPECT_EQ(complaints(), "");
    showCertificate({.name = "late", .from = std::chrono::hours(-2), .until = std::chrono::hours(-1)});
    EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: certificate has expired"));
    showCertificate({.name = "early", .from = std::chrono::hours(1)});
    EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: certificate is not yet valid"));
    showCertificate({.name = "server", .usage = "serverAuth"});
    EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: the certificate isn't for this purpose"));
    TestAuthority other("root");  // of the same name, with another key
    client_settings_.certificate = other.issue({.name = "web"});
    EXPECT_THAT(complaints(), StartsWith("server tls_client_certificate: "));
  }
}

TEST_F(HandshakeTest, AServersCertificateMustBeForServers) {
  settings_.certificates = {authority_.issue({.name = "app", .sans = {"DNS:app.example"}, .usage = "clientAuth"})};
  EXPECT_THAT(complaints(), HasSubstr("upstream_certificate: the certificate isn't for this purpose"));
}

TEST_F(HandshakeTest, ClientNamesAreLookedAt) {
  askForCertificates(ClientMode::kRequired);
  showCertificate({.name = "web", .sans = {"URI:spiffe://example.org/web", "DNS:web.example"}});
  settings_.client_names.sans = {"spiffe://example.org/orders", "*.example"};
  EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: none of the certificate's names"));
  settings_.client_names.sans.push_back("spiffe://example.org/web");
  EXPECT_EQ(complaints(), "");
  settings_.client_names.trust_domains = {"example.com"};
  EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: the certificate's SPIFFE ID is of no wanted"));
  settings_.client_names.trust_domains.push_back("example.org");
  EXPECT_EQ(complaints(), "");
}

TEST_F(HandshakeTest, RevokedCertificatesAreRefused) {
  askForCertificates(ClientMode::kRequired);
  showCertificate({.name = "web"});
  const auto revoked = *client_settings_.certificate;
  settings_.crl = authority_.revoke({revoked});
  EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: certificate revoked"));
  showCertificate({.name = "web"});
  EXPECT_EQ(complaints(), "");
  TestAuthority other("other");
  settings_.crl = other.revoke({});
  EXPECT_THAT(complaints(), HasSubstr("tls_client_certificate: unable to get certificate CRL"));
}

TEST_F(HandshakeTest, IntermediatesAreFollowed) {
  TestAuthority middle("middle", &authority_);
  settings_.certificates = {middle.issue({.name = "app", .sans = {"DNS:app.example"}})};
  EXPECT_EQ(complaints(), "");
  // And may be the anchor, as a mesh lists them.
  client_settings_.ca = middle.ca();
  EXPECT_EQ(complaints(), "");
}

// --- resumption ------------------------------------------------------------------------------------------------------

class ResumptionTest : public TlsWorld {
 protected:
  // One connection, with a word each way so that tickets arrive.
  Facts connect() { return connect(server(), client()); }
  Facts connect(const TestPair::Server& server_side, const TestPair::Client& client_side) {
    TestPair tls(loop_, memory_, server_side, client_side, "app.example", &sessions_);
    loop_.settle();
    EXPECT_TRUE(tls.isDone()) << tls.complaints();
    (void)put(*tls.server, "word");
    loop_.settle();
    EXPECT_EQ(takeAll(*tls.client), "word");
    EXPECT_EQ(tls.client->facts().is_resumed, tls.server->facts().is_resumed);
    client_peer_ = tls.client->facts().peer;
    return tls.server->facts();
  }
  std::shared_ptr<const PeerIdentity> client_peer_;
};

TEST_F(ResumptionTest, HappensAcrossContexts) {
  for (const auto version : {model::TlsVersion::k12, model::TlsVersion::k13}) {
    client_settings_.most = version;
    SCOPED_TRACE(version == model::TlsVersion::k12 ? "TLS 1.2" : "TLS 1.3");
    sessions_ = {};
    EXPECT_FALSE(connect().is_resumed);
    EXPECT_TRUE(connect().is_resumed);
    EXPECT_TRUE(connect().is_resumed);
    ASSERT_TRUE(client_peer_);
    EXPECT_EQ(client_peer_->subject, "CN=app");
  }
}

TEST_F(ResumptionTest, KeepsTheClientsIdentity) {
  askForCertificates(ClientMode::kRequired);
  showCertificate({.name = "web", .sans = {"URI:spiffe://example.org/web"}});
  for (const auto version : {model::TlsVersion::k12, model::TlsVersion::k13}) {
    client_settings_.most = version;
    sessions_ = {};
    EXPECT_FALSE(connect().is_resumed);
    const Facts facts = connect();
    EXPECT_TRUE(facts.is_resumed);
    ASSERT_TRUE(facts.peer);
    EXPECT_EQ(facts.peer->spiffeId(), "spiffe://example.org/web");
  }
}

TEST_F(ResumptionTest, OutlivesOneRotationOfTheKeysAndNotTwo) {
  const auto ours = client();
  EXPECT_FALSE(connect(server(), ours).is_resumed);
  loop_.advance(std::chrono::minutes(61));
  EXPECT_TRUE(connect(server(), ours).is_resumed);
  loop_.advance(std::chrono::minutes(121));
  EXPECT_FALSE(connect(server(), ours).is_resumed);
}

TEST_F(ResumptionTest, EndsWhenTheRulesForClientsChange) {
  askForCertificates(ClientMode::kRequired);
  showCertificate({.name = "web", .sans = {"URI:spiffe://example.org/web"}});
  connect();
  EXPECT_TRUE(connect().is_resumed);
  settings_.crl = authority_.revoke({});
  EXPECT_FALSE(connect().is_resumed);
  EXPECT_TRUE(connect().is_resumed);
  settings_.name = "other";
  EXPECT_FALSE(connect().is_resumed);
}

TEST_F(ResumptionTest, EndsWithTheClientsCertificate) {
  askForCertificates(ClientMode::kRequired);
  showCertificate({.name = "web", .until = std::chrono::minutes(10)});
  connect();
  EXPECT_TRUE(connect().is_resumed);
  loop_.advance(std::chrono::minutes(11));
  TestPair tls = pair();
  loop_.settle();
  EXPECT_THAT(tls.complaints(), HasSubstr("server tls_client_certificate: certificate has expired"));
}

TEST_F(ResumptionTest, IsNotForOtherSettingsOfTheClient) {
  connect();
  client_settings_.names.sans = {"app.example"};
  EXPECT_FALSE(connect().is_resumed);
}

TEST_F(ResumptionTest, CanBeSwitchedOffOnEitherSide) {
  settings_.tickets = false;
  connect();
  EXPECT_FALSE(connect().is_resumed);
  settings_.tickets = true;
  connect();
  client_settings_.resumes = false;
  EXPECT_FALSE(connect().is_resumed);
}

}  // namespace
}  // namespace remora::tls
