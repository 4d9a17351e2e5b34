// What is wrong with files is said in a sentence that names them.
#include "tls/pem_files.h"
#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using testing::HasSubstr;

class ContextTest : public TlsWorld {
 protected:
  std::string problem() const {
    const auto made = ServerContext::make(settings_, {}, keys_);
    return made ? "" : made.error().origin.path + "|" + made.error().text;
  }
  TestFolder folder_;
};

TEST_F(ContextTest, SaysWhatIsWrongWithACertificate) {
  const auto good = settings_.certificates[0];
  auto& files = settings_.certificates[0];
  files.certificate = "/nowhere.pem";
  EXPECT_EQ(problem(), "tls.certificate|/nowhere.pem: can't be opened: No such file or directory");
  files.certificate = folder_.write("empty.pem", "");
  EXPECT_THAT(problem(), HasSubstr("holds no certificate"));
  files.certificate = good.key;
  EXPECT_THAT(problem(), HasSubstr("holds no certificate"));
  files.certificate = folder_.write("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(problem(), HasSubstr("certificate 1 can't be read"));
  files = good;
  files.key = good.certificate;
  EXPECT_THAT(problem(), HasSubstr("holds no private key"));
  files.key = authority_.issue({.name = "other"}).key;
  EXPECT_THAT(problem(), HasSubstr("the key isn't the one of the certificate in"));
  settings_.certificates.clear();
  EXPECT_THAT(problem(), HasSubstr("needs a certificate"));
}

TEST_F(ContextTest, SaysWhenAChainIsInTheWrongOrder) {
  TestAuthority middle("middle", &authority_);
  const auto files = middle.issue({.name = "app"});
  const std::string chain = *readFile(files.certificate);
  const size_t second = chain.find("-----BEGIN", 1);
  settings_.certificates = {
      {files.origin, folder_.write("chain.pem", chain.substr(0, second) + *readFile(authority_.ca())), files.key}};
  EXPECT_THAT(problem(), HasSubstr("certificate 2 (CN=root) didn't sign certificate 1 (CN=app)"));
}

TEST_F(ContextTest, AskingForCertificatesNeedsAnAuthority) {
  settings_.client = model::TlsServer::Client::kRequired;
  EXPECT_THAT(problem(), HasSubstr("without a client_ca"));
  settings_.client_ca = folder_.write("ca.pem", "nothing");
  EXPECT_THAT(problem(), HasSubstr("holds no certificate"));
  settings_.client_ca = authority_.ca();
  settings_.crl = settings_.client_ca;
  EXPECT_THAT(problem(), HasSubstr("holds no revocation list"));
}

TEST_F(ContextTest, WarnsOfWhatIsOutOfItsTime) {
  settings_.certificates.push_back(authority_.issue({.name = "late", .until = std::chrono::seconds(-10)}));
  settings_.certificates.push_back(authority_.issue({.name = "early", .from = std::chrono::hours(1)}));
  const auto made = server();
  ASSERT_EQ(made->certificates().size(), 3U);
  EXPECT_EQ(made->certificates()[0].sans, std::vector<std::string>{"app.example"});
  const auto warnings = warningsAbout(made->certificates(), TestAuthority::now());
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], HasSubstr("the certificate of CN=late expired at 2026-"));
  EXPECT_THAT(warnings[1], HasSubstr("the certificate of CN=early isn't valid before 2026-"));
}

TEST(TicketKeysTest, AKeySealsForOneLifetimeAndOpensForTwo) {
  loop::VirtualClock clock;
  TicketKeys keys(std::chrono::seconds(100), clock);
  const auto after = [&](int seconds) { clock.set(clock.now() + std::chrono::seconds(seconds)); };
  const TicketKey first = keys.forSealing();
  after(99);
  EXPECT_EQ(keys.forSealing().name, first.name);
  EXPECT_FALSE(keys.forOpening(first.name)->is_old);
  after(1);
  const TicketKey second = keys.forSealing();
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  ASSERT_TRUE(keys.forOpening(first.name));
  EXPECT_TRUE(keys.forOpening(first.name)->is_old);
  EXPECT_EQ(keys.forOpening(first.name)->key.mac, first.mac);
  after(100);
  EXPECT_FALSE(keys.forOpening(first.name));
  EXPECT_TRUE(keys.forOpening(second.name));
  after(1000);
  EXPECT_FALSE(keys.forOpening(second.name));
}

TEST(SessionCacheTest, GivesTheNewestOnceAndOnlyToTheSameSettings) {
  SessionCache cache;
  EXPECT_FALSE(cache.take({}));
  for (size_t i = 0; i < SessionCache::kMost + 1; ++i) cache.put({1}, Handle<ssl_session_st>());
  EXPECT_EQ(cache.size(), SessionCache::kMost);
  cache.take({2});
  EXPECT_EQ(cache.size(), SessionCache::kMost);
  cache.take({1});
  EXPECT_EQ(cache.size(), SessionCache::kMost - 1);
  cache.put({2}, Handle<ssl_session_st>());
  EXPECT_EQ(cache.size(), 1U);
}

}  // namespace
}  // namespace remora::tls
