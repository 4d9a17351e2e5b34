// Bounds on how often something is done, exact for the process: one for all requests, or one for each value of a key.
// Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cell_rate.h"
#include "base/deadline.h"
#include "model/routes.h"

namespace remora::snapshot {

class RateLimiter {
 public:
  using Verdict = CellRate::Verdict;

  explicit RateLimiter(const model::RateLimit& limit);
  // `key`: a hash of what is counted by itself; nothing where the limit is one for all.
  Verdict ask(std::optional<uint64_t> key, Instant now);

  const model::RateLimit& limit() const { return limit_; }
  // Makes hashes of keys, which strangers choose, other ones in each process.
  uint64_t seed() const { return seed_; }

 private:
  // Keys of a set live in one of its places; a new key takes the one that is paid for, or will be soonest: so the
  // memory is bounded, and who makes up keys only forgets some of them early.
  static constexpr size_t kPlaces = 8;
  struct Set {
    std::array<uint64_t, kPlaces> keys{};
    std::array<int64_t, kPlaces> paid_at{};
  };
  struct Shard {
    std::mutex mutex;
    std::vector<Set> sets;
  };
  static constexpr size_t kShards = 16;

  const model::RateLimit limit_;
  const CellRate rate_;
  const uint64_t seed_;
  std::atomic<int64_t> paid_at_{0};  // of all
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

// Those that live, by route: a reload that keeps a limit keeps what it has counted.
class RateLimiters {
 public:
  std::shared_ptr<RateLimiter> of(const std::string& name, const model::RateLimit& limit);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<RateLimiter>> known_;
};

}  // namespace remora::snapshot
