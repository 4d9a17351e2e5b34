#include "http/h2_validate.h"

#include <gtest/gtest.h>

#include <array>

namespace remora::http {
namespace {

struct Head {
  RawRequest raw;
  Head() {
    raw.method = "GET";
    raw.target = "/a?b=1";
    raw.scheme = "https";
    raw.major = 2;
    raw.minor = 0;
    raw.headers.add("host", "Shop:8080");
  }
  Result<Request> validate() { return validateH2Request(raw, {}, storage); }
  Reason refusal() {
    const auto request = validate();
    return request ? Reason::kOk : request.error().reason;
  }
  std::array<char, 1024> storage;
};

TEST(H2Request, IsUnderstood) {
  Head head;
  head.raw.target = "/x/../a%41?b=1";
  const auto request = head.validate();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, Method::kGet);
  EXPECT_EQ(request->major, 2);
  EXPECT_EQ(request->scheme, "https");
  EXPECT_EQ(request->host, "Shop:8080");
  EXPECT_EQ(request->hostname, "shop");
  EXPECT_EQ(request->path, "/aA");
  EXPECT_EQ(request->query, "b=1");
  EXPECT_EQ(request->body.framing, Framing::kNone);
  EXPECT_TRUE(request->keep_alive);
}

TEST(H2Request, ABodyIsTheStreamsAndItsLengthIsKnownWhenAnnounced) {
  Head head;
  head.raw.has_body = true;
  EXPECT_EQ(head.validate()->body.framing, Framing::kStream);
  EXPECT_FALSE(head.validate()->body.is_length_known);
  head.raw.headers.add("content-length", "12");
  EXPECT_EQ(head.validate()->body.length, 12u);
  EXPECT_TRUE(head.validate()->body.is_length_known);
  head.raw.has_body = false;
  EXPECT_EQ(head.refusal(), Reason::kBadFraming) << "the stream ended with its head";
}

TEST(H2Request, ContentLengthIsDigitsOnce) {
  for (const char* value : {"+1", "", "1,1", "0x1", "99999999999999999999", "1 "}) {
    Head head;
    head.raw.has_body = true;
    head.raw.headers.add("content-length", value);
    EXPECT_NE(head.refusal(), Reason::kOk) << value;
  }
  Head twice;
  twice.raw.has_body = true;
  twice.raw.headers.add("content-length", "1");
  twice.raw.headers.add("content-length", "1");
  EXPECT_EQ(twice.refusal(), Reason::kBadFraming);
}

TEST(H2Request, TargetsHaveOneForm) {
  for (const char* target :
       {"", "a", "http://shop/a", "*", "/a b", "/a HTTP/1.1\r\nx: y", "/a?b c", "/a?b#c", "/\xc3\xa9"}) {
    Head head;
    head.raw.target = target;
    EXPECT_EQ(head.refusal(), Reason::kBadTarget) << target;
  }
  Head star;
  star.raw.method = "OPTIONS";
  star.raw.target = "*";
  EXPECT_EQ(star.refusal(), Reason::kOk);
  Head above;
  above.raw.target = "/../a";
  EXPECT_EQ(above.refusal(), Reason::kBadPath);
  for (const char* scheme : {"", "ftp", "HTTP", "http\r\n"}) {
    Head head;
    head.raw.scheme = scheme;
    EXPECT_EQ(head.refusal(), Reason::kBadTarget) << scheme;
  }
}

TEST(H2Request, HostsAreOneAndValid) {
  Head twice;
  twice.raw.headers.add("host", "other");
  EXPECT_EQ(twice.refusal(), Reason::kBadHost);
  for (const char* host : {"", "user@shop", "shop:x", "sh op"}) {
    Head head;
    head.raw.headers.clear();
    head.raw.headers.add("host", host);
    EXPECT_EQ(head.refusal(), Reason::kBadHost) << host;
  }
  Head none;
  none.raw.headers.clear();
  EXPECT_EQ(none.refusal(), Reason::kBadHost);
}

TEST(H2Request, MethodsAreTokens) {
  for (const char* method : {"", "GE T", "GET /x HTTP/1.1\r\n", "AMETHODTHATISLONGERTHAN32BYTESISNONE"}) {
    Head head;
    head.raw.method = method;
    EXPECT_EQ(head.refusal(), Reason::kBadRequestLine) << method;
  }
}

TEST(H2Request, ConnectPassesOnlyForWebSockets) {
  Head head;
  head.raw.method = "CONNECT";
  head.raw.has_body = true;
  EXPECT_EQ(head.refusal(), Reason::kConnectMethod);
  head.raw.protocol = "connect-udp";
  EXPECT_EQ(head.refusal(), Reason::kConnectMethod);
  head.raw.protocol = "websocket";
  const auto request = head.validate();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, Method::kConnect);
  EXPECT_EQ(request->upgrade, "websocket");
  EXPECT_EQ(request->body.framing, Framing::kNone) << "the stream is its tunnel";
  head.raw.headers.add("content-length", "1");
  EXPECT_EQ(head.refusal(), Reason::kBadFraming);
  Head get;
  get.raw.protocol = "websocket";
  EXPECT_EQ(get.refusal(), Reason::kBadHeader);
}

TEST(H2Request, OnlyOneExpectationIsUnderstood) {
  Head head;
  head.raw.headers.add("expect", "100-continue");
  EXPECT_TRUE(head.validate()->expects_continue);
  Head other;
  other.raw.headers.add("expect", "200-ok");
  EXPECT_EQ(other.refusal(), Reason::kBadExpect);
}

RawResponse answer(uint16_t status, bool has_body) {
  RawResponse raw;
  raw.status = status;
  raw.major = 2;
  raw.minor = 0;
  raw.has_body = has_body;
  return raw;
}

TEST(H2Response, BodiesAreTheStreamsWhereThereMayBeOne) {
  EXPECT_EQ(validateH2Response(answer(200, true), Method::kGet)->body.framing, Framing::kStream);
  EXPECT_EQ(validateH2Response(answer(200, false), Method::kGet)->body.framing, Framing::kNone);
  EXPECT_EQ(validateH2Response(answer(200, true), Method::kHead)->body.framing, Framing::kNone);
  EXPECT_EQ(validateH2Response(answer(204, true), Method::kGet)->body.framing, Framing::kNone);
  EXPECT_EQ(validateH2Response(answer(304, true), Method::kGet)->body.framing, Framing::kNone);
  EXPECT_EQ(validateH2Response(answer(200, true), Method::kConnect)->body.framing, Framing::kNone);
  RawResponse head = answer(200, false);
  head.headers.add("content-length", "5");
  EXPECT_TRUE(validateH2Response(head, Method::kHead));
  EXPECT_FALSE(validateH2Response(head, Method::kGet)) << "the stream ended with its head";
}

TEST(H2Response, WhatIsAmbiguousIsRefused) {
  for (const uint16_t status : {0, 99, 101, 600}) EXPECT_FALSE(validateH2Response(answer(status, true), Method::kGet));
  EXPECT_FALSE(validateH2Response(answer(103, false), Method::kGet)) << "an interim head ends no stream";
  RawResponse raw = answer(200, true);
  raw.headers.add("te", "trailers");
  EXPECT_FALSE(validateH2Response(raw, Method::kGet));
}

}  // namespace
}  // namespace remora::http
