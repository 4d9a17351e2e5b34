#include "upstream/redis_limit.h"

#include <gtest/gtest.h>

namespace remora::upstream {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

const RedisRate kTen{model::RateLimit{.requests = 10, .per = seconds(1), .burst = 3}};

TEST(RedisLimit, AQuestionHasTheKeyAsItIsAndTheRateInMicroseconds) {
  std::string out;
  writeRedisQuestion(out, "k\r\n", kTen, RedisScript::kByDigest);
  EXPECT_TRUE(out.starts_with("*6\r\n$7\r\nEVALSHA\r\n$40\r\n")) << out;
  EXPECT_TRUE(out.ends_with("$1\r\n1\r\n$3\r\nk\r\n\r\n$13\r\n100000.000000\r\n$13\r\n300100.000000\r\n")) << out;
  std::string whole;
  writeRedisQuestion(whole, "k", kTen, RedisScript::kWhole);
  EXPECT_TRUE(whole.starts_with("*6\r\n$4\r\nEVAL\r\n")) << whole;
}

TEST(RedisLimit, OnlyWhatCanBeTrueIsAnAnswer) {
  const auto read = [](std::string_view text) { return readRedisVerdict(readRedisReply(text), kTen); };
  EXPECT_EQ(read("*3\r\n:1\r\n:2\r\n:0\r\n")->remaining, 2u);
  EXPECT_EQ(read("*3\r\n:0\r\n:0\r\n:99000\r\n")->wait, microseconds(99'000));
  EXPECT_EQ(read("*3\r\n:0\r\n:0\r\n:9223372036854775807\r\n")->wait, seconds(1)) << "never longer than the rate";
  for (const std::string_view bad :
       {"*3\r\n:2\r\n:2\r\n:0\r\n", "*3\r\n:-1\r\n:2\r\n:0\r\n", "*3\r\n:1\r\n:4\r\n:0\r\n",
        "*3\r\n:1\r\n:-1\r\n:0\r\n", "*3\r\n:0\r\n:0\r\n:-1\r\n", "*2\r\n:1\r\n:2\r\n", ":1\r\n", "+OK\r\n",
        "-ERR\r\n"}) {
    EXPECT_FALSE(read(bad)) << bad;
  }
}

TEST(RedisLimit, AConnectionBeginsWithWhoWeAre) {
  model::RateLimitService service;
  EXPECT_EQ(redisHello(service, "").commands, "*1\r\n$4\r\nPING\r\n");
  service.database = 2;
  EXPECT_EQ(redisHello(service, "s").commands,
            "*2\r\n$4\r\nAUTH\r\n$1\r\ns\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(redisHello(service, "s").replies, 3u);
  service.user = "u";
  EXPECT_TRUE(redisHello(service, "s").commands.starts_with("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\ns\r\n"));
}

TEST(RedisLimit, LongValuesAreTakenByTheirDigest) {
  std::string key = "remora:a";
  addRedisValue(key, 1, "x");
  EXPECT_EQ(key, "remora:a:1=x");
  std::string one, other;
  addRedisValue(one, 0, std::string(60'000, 'a'));
  addRedisValue(other, 0, std::string(60'000, 'a') + "b");
  EXPECT_EQ(one.size(), 3 + 64u);
  EXPECT_NE(one, other);
  std::string looks_alike;
  addRedisValue(looks_alike, 0, one.substr(3));
  EXPECT_NE(one, looks_alike) << "nobody can be counted as another by naming the digest";
}

}  // namespace
}  // namespace remora::upstream
