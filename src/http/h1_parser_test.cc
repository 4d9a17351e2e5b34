#include "http/h1_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace remora::http {
namespace {

// The outcome of feeding `bytes` in pieces of `step`, in one comparable text.
std::string parseInSteps(std::string_view bytes, size_t step) {
  H1RequestParser parser({.head_bytes = 512, .header_count = 4, .target_bytes = 64});
  std::string buffer;
  for (size_t at = 0; at < bytes.size(); at += step) {
    buffer = std::string(bytes.substr(0, at + step));  // moves in memory on purpose
    const Result<size_t> end = parser.feed(buffer);
    if (!end) return std::string(tokenOf(end.error().reason));
    if (*end == 0) continue;
    const RawRequest& raw = parser.request();
    std::string text = std::string(raw.method) + "|" + std::string(raw.target) + "|" + std::to_string(raw.minor);
    for (const Field& field : raw.headers) text += "|" + std::string(field.name) + "=" + std::string(field.value);
    return text + "|" + std::to_string(*end);
  }
  return "more";
}

struct Case {
  std::string_view bytes;
  std::string_view expected;
};

class RequestHead : public testing::TestWithParam<Case> {};

TEST_P(RequestHead, GivesTheSameHoweverItIsCut) {
  const Case& c = GetParam();
  for (size_t step = 1; step <= c.bytes.size(); ++step) {
    EXPECT_EQ(parseInSteps(c.bytes, step), c.expected) << "in steps of " << step;
  }
}

constexpr std::string_view kNul("GET / HTTP/1.1\r\na: b\0c\r\n\r\n", 26);

INSTANTIATE_TEST_SUITE_P(
    All, RequestHead,
    testing::Values(
        Case{"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", "GET|/|1|Host=a|27"},
        Case{"\r\nGET / HTTP/1.0\r\n\r\n", "GET|/|0|20"},
        Case{"GET / HTTP/1.1\r\nA:\r\nb: \t c d \t\r\n\r\n", "GET|/|1|A=|b=c d|34"},
        Case{"GET / HTTP/1.1\r\nHost: a\r\n", "more"}, Case{"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "bad_request_line"},
        Case{"GET / HTTP/2.0\r\n\r\n", "bad_version"}, Case{"GET / HTTP/1.2\r\n\r\n", "bad_version"},
        Case{"GET / http/1.1\r\n\r\n", "bad_request_line"}, Case{"GET / HTTP/1.1 \r\n\r\n", "bad_request_line"},
        Case{"GET /a b HTTP/1.1\r\n\r\n", "bad_request_line"}, Case{"GET  / HTTP/1.1\r\n\r\n", "bad_request_line"},
        Case{"GET /\r\n", "bad_request_line"}, Case{"G@T / HTTP/1.1\r\n\r\n", "bad_request_line"},
        Case{"GET /#a HTTP/1.1\r\n\r\n", "bad_target"}, Case{"GET /\x80 HTTP/1.1\r\n\r\n", "bad_target"},
        Case{"GET / HTTP/1.1\nHost: a\n\n", "bad_request_line"},
        Case{"GET / HTTP/1.1\r\nHost: a\nb: c\r\n\r\n", "bad_header"},
        Case{"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n", "bad_header"},
        Case{"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "bad_header"},
        Case{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "bad_header"}, Case{"GET / HTTP/1.1\r\n: a\r\n\r\n", "bad_header"},
        Case{"GET / HTTP/1.1\r\nhost\r\n\r\n", "bad_header"}, Case{"GET / HTTP/1.1\r\na: b\x01\r\n\r\n", "bad_header"},
        Case{"GET / HTTP/1.1\r\na: b\x7f\r\n\r\n", "bad_header"}, Case{kNul, "bad_header"},
        Case{"GET / HTTP/1.1\r\na:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\n\r\n", "too_many_headers"},
        Case{"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n",
             "target_too_long"}));

TEST(RequestHeadLimits, AHeadPastItsBoundIsRefusedWhetherItEndsOrNot) {
  const std::string endless = "GET / HTTP/1.1\r\na: " + std::string(600, 'x');
  EXPECT_EQ(parseInSteps(endless, 7), "head_too_large");
  EXPECT_EQ(parseInSteps(endless + "\r\n\r\n", 4096), "head_too_large");
}

std::string parseResponse(std::string_view bytes, size_t step) {
  H1ResponseParser parser({.head_bytes = 256, .header_count = 4});
  std::string buffer;
  for (size_t at = 0; at < bytes.size(); at += step) {
    buffer = std::string(bytes.substr(0, at + step));
    const Result<size_t> end = parser.feed(buffer);
    if (!end) return std::string(tokenOf(end.error().reason));
    if (*end) {
      return std::to_string(parser.response().status) + "|" + std::string(parser.response().phrase) + "|" +
             std::to_string(parser.response().headers.size()) + "|" + std::to_string(*end);
    }
  }
  return "more";
}

TEST(ResponseHead, GivesTheSameHoweverItIsCut) {
  const Case cases[] = {{"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "200|OK|1|25"},
                        {"HTTP/1.1 200 \r\n\r\n", "200||0|17"},
                        {"HTTP/1.0 404\r\n\r\n", "404||0|16"},
                        {"HTTP/1.1 20 OK\r\n\r\n", "bad_response"},
                        {"HTTP/2 200 OK\r\n\r\n", "bad_response"},
                        {"HTTP/1.1 2000 OK\r\n\r\n", "bad_response"},
                        {"HTTP/1.1 200 OK\nA: b\r\n\r\n", "bad_response"},
                        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "bad_response"},
                        {"ICY 200 OK\r\n\r\n", "bad_response"}};
  for (const Case& c : cases) {
    for (size_t step = 1; step <= c.bytes.size(); ++step) EXPECT_EQ(parseResponse(c.bytes, step), c.expected);
  }
}

// Blocks of 16 bytes and single ones must agree, wherever a byte stands in them.
TEST(H1RequestParser, JudgesEveryByteOfANameWhereverItStands) {
  for (size_t length = 1; length <= 36; ++length) {
    for (size_t at = 0; at < length; at += length > 20 ? 5 : 1) {
      for (int c = 0; c < 256; ++c) {
        std::string name(length, 'n');
        name[at] = static_cast<char>(c);
        const std::string head = "GET / HTTP/1.1\r\n" + name + ":\r\n\r\n";
        H1RequestParser parser({});
        const Result<size_t> end = parser.feed(head);
        const bool is_name = ascii::isTokenChar(static_cast<char>(c)) || (c == ':' && at > 0);
        // A CR LF pair can't come from one byte, and a colon ends the name: what follows is its value.
        ASSERT_EQ(end.has_value() && *end == head.size(), is_name) << c << " at " << at << " of " << length;
      }
    }
  }
}

}  // namespace
}  // namespace remora::http
