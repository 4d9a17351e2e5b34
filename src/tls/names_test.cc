#include "tls/names.h"

#include <gtest/gtest.h>

namespace remora::tls {
namespace {

TEST(CoversName, OneLabelForAStar) {
  EXPECT_TRUE(coversName("a.example.org", "A.Example.org"));
  EXPECT_TRUE(coversName("*.example.org", "a.example.org"));
  EXPECT_FALSE(coversName("*.example.org", "b.a.example.org"));
  EXPECT_FALSE(coversName("*.example.org", "example.org"));
  EXPECT_FALSE(coversName("*.example.org", ".example.org"));
  EXPECT_FALSE(coversName("*.org", "example.org"));
  EXPECT_FALSE(coversName("a*.example.org", "ab.example.org"));
  EXPECT_FALSE(coversName("", ""));
}

TEST(TrustDomain, IsWhatStandsBeforeThePath) {
  EXPECT_EQ(trustDomainOf("spiffe://example.org/ns/a/sa/b"), "example.org");
  EXPECT_EQ(trustDomainOf("spiffe://example.org"), "example.org");
  EXPECT_EQ(trustDomainOf("https://example.org/"), "");
  EXPECT_EQ(trustDomainOf("spiffe://Example.org/a"), "");
  EXPECT_EQ(trustDomainOf("spiffe://user@example.org/a"), "");
  EXPECT_EQ(trustDomainOf("spiffe:///a"), "");
}

TEST(CheckNames, EachListMustBeSatisfied) {
  PeerIdentity web;
  web.uris = {"spiffe://example.org/web"};
  web.dns_names = {"web.example.org"};
  web.ips = {"10.0.0.7", "fd00::7"};
  EXPECT_EQ(checkNames({}, web), NameVerdict::kFits);
  EXPECT_EQ(checkNames({.sans = {"spiffe://example.org/we"}}, web), NameVerdict::kNoSan);
  EXPECT_EQ(checkNames({.sans = {"spiffe://example.org/WEB"}}, web), NameVerdict::kNoSan);
  EXPECT_EQ(checkNames({.sans = {"x", "*.example.org"}}, web), NameVerdict::kFits);
  EXPECT_EQ(checkNames({.sans = {"10.0.0.7"}}, web), NameVerdict::kFits);
  EXPECT_EQ(checkNames({.sans = {"fd00:0::7"}}, web), NameVerdict::kFits);
  EXPECT_EQ(checkNames({.sans = {"10.0.0.8"}}, web), NameVerdict::kNoSan);
  EXPECT_EQ(checkNames({.trust_domains = {"example.org"}}, web), NameVerdict::kFits);
  EXPECT_EQ(checkNames({.trust_domains = {"org"}}, web), NameVerdict::kNoTrustDomain);
  EXPECT_EQ(checkNames({.sans = {"10.0.0.8"}, .trust_domains = {"example.org"}}, web), NameVerdict::kNoSan);
  // Two URIs: nobody can say which of them it is.
  web.uris.emplace_back("spiffe://example.com/web");
  EXPECT_EQ(checkNames({.trust_domains = {"example.org"}}, web), NameVerdict::kNoTrustDomain);
}

TEST(FitsPattern, AStarStandsForTheRestOfAUriOnly) {
  PeerIdentity batch;
  batch.uris = {"spiffe://example.org/batch/nightly"};
  batch.dns_names = {"nightly.example.org"};
  EXPECT_TRUE(fitsPattern({.sans = {"spiffe://example.org/batch/*"}}, batch));
  EXPECT_TRUE(fitsPattern({.sans = {"x", "spiffe://example.org/*"}}, batch));
  EXPECT_TRUE(fitsPattern({.sans = {"spiffe://example.org/batch/nightly"}}, batch));
  EXPECT_TRUE(fitsPattern({.sans = {"*.example.org"}}, batch));
  EXPECT_TRUE(fitsPattern({.trust_domains = {"example.org"}}, batch));
  EXPECT_FALSE(fitsPattern({.sans = {"spiffe://example.org/bat/*"}}, batch));
  EXPECT_FALSE(fitsPattern({.sans = {"spiffe://example.org/batch/nightly/*"}}, batch));
  EXPECT_FALSE(fitsPattern({.sans = {"spiffe://example.or/*"}}, batch)) << "whole steps, not letters";
  EXPECT_FALSE(fitsPattern({.sans = {"spiffe://example.org/*"}, .trust_domains = {"example.com"}}, batch));
  batch.uris = {"spiffe://example.org/batch/"};
  EXPECT_FALSE(fitsPattern({.sans = {"spiffe://example.org/batch/*"}}, batch)) << "the star stands for something";
}

TEST(IsForHost, LooksAtNamesAndAddressesOnly) {
  PeerIdentity app;
  app.subject = "CN=app.example";
  app.dns_names = {"*.app.example"};
  app.ips = {"10.0.0.7"};
  EXPECT_FALSE(isForHost(app, "app.example"));
  EXPECT_TRUE(isForHost(app, "a.app.example."));
  EXPECT_TRUE(isForHost(app, "10.0.0.7"));
  EXPECT_FALSE(isForHost(app, "10.0.0.8"));
  EXPECT_FALSE(isForHost(app, ""));
}

}  // namespace
}  // namespace remora::tls
