#include "snapshot/rate_limiter.h"

#include <algorithm>
#include <random>

#include "base/random.h"

namespace remora::snapshot {
namespace {

uint64_t randomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

RateLimiter::RateLimiter(const model::RateLimit& limit)
    : limit_(limit), rate_(limit.requests, limit.per, limit.burst), seed_(randomSeed()) {
  if (limit.key.empty()) return;
  shards_ = std::make_unique<std::array<Shard, kShards>>();
  const size_t sets = std::max<size_t>(limit.keys_most / kShards / kPlaces, 1);
  for (Shard& shard : *shards_) shard.sets.resize(sets);
}

RateLimiter::Verdict RateLimiter::ask(std::optional<uint64_t> key, Instant now) {
  if (!shards_ || !key) return rate_.pay(paid_at_, now);
  const uint64_t hash = *key | 1;  // 0 is nobody
  Shard& shard = (*shards_)[(hash >> 56) % kShards];
  const std::lock_guard lock(shard.mutex);
  Set& set = shard.sets[below(hash << 8, shard.sets.size())];
  size_t place = static_cast<size_t>(std::ranges::find(set.keys, hash) - set.keys.begin());
  if (place == kPlaces) {
    place = static_cast<size_t>(std::ranges::min_element(set.paid_at) - set.paid_at.begin());
    set.keys[place] = hash;
    set.paid_at[place] = 0;
  }
  return rate_.pay(set.paid_at[place], now);
}

std::shared_ptr<RateLimiter> RateLimiters::of(const std::string& name, const model::RateLimit& limit) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<RateLimiter>& known = known_[name];
  std::shared_ptr<RateLimiter> limiter = known.lock();
  if (!limiter || limiter->limit() != limit) known = limiter = std::make_shared<RateLimiter>(limit);
  return limiter;
}

}  // namespace remora::snapshot
