// What Redis answers, over any bytes: cut anywhere it reads the same, it never wants more than its bound, and what it
// takes is made of nothing but what RESP allows.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "upstream/redis_limit.h"
#include "upstream/redis_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace remora::upstream;
  using Kind = RedisReply::Kind;
  static const RedisRate rate(remora::model::RateLimit{.requests = 10, .burst = 10});
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const RedisReply reply = readRedisReply(bytes);
  if (reply.kind == Kind::kPartial) {
    remora::check(size < RedisReply::kMostBytes, "it never wants more than its bound");
    return 0;
  }
  if (reply.kind == Kind::kBroken) return 0;
  remora::check(reply.used <= size && reply.used >= 3, "it takes no more than there is");
  remora::check(bytes.substr(0, reply.used).ends_with("\r\n"), "it ends where a line does");
  for (size_t cut = 0; cut < reply.used; ++cut) {
    remora::check(readRedisReply(bytes.substr(0, cut)).kind == Kind::kPartial, "until it is whole it is partial");
  }
  const RedisReply alone = readRedisReply(bytes.substr(0, reply.used));
  remora::check(alone.kind == reply.kind && alone.used == reply.used && alone.count == reply.count &&
                    alone.numbers == reply.numbers && alone.text == reply.text,
                "what follows changes nothing");
  remora::check(reply.count <= RedisReply::kMostNumbers, "its numbers are few");
  if (const auto verdict = readRedisVerdict(reply, rate)) {
    remora::check(verdict->wait.count() >= 0 && verdict->wait <= rate.wait_most, "nobody is sent away for longer");
    remora::check(verdict->remaining <= rate.remaining_most, "nor promised more than there is");
  }
  return 0;
}
