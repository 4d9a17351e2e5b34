#include "proxy/descriptor.h"

#include <gtest/gtest.h>

#include "http/grpc.h"
#include "http/protobuf.h"
#include "tls/digest.h"

namespace remora::proxy {
namespace {

using Kind = model::HashKey::Kind;

size_t countOf(std::string_view text, std::string_view piece) {
  size_t count = 0;
  for (size_t at = text.find(piece); at != std::string_view::npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

struct Asked {
  std::string operator()(const model::Descriptor& descriptor) const { return each({descriptor}); }
  // "shop: user=a path=/b", or "none"; with "|" before a second descriptor.
  std::string each(const std::vector<model::Descriptor>& descriptors) const {
    std::string question;
    if (!writeDescriptorQuestion(question, "shop", descriptors, {request, client})) {
      EXPECT_EQ(question, "");
      return "none";
    }
    std::string text;
    http::protobuf::Fields fields(http::grpc::messageOf(question).value());
    while (fields.next()) {
      if (fields.isBytes(1)) text += std::string(fields.bytes()) + ":";
      if (!fields.isBytes(2)) continue;
      if (!text.ends_with(":")) text += " |";
      http::protobuf::Fields entries(fields.bytes());
      while (entries.next()) {
        http::protobuf::Fields entry(entries.bytes());
        while (entry.next()) text += (entry.isBytes(1) ? " " : "=") + std::string(entry.bytes());
      }
    }
    return text;
  }
  Asked() {
    request.headers = &headers;
    request.path = "/orders";
    request.query = "page=2&empty=";
    headers.add("X-User", "anna");
    headers.add("X-Latin", "J\xF6rg");
    headers.add("X-Empty", "");
    headers.add("Cookie", "session=s1");
  }

  http::Headers headers;
  http::Request request;
  net::Peer client = *net::parsePeer("192.0.2.7:4711");
};

model::DescriptorEntry from(const std::string& key, Kind kind, const std::string& name = {}) {
  model::HashKey source;
  source.kind = kind;
  source.name = name;
  return {key, "", source};
}

TEST(Descriptor, HasFixedValuesAndThoseOfTheRequest) {
  const Asked asked;
  EXPECT_EQ(asked({{"generic_key", "orders", {}}}), "shop: generic_key=orders");
  EXPECT_EQ(asked({from("remote_address", Kind::kSource), from("path", Kind::kPath),
                   from("user", Kind::kHeader, "x-user"), from("page", Kind::kQuery, "page"),
                   from("session", Kind::kCookie, "session"), from("again", Kind::kSource)}),
            "shop: remote_address=192.0.2.7 path=/orders user=anna page=2 session=s1 again=192.0.2.7");
}

TEST(Descriptor, ARequestThatLacksAValueHasNone) {
  const Asked asked;
  for (const model::DescriptorEntry& lacking :
       {from("a", Kind::kHeader, "x-other"), from("a", Kind::kHeader, "x-empty"), from("a", Kind::kCookie, "other"),
        from("a", Kind::kQuery, "empty")}) {
    EXPECT_EQ(asked({{"generic_key", "orders", {}}, lacking}), "none");
  }
}

TEST(Descriptor, OnesThatLackAValueAreLeftOutAndTheOthersGo) {
  const Asked asked;
  const model::Descriptor all = {{"generic_key", "all", {}}};
  const model::Descriptor by_user = {from("user", Kind::kHeader, "x-user"), from("path", Kind::kPath)};
  const model::Descriptor by_other = {from("path", Kind::kPath), from("other", Kind::kHeader, "x-other")};
  EXPECT_EQ(asked.each({all, by_user}), "shop: generic_key=all | user=anna path=/orders");
  EXPECT_EQ(asked.each({by_other, all, by_other, by_user}), "shop: generic_key=all | user=anna path=/orders");
  EXPECT_EQ(asked.each({by_other, by_other}), "none");
  const model::Descriptor latin(model::kDescriptorEntriesMost, from("name", Kind::kHeader, "x-latin"));
  const std::string most = asked.each(std::vector(model::kDescriptorsMost, latin));
  EXPECT_EQ(countOf(most, tls::sha256Hex("J\xF6rg")), model::kDescriptorsMost * model::kDescriptorEntriesMost);
}

TEST(Descriptor, WhatTheServiceWouldRefuseGoesAsItsDigest) {
  Asked asked;
  EXPECT_EQ(asked({from("name", Kind::kHeader, "x-latin")}), "shop: name=#" + tls::sha256Hex("J\xF6rg"));
  const std::string longest = "/" + std::string(model::kLongestEntryValue - 1, 'x');
  asked.request.path = longest;
  EXPECT_EQ(asked({from("path", Kind::kPath)}), "shop: path=" + longest);
  const std::string longer = longest + "x";
  asked.request.path = longer;
  EXPECT_EQ(asked({from("path", Kind::kPath)}), "shop: path=#" + tls::sha256Hex(longer));
}

}  // namespace
}  // namespace remora::proxy
