#include "http/grpc.h"

#include <gtest/gtest.h>

#include "base/grpc_status.h"

namespace remora::http::grpc {
namespace {

bool isGrpcType(std::string_view type) {
  Headers headers;
  headers.add("Content-Type", type);
  return isGrpc(headers);
}

TEST(Grpc, ItsContentTypeIsKnownByItsWholeName) {
  EXPECT_TRUE(isGrpcType("application/grpc"));
  EXPECT_TRUE(isGrpcType("application/grpc+proto"));
  EXPECT_TRUE(isGrpcType("Application/gRPC; charset=utf-8"));
  EXPECT_FALSE(isGrpcType("application/grpc-web"));
  EXPECT_FALSE(isGrpcType("application/grp"));
  EXPECT_FALSE(isGrpcType("text/plain"));
  EXPECT_FALSE(isGrpc(Headers()));
}

TEST(Grpc, TimeoutsAreReadInEachUnit) {
  EXPECT_EQ(parseTimeout("5n"), Duration(5));
  EXPECT_EQ(parseTimeout("5u"), Duration(5'000));
  EXPECT_EQ(parseTimeout("100m"), Milliseconds(100));
  EXPECT_EQ(parseTimeout("2S"), Milliseconds(2'000));
  EXPECT_EQ(parseTimeout("3M"), Milliseconds(180'000));
  EXPECT_EQ(parseTimeout("1H"), Milliseconds(3'600'000));
  EXPECT_EQ(parseTimeout("0S"), Duration(0));
  EXPECT_GT(*parseTimeout("99999999H"), std::chrono::hours(24 * 365 * 100));
}

TEST(Grpc, MalformedTimeoutsAreNone) {
  for (const std::string_view text : {"", "S", "5", "5s", "-5S", "+5S", " 5S", "5 S", "123456789S", "5.5S", "0x5S"}) {
    EXPECT_FALSE(parseTimeout(text)) << text;
  }
}

TEST(Grpc, ATimeoutIsWrittenSoThatItIsReadAgain) {
  EXPECT_EQ(timeoutText(Duration(99'999'999)), "99999999n");
  EXPECT_EQ(timeoutText(Milliseconds(100)), "100000u");
  EXPECT_EQ(timeoutText(Milliseconds(3'600'000)), "3600000m");
  EXPECT_EQ(timeoutText(Duration(0)), "0n");
  EXPECT_EQ(timeoutText(Duration(-5)), "0n");
  for (const int64_t millis : {1, 999, 1'000, 123'456, 86'400'000}) {
    EXPECT_EQ(parseTimeout(timeoutText(Milliseconds(millis))), Milliseconds(millis));
  }
}

TEST(Grpc, StatusesAreNumbersOfTheList) {
  EXPECT_EQ(grpcStatusName(14), "UNAVAILABLE");
  EXPECT_EQ(grpcStatusName(17), "");
  EXPECT_EQ(parseStatus("16"), 16U);
  for (const std::string_view text : {"", "17", "-1", "+1", "1 ", "007", "x"}) EXPECT_FALSE(parseStatus(text)) << text;
}

TEST(Grpc, MessagesArePercentEncoded) {
  EXPECT_EQ(encodeMessage("plain text"), "plain text");
  EXPECT_EQ(encodeMessage("100%\n\xc3\xa9"), "100%25%0A%C3%A9");
}

}  // namespace
}  // namespace remora::http::grpc
