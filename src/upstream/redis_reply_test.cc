#include "upstream/redis_reply.h"

#include <gtest/gtest.h>

namespace remora::upstream {
namespace {

using Kind = RedisReply::Kind;

TEST(RedisReply, IsATextAnErrorOrNumbers) {
  EXPECT_EQ(readRedisReply("+PONG\r\n:1\r\n").text, "PONG");
  EXPECT_EQ(readRedisReply("+PONG\r\n:1\r\n").used, 7u);
  EXPECT_EQ(readRedisReply("-NOSCRIPT No matching\r\n").kind, Kind::kError);
  EXPECT_EQ(readRedisReply("-NOSCRIPT No matching\r\n").text, "NOSCRIPT No matching");
  EXPECT_EQ(readRedisReply(":-5\r\n").numbers[0], -5);
  const RedisReply three = readRedisReply("*3\r\n:1\r\n:22\r\n:0\r\n+");
  EXPECT_EQ(three.kind, Kind::kNumbers);
  EXPECT_EQ(three.count, 3u);
  EXPECT_EQ(three.numbers[1], 22);
  EXPECT_EQ(three.used, 17u);
}

TEST(RedisReply, UntilItIsWholeItIsPartial) {
  for (const std::string_view whole : {"*3\r\n:1\r\n:22\r\n:0\r\n", "+OK\r\n", "-ERR x\r\n", ":12\r\n"}) {
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(readRedisReply(whole.substr(0, i)).kind, Kind::kPartial) << i;
    EXPECT_EQ(readRedisReply(whole).used, whole.size());
  }
}

TEST(RedisReply, WhatNobodyAskedForIsNoAnswer) {
  for (const std::string_view bad :
       {"$3\r\nabc\r\n", "HTTP/1.1 200 OK\r\n", "*-1\r\n", "*0\r\n", "*5\r\n", "*9999999999\r\n", "*1\r\n+OK\r\n",
        "*1\r\n*1\r\n:1\r\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "+OK\n", "\r\n", "\n"}) {
    EXPECT_EQ(readRedisReply(bad).kind, Kind::kBroken) << bad;
  }
}

TEST(RedisReply, IsBounded) {
  const std::string line = "+" + std::string(RedisReply::kMostLine - 3, 'a') + "\r\n";
  EXPECT_EQ(readRedisReply(line).kind, Kind::kText);
  EXPECT_EQ(readRedisReply(std::string(RedisReply::kMostLine, '+')).kind, Kind::kBroken);
  EXPECT_EQ(readRedisReply("*4\r\n:" + std::string(RedisReply::kMostBytes, '0')).kind, Kind::kBroken);
}

TEST(RedisCommand, AWordStaysOneWhateverItHas) {
  std::string out;
  beginRedisCommand(out, 2);
  addRedisWord(out, "GET");
  addRedisWord(out, "a\r\n*1\r\n$8\r\nFLUSHALL\r\n");
  EXPECT_EQ(out, "*2\r\n$3\r\nGET\r\n$21\r\na\r\n*1\r\n$8\r\nFLUSHALL\r\n\r\n");
}

}  // namespace
}  // namespace remora::upstream
