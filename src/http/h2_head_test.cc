#include "http/h2_head.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "http/h2_test_frames.h"

namespace remora::http {
namespace {

using Kind = H2Head::Kind;
using Added = H2Head::Added;
using frames::Fields;

const Fields kGet{{":method", "GET"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/a"}};

// What a peer's codec makes of the fields, and the decoder of that.
struct Read {
  explicit Read(Kind kind, const Fields& fields, const H2Head::Bounds& bounds = {}) {
    head.begin(kind, bounds);
    decoder.beginBlock();
    const std::string text = peer.block(fields);
    std::string_view block = text;
    HpackField field;
    while (added == Added::kWell && decoder.next(block, field) == HpackDecoder::Step::kField) added = head.add(field);
    is_right = added == Added::kWell && head.finish(End::kMore);
  }
  frames::Hpack peer;
  HpackDecoder decoder;
  H2Head head;
  Added added = Added::kWell;
  bool is_right = false;
};

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Fields without(Fields fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

TEST(H2Head, FieldsThatHttp1WouldReadOtherwiseAreMalformed) {
  const std::vector<std::pair<std::string, std::string>> bad{{"Upper", "x"},
                                                             {"", "x"},
                                                             {"a b", "x"},
                                                             {"a:b", "x"},
                                                             {"x", "a\r\nevil: 1"},
                                                             {"x", "a\nb"},
                                                             {"x", std::string(1, '\0')},
                                                             {"x", "long enough for words\rof it"},
                                                             {"x", " a"},
                                                             {"x", "a\t"},
                                                             {"x", "\x7f"},
                                                             {"x", "12345678\x7f"},
                                                             {"connection", "close"},
                                                             {"keep-alive", "1"},
                                                             {"proxy-connection", ""},
                                                             {"transfer-encoding", "chunked"},
                                                             {"upgrade", "h2c"},
                                                             {"http2-settings", "AA"},
                                                             {"te", "gzip"},
                                                             {"te", "trailers, gzip"}};
  for (const auto& field : bad) {
    EXPECT_EQ(Read(Kind::kRequest, with(kGet, {field})).added, Added::kMalformed) << field.first << field.second;
    EXPECT_EQ(Read(Kind::kResponse, {{":status", "200"}, field}).added, Added::kMalformed) << field.first;
    EXPECT_EQ(Read(Kind::kTrailers, {field}).added, Added::kMalformed) << field.first;
  }
  EXPECT_TRUE(
      Read(Kind::kRequest, with(kGet, {{"te", "trailers"}, {"x", "a\tb \xc3\xa9 and more"}, {"y", ""}})).is_right);
}

TEST(H2Head, PseudoFieldsComeOnceAndFirstAndWhereTheyBelong) {
  EXPECT_TRUE(Read(Kind::kRequest, kGet).is_right);
  for (const Fields& more : {Fields{{":path", "/b"}}, Fields{{":status", "200"}}, Fields{{":unknown", "x"}},
                             Fields{{":", "x"}}, Fields{{"x", "y"}, {":protocol", "websocket"}}}) {
    EXPECT_EQ(Read(Kind::kRequest, with(kGet, more)).added, Added::kMalformed) << more.back().first;
  }
  EXPECT_EQ(Read(Kind::kResponse, {{":status", "200"}, {":path", "/"}}).added, Added::kMalformed);
  EXPECT_EQ(Read(Kind::kTrailers, {{":status", "200"}}).added, Added::kMalformed);
}

TEST(H2Head, WhatARequestMustSayIsThere) {
  for (const char* name : {":method", ":scheme", ":path"}) {
    EXPECT_FALSE(Read(Kind::kRequest, without(kGet, name)).is_right) << name;
  }
  EXPECT_FALSE(Read(Kind::kRequest, with(without(kGet, ":path"), {{":path", ""}})).is_right);
  EXPECT_FALSE(Read(Kind::kRequest, with(kGet, {{":protocol", "websocket"}})).is_right) << "only of CONNECT";
  EXPECT_TRUE(Read(Kind::kRequest, {{":method", "CONNECT"}, {":authority", "shop:1"}}).is_right);
  EXPECT_FALSE(Read(Kind::kRequest, {{":method", "CONNECT"}, {":authority", "shop:1"}, {":path", "/"}}).is_right);
  EXPECT_FALSE(Read(Kind::kResponse, {{"x", "y"}}).is_right);
}

TEST(H2Head, EmptyCrumbsOfACookieLeaveNoBlankAtItsEnds) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cookies{
      {{"a=1", "b=2"}, "a=1; b=2"}, {{"", ""}, ""}, {{"a=1", ""}, "a=1"}, {{"", "a=1", "", "b=2"}, "a=1; b=2"}};
  for (const auto& [crumbs, joined] : cookies) {
    Fields fields = kGet;
    for (const std::string& crumb : crumbs) fields.emplace_back("cookie", crumb);
    const Read read(Kind::kRequest, fields);
    ASSERT_TRUE(read.is_right);
    const Field* const cookie = read.head.request().headers.find(HeaderId::kCookie);
    ASSERT_TRUE(cookie);
    EXPECT_EQ(cookie->value, joined);
    EXPECT_FALSE(read.head.request().headers.isRepeated(HeaderId::kCookie));
  }
}

TEST(H2Head, OnePastItsBoundsIsKnownAndOneFarPastThemEndsIt) {
  const H2Head::Bounds small{.bytes = 100, .fields = 3, .target = 10};
  Read large(Kind::kRequest, with(kGet, {{"x", std::string(100, 'x')}}), small);
  EXPECT_TRUE(large.is_right);
  EXPECT_EQ(large.head.failure()->reason, Reason::kHeadTooLarge);
  Read many(Kind::kRequest, with(kGet, {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}),
            {.bytes = 1000, .fields = 3, .target = 10});
  EXPECT_EQ(many.head.failure()->reason, Reason::kTooManyHeaders);
  Read path(Kind::kRequest, with(without(kGet, ":path"), {{":path", "/01234567890"}}),
            {.bytes = 1000, .fields = 3, .target = 10});
  EXPECT_EQ(path.head.failure()->reason, Reason::kTargetTooLong);
  EXPECT_EQ(Read(Kind::kRequest, with(kGet, {{"x", std::string(500, 'x')}}), small).added, Added::kTooMuch);
}

}  // namespace
}  // namespace remora::http
