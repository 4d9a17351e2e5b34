#include "tls/explain.h"

#include "tls/test_pair.h"

namespace remora::tls {
namespace {

using testing::HasSubstr;
using testing::Not;

class ExplainTest : public TlsWorld {
 protected:
  int64_t now_ = TestAuthority::now();
};

TEST(SpanText, IsInTheLargestUnit) {
  EXPECT_EQ(spanText(86'400 * 3 + 5), "3 days");
  EXPECT_EQ(spanText(86'399), "23 hours");
  EXPECT_EQ(spanText(60), "1 minute");
  EXPECT_EQ(spanText(0), "0 seconds");
}

TEST_F(ExplainTest, TellsOfAFile) {
  TestAuthority middle("middle", &authority_);
  const auto files = middle.issue({.name = "web", .sans = {"URI:spiffe://example.org/web"}, .usage = "clientAuth"});
  const std::string text = *explainFile(files.certificate, now_);
  EXPECT_THAT(text, HasSubstr("certificate 1 of 2"));
  EXPECT_THAT(text, HasSubstr("subject      CN=web\n  names        spiffe://example.org/web\n"));
  EXPECT_THAT(text, HasSubstr("trust domain example.org\n  signed by    CN=middle\n"));
  EXPECT_THAT(text, HasSubstr("1 day left"));
  EXPECT_THAT(text, HasSubstr("clients only"));
  EXPECT_THAT(text, HasSubstr("elliptic curve, 256 bits"));
  EXPECT_THAT(text, HasSubstr("the next one signed it"));
  EXPECT_THAT(*explainFile(files.certificate, now_ + 90'000), HasSubstr("expired 1 hour ago"));
  EXPECT_THAT(*explainFile(authority_.ca(), now_), HasSubstr("signed by itself"));
  EXPECT_THAT(explainFile(files.key, now_).error(), HasSubstr("holds no certificate"));
}

TEST_F(ExplainTest, TellsOfAHandshake) {
  TestPair tls = settledPair();
  const std::string text = explainFacts(tls.client->facts(), now_);
  EXPECT_THAT(text, HasSubstr("version      TLSv1.3"));
  EXPECT_THAT(text, HasSubstr("names        app.example"));
  EXPECT_THAT(explainFacts(tls.server->facts(), now_), HasSubstr("showed no certificate"));
}

TEST_F(ExplainTest, TellsWhatDidNotFit) {
  client_settings_.server_name = "other.example";
  TestPair tls = pair();
  loop_.settle();
  const Failure failure = tls.client->handshakeOutcome().error();
  const std::string text = explainFailure(failure, tls.client->refusedPeer().get(), {}, "other.example", now_);
  EXPECT_THAT(text, HasSubstr("the handshake failed: none of the certificate's names is a wanted one"));
  EXPECT_THAT(text, HasSubstr("names        app.example"));
  EXPECT_THAT(text, HasSubstr("wanted       the name other.example"));
  EXPECT_THAT(text, Not(HasSubstr("SPIFFE")));
}

}  // namespace
}  // namespace remora::tls
