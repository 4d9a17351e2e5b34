// Cores that share a few connections: never one too many, nobody waits while one lies unused on another core, and
// nobody waits for ever.
#include "upstream/connection_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/connection_wait.h"
#include "upstream/test_cores.h"

namespace remora::upstream {
namespace {

using Permit = Permits::Permit;

constexpr Failure kFull{Reason::kConnectionsFull};

// A core whose pool holds places of connections that nobody uses.
struct PoolOfPlaces final : ConnectionLimit::Member {
  bool retireIdle() override {
    if (idle.empty()) return false;
    idle.pop_back();
    return true;
  }
  std::vector<Permit> idle;
};

TEST(ConnectionLimit, OthersGiveUpWhatTheyDoNotUse) {
  loop::TestLoop here;
  loop::TestLoop there;
  ConnectionLimit limit;
  limit.permits->setBounds(2, 10);
  PoolOfPlaces pool;
  limit.join(there, pool);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(limit.permits->tryTake());
    pool.idle.emplace_back(limit.permits, there.loop());
  }
  GrantedConnection granted;
  const net::Patience patience{.stall = std::chrono::seconds(1), .stalled = kFull};
  const ConnectionWait wait(nullptr, limit, here, patience, granted, Priority::kNormal, kFull);
  EXPECT_FALSE(wait.isDone());
  there.settle();
  EXPECT_EQ(pool.idle.size(), 1u) << "no more than is asked for";
  here.settle();
  EXPECT_TRUE(granted.slot);
  limit.leave(pool);
}

TEST(ConnectionLimit, WhoHasLeftIsNotAsked) {
  loop::TestLoop here;
  loop::TestLoop there;
  ConnectionLimit limit;
  limit.permits->setBounds(1, 10);
  ASSERT_TRUE(limit.permits->tryTake());
  const Permit busy(limit.permits, here.loop());
  GrantedConnection granted;
  {
    PoolOfPlaces pool;
    limit.join(there, pool);
    const net::Patience patience{.stall = std::chrono::seconds(1), .stalled = kFull};
    const ConnectionWait wait(nullptr, limit, here, patience, granted, Priority::kNormal, kFull);
    limit.leave(pool);
  }
  there.settle();
  EXPECT_FALSE(granted.slot);
}

struct Shared {
  ConnectionLimit limit;
  Gauge used;
  std::atomic<int> done{0};
};

constexpr int kEach = 100;

// A core that uses places again as long as nobody else waits for one.
struct Core {
  Core(loop::Loop& l, Shared& s) : loop(l), shared(s) { shared.limit.join(loop, pool); }
  ~Core() { shared.limit.leave(pool); }

  loop::Task<void> job() {
    const std::shared_ptr<Permits> permits = shared.limit.permits;
    for (int i = 0; i < kEach; ++i) {
      Permit place;
      if (!pool.idle.empty()) {
        place = std::move(pool.idle.back());
        pool.idle.pop_back();
      } else if (permits->tryTake()) {
        place = Permit(permits, loop);
      } else {
        GrantedConnection granted;
        const net::Patience patience{.stall = std::chrono::seconds(60), .stalled = kFull};
        co_await ConnectionWait(nullptr, shared.limit, loop, patience, granted, Priority::kNormal, kFull);
        place = std::move(granted.slot);
      }
      shared.used.enter();
      co_await loop::Sleep(loop, Deadline::at(loop.now()));
      shared.used.leave();
      ++shared.done;
      if (permits->waiting() == 0) pool.idle.push_back(std::move(place));
    }
    co_return loop::done;
  }

  loop::Loop& loop;
  Shared& shared;
  PoolOfPlaces pool;
};

TEST(ConnectionLimit, CoresNeverHaveOneTooManyWithThreads) {
  constexpr int kMost = 3;
  constexpr int kCores = 4;
  constexpr int kJobs = 5;
  Shared shared;
  shared.limit.permits->setBounds(kMost, 1'000'000);
  runOnCores<Core>(kCores, kJobs, shared);
  EXPECT_EQ(shared.done, kCores * kJobs * kEach);
  EXPECT_EQ(shared.used.most(), kMost);
  EXPECT_EQ(shared.limit.permits->active(), 0u);
}

}  // namespace
}  // namespace remora::upstream
