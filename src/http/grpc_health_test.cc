#include "http/grpc_health.h"

#include <gtest/gtest.h>

#include <string>

namespace remora::http::grpc {
namespace {

using std::string_literals::operator""s;

std::string framed(const std::string& message) {
  return "\0\0\0"s + static_cast<char>(message.size() >> 8) + static_cast<char>(message.size()) + message;
}

std::string statusOf(std::string_view body) {
  const Result<ServingStatus> status = parseHealthAnswer(body);
  return status ? std::string(nameOf(*status)) : std::string(tokenOf(status.error().reason));
}

TEST(GrpcHealth, AsksForAServiceOrTheWholeServer) {
  EXPECT_EQ(healthQuestion(""), "\0\0\0\0\0"s);
  EXPECT_EQ(healthQuestion("shop"), "\0\0\0\0\x06\x0a\x04shop"s);
  const std::string longest(kHealthServiceBytesMost, 'x');
  EXPECT_EQ(healthQuestion(longest), "\0\0\0\x01\x02\x0a\xff\x01"s + longest);
}

TEST(GrpcHealth, AnswersAreRead) {
  EXPECT_EQ(statusOf(framed("\x08\x01")), "SERVING");
  EXPECT_EQ(statusOf(framed("\x08\x02")), "NOT_SERVING");
  EXPECT_EQ(statusOf(framed("\x08\x03")), "SERVICE_UNKNOWN");
  EXPECT_EQ(statusOf(framed("\x08\x81\x80\x00"s)), "SERVING") << "longer than it needs to be";
  EXPECT_EQ(statusOf(framed("\x08\x07")), "a status that isn't known");
  EXPECT_EQ(statusOf(framed("")), "UNKNOWN") << "zero isn't sent";
  EXPECT_EQ(statusOf(framed("\x08\x01\x08\x02")), "NOT_SERVING") << "the last one counts";
}

TEST(GrpcHealth, FieldsThatNobodyKnowsAreSkipped) {
  EXPECT_EQ(statusOf(framed("\x10\x05\x1a\x03xyz\x25\0\0\0\0\x29\0\0\0\0\0\0\0\0\x08\x01"s)), "SERVING");
}

TEST(GrpcHealth, WhatIsNoAnswerIsRefused) {
  for (const std::string& body :
       {""s, "\0\0\0"s, "HTTP/"s, "\x01\0\0\0\0"s, "\0\0\0\0\x01"s, "\0\0\0\0\0x"s, framed("\x08\x01") + "x",
        framed("\x08"), framed("\x08\x80"), framed("\0\x01"s), framed("\x0b"), framed("\x1a\x05xyz"), framed("\x25\0"s),
        framed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), framed(std::string(12, '\xff'))}) {
    EXPECT_EQ(statusOf(body), "bad_response") << body;
  }
}

}  // namespace
}  // namespace remora::http::grpc
