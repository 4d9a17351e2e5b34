#include "http/grpc_rate_limit.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "http/grpc.h"
#include "http/protobuf.h"

namespace remora::http::grpc {
namespace {

using std::string_literals::operator""s;

std::string framed(std::string_view message) {
  std::string body;
  const size_t begun = beginFrame(body);
  body += message;
  endFrame(body, begun);
  return body;
}

std::string part(uint32_t field, const std::string& message) {
  std::string out;
  protobuf::addBytes(out, field, message);
  return out;
}

std::string number(uint32_t field, uint64_t value) {
  std::string out;
  protobuf::addNumber(out, field, value);
  return out;
}

// A refused descriptor: so many in a unit, and a wait.
std::string over(uint64_t requests, uint64_t unit, uint64_t seconds, uint64_t nanos = 0) {
  return part(2, number(1, 2) + part(2, number(1, requests) + number(2, unit) + part(3, "orders")) + number(3, 0) +
                     part(4, number(1, seconds) + number(2, nanos)));
}

// "no 100/60s wait 12.5s", "yes", or why it is no answer.
std::string told(std::string_view body) {
  const Result<RateLimitAnswer> answer = parseRateLimitAnswer(body);
  if (!answer) return std::string(tokenOf(answer.error().reason));
  if (answer->is_allowed) return "yes";
  std::string text = "no";
  if (answer->requests) text += " " + std::to_string(answer->requests);
  if (answer->window.count()) text += "/" + std::to_string(answer->window / std::chrono::seconds(1)) + "s";
  if (answer->wait) text += " wait " + std::to_string(*answer->wait / std::chrono::milliseconds(1)) + "ms";
  return text;
}

TEST(GrpcRateLimit, TheQuestionHasADomainOneDescriptorAndOneHit) {
  std::string question;
  const std::array<RateLimitEntry, 2> entries{{{"generic_key", "orders"}, {"user", "a"}}};
  writeRateLimitQuestion(question, "shop", std::array<RateLimitDescriptor, 1>{entries});
  EXPECT_EQ(question,
            "\0\0\0\0\x2c\x0a\x04shop\x12\x22\x0a\x15\x0a\x0bgeneric_key\x12\x06orders"s
            "\x0a\x09\x0a\x04user\x12\x01"s
            "a\x18\x01"s);
}

TEST(GrpcRateLimit, SeveralDescriptorsStandOneBehindTheOther) {
  std::string question;
  const std::array<RateLimitEntry, 1> one{{{"user", "a"}}};
  const std::array<RateLimitEntry, 2> two{{{"user", "b"}, {"user", "c"}}};
  writeRateLimitQuestion(question, "shop", std::array<RateLimitDescriptor, 2>{one, two});
  EXPECT_EQ(question,
            "\0\0\0\0\x2d\x0a\x04shop\x12\x0b\x0a\x09\x0a\x04user\x12\x01"s
            "a\x12\x16\x0a\x09\x0a\x04user\x12\x01"s
            "b\x0a\x09\x0a\x04user\x12\x01"s
            "c\x18\x01"s);
}

TEST(GrpcRateLimit, LongValuesAreFramedByTheirLength) {
  std::string question = "before";
  const std::string value(300, 'v');
  const std::array<RateLimitEntry, 1> entries{{{"path", value}}};
  writeRateLimitQuestion(question, "d", std::array<RateLimitDescriptor, 1>{entries});
  const std::optional<std::string_view> message = messageOf(std::string_view(question).substr(6));
  ASSERT_TRUE(message);
  protobuf::Fields fields(*message);
  ASSERT_TRUE(fields.next() && fields.isBytes(1));
  ASSERT_TRUE(fields.next() && fields.isBytes(2));
  EXPECT_EQ(fields.bytes(), part(1, part(1, "path") + part(2, value)));
  ASSERT_TRUE(fields.next() && fields.isNumber(3));
  EXPECT_FALSE(fields.next() || fields.isBroken());
}

TEST(GrpcRateLimit, AnswersAreRead) {
  EXPECT_EQ(told(framed("\x08\x01")), "yes");
  EXPECT_EQ(told(framed("\x08\x02")), "no");
  EXPECT_EQ(told(framed(number(1, 2) + over(100, 2, 12, 500'000'000))), "no 100/60s wait 12500ms");
  EXPECT_EQ(told(framed(over(5, 1, 1) + number(1, 2))), "no 5/1s wait 1000ms") << "in any order";
  EXPECT_EQ(told(framed(number(1, 2) + over(5, 7, 1))), "no 5/604800s wait 1000ms") << "a week";
  EXPECT_EQ(told(framed(number(1, 2) + over(5, 99, 1))), "no 5 wait 1000ms") << "a unit that isn't known";
  EXPECT_EQ(told(framed(number(1, 2) + over(1, 1, 1) + over(9, 2, 30) + over(2, 1, 2))), "no 9/60s wait 30000ms")
      << "the one that lasts longest";
  EXPECT_EQ(told(framed(number(1, 2) + part(2, number(1, 1) + part(4, number(1, 9))))), "no")
      << "a descriptor that is within its limit says nothing";
}

TEST(GrpcRateLimit, FieldsThatNobodyKnowsArePassedOver) {
  const std::string header = part(1, "x-limit") + part(2, "5");
  EXPECT_EQ(told(framed(part(3, header) + part(4, header) + part(5, "a body") + part(6, "\x01") + number(1, 1))),
            "yes");
  EXPECT_EQ(told(framed(number(1, 1) + number(2, 7))), "yes") << "a number where a status would stand";
  EXPECT_EQ(told(framed("\x08\x02\x12\x0d\x08\x02\x29\0\0\0\0\0\0\0\0\x30"s + "\x01")), "no");
}

TEST(GrpcRateLimit, WaitsAreBounded) {
  const std::string most = "no 1/1s wait " + std::to_string(kRateLimitWaitMost / std::chrono::milliseconds(1)) + "ms";
  EXPECT_EQ(told(framed(number(1, 2) + over(1, 1, INT64_MAX, 999'999'999))), most);
  EXPECT_EQ(told(framed(number(1, 2) + over(1, 1, UINT64_MAX))), "bad_response") << "negative";
  EXPECT_EQ(told(framed(number(1, 2) + over(1, 1, 1, UINT64_MAX))), "bad_response");
  EXPECT_EQ(told(framed(number(1, 2) + over(1, 1, 1, 1'000'000'000))), "bad_response");
}

TEST(GrpcRateLimit, WhatIsNoAnswerIsRefused) {
  for (const std::string& body :
       {""s, "HTTP/"s, framed(""), framed(number(1, 0)), framed(number(1, 3)), framed("\x08"),
        framed("\x08\x02\x12\x05x"), framed(number(1, 2) + part(2, "\x08")),
        framed(number(1, 2) + part(2, part(2, "\x08"))), framed(number(1, 2) + part(2, part(4, "\x0b"))),
        "\x01\0\0\0\x02\x08\x01"s, framed("\x08\x01") + "x", framed("\x08\x01").substr(0, 6),
        framed("\x08\x01") + framed("\x08\x01")}) {
    EXPECT_EQ(told(body), "bad_response") << body;
  }
}

}  // namespace
}  // namespace remora::http::grpc
