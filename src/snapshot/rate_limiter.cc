#include "snapshot/rate_limiter.h"

#include <algorithm>
#include <random>

namespace remora::snapshot {
namespace {

uint64_t randomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

RateLimiter::RateLimiter(const model::RateLimit& limit)
    : limit_(limit),
      each_(std::max<int64_t>(Duration(limit.per).count() / std::max(limit.requests, 1U), 1)),
      burst_(each_ * std::max(limit.burst, 1U)),
      seed_(randomSeed()) {
  if (limit.key.empty()) return;
  shards_ = std::make_unique<std::array<Shard, kShards>>();
  const size_t sets = std::max<size_t>(limit.keys_most / kShards / kPlaces, 1);
  for (Shard& shard : *shards_) shard.sets.resize(sets);
}

RateLimiter::Verdict RateLimiter::pay(int64_t& paid_at, Instant now) const {
  const int64_t begin = std::max(paid_at, now.nanos);
  const int64_t owed = begin + each_ - now.nanos;
  if (owed > burst_) return {false, 0, Duration(owed - burst_)};
  paid_at = begin + each_;
  return {true, static_cast<uint32_t>((burst_ - owed) / each_), Duration(0)};
}

RateLimiter::Verdict RateLimiter::ask(std::optional<uint64_t> key, Instant now) {
  if (!shards_ || !key) {
    int64_t paid_at = paid_at_.load(std::memory_order_relaxed);
    for (;;) {
      int64_t next = paid_at;
      const Verdict verdict = pay(next, now);
      if (!verdict.is_allowed || paid_at_.compare_exchange_weak(paid_at, next, std::memory_order_relaxed)) {
        return verdict;
      }
    }
  }
  const uint64_t hash = *key | 1;  // 0 is nobody
  Shard& shard = (*shards_)[(hash >> 56) % kShards];
  const std::lock_guard lock(shard.mutex);
  Set& set = shard.sets[static_cast<size_t>((static_cast<unsigned __int128>(hash << 8) * shard.sets.size()) >> 64)];
  size_t place = static_cast<size_t>(std::ranges::find(set.keys, hash) - set.keys.begin());
  if (place == kPlaces) {
    place = static_cast<size_t>(std::ranges::min_element(set.paid_at) - set.paid_at.begin());
    set.keys[place] = hash;
    set.paid_at[place] = 0;
  }
  return pay(set.paid_at[place], now);
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
