// The limit against simulated services that can do a certain number of requests at once, the rest wait in them; time is
// a number.
#include "upstream/adaptive_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <thread>
#include <vector>

#include "base/random.h"
#include "observe/trace_context.h"

namespace remora::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Service {
 public:
  explicit Service(uint32_t workers, Duration takes = milliseconds(10)) { change(workers, takes); }

  void change(uint32_t workers, Duration takes) {
    while (free_at_.size() > workers) free_at_.pop();
    while (free_at_.size() < workers) free_at_.push(now.nanos);
    takes_ = takes;
  }
  // `clients` ask one after the other, as far as the limit lets them.
  void run(Duration span, uint32_t clients, Duration pause = Duration(0)) {
    const Instant end = now + span;
    while (now < end) {
      while (running_.size() < std::min(clients, limit.limit(options))) start();
      if (running_.empty()) return;
      const Running first = running_.top();
      running_.pop();
      now = std::max(now, Instant{first.done}) + pause;
      limit.note(Instant{first.sent}, Duration(first.done - first.sent), static_cast<uint32_t>(running_.size()) + 1,
                 options, now, 0.5);
      ++answered;
    }
  }
  uint32_t now_allowed() const { return limit.limit(options); }

  AdaptiveLimit limit;
  model::AdaptiveConcurrency options;
  Instant now{seconds(1000).count() * 1'000'000'000};
  uint64_t answered = 0;

 private:
  struct Running {
    int64_t done;
    int64_t sent;
    bool operator>(const Running& other) const { return done > other.done; }
  };
  // Each takes between four fifths and six fifths of the time, by chance.
  void start() {
    const Duration takes = scaled(takes_, 0.8 + 0.4 * unitOf(random_.next()));
    const int64_t begins = std::max(free_at_.top(), now.nanos);
    free_at_.pop();
    free_at_.push(begins + takes.count());
    running_.push({begins + takes.count(), now.nanos});
  }

  observe::IdSource random_{{1, 2, 3, 4}};
  Duration takes_{0};
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> free_at_;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
};

TEST(AdaptiveLimit, ComesNearWhatTheServiceCanDo) {
  for (const uint32_t workers : {10U, 50U, 200U}) {
    Service service(workers);
    service.run(seconds(8), 2000);
    EXPECT_GE(service.now_allowed(), workers) << workers;
    EXPECT_LE(service.now_allowed(), workers * 2) << workers;
    const uint64_t before = service.answered;
    service.run(seconds(1), 2000);
    EXPECT_GE(service.answered - before, workers * 95) << "nearly all that it can, of " << workers * 100;
  }
}

TEST(AdaptiveLimit, BeginsWithTheLeastAndGrowsInAFewSteps) {
  Service service(100);
  EXPECT_EQ(service.now_allowed(), 8u);
  EXPECT_TRUE(service.limit.isMeasuring());
  service.run(milliseconds(100), 2000);
  EXPECT_FALSE(service.limit.isMeasuring());
  EXPECT_NEAR(static_cast<double>(service.limit.minRtt().count()) / 1e6, 11.6, 1.0) << "the 90th of 8 to 12 ms";
  service.run(seconds(2), 2000);
  EXPECT_GE(service.now_allowed(), 80u);
}

TEST(AdaptiveLimit, ShrinksWhenTheServiceCanDoLessAndGrowsWhenMore) {
  Service service(100);
  service.run(seconds(8), 2000);
  service.change(20, milliseconds(10));
  service.run(seconds(5), 2000);
  EXPECT_LE(service.now_allowed(), 45u);
  service.change(100, milliseconds(10));
  service.run(seconds(5), 2000);
  EXPECT_GE(service.now_allowed(), 100u);
}

TEST(AdaptiveLimit, AServiceThatGetsFasterIsMeasuredAnew) {
  Service service(50, milliseconds(20));
  service.run(seconds(8), 2000);
  service.change(50, milliseconds(5));
  service.run(seconds(70), 2000);
  EXPECT_NEAR(static_cast<double>(service.limit.minRtt().count()) / 1e6, 5.8, 0.6);
  EXPECT_GE(service.now_allowed(), 50u);
  EXPECT_LE(service.now_allowed(), 100u);
}

// Over twenty minutes under full load, what is measured stays the time of few: it must not become that of the queue.
TEST(AdaptiveLimit, TheTimeOfFewDoesNotDrift) {
  Service service(20);
  for (int i = 0; i < 10; ++i) {
    service.run(seconds(120), 500);
    EXPECT_LE(service.limit.minRtt(), milliseconds(13)) << i;
    EXPECT_GE(service.limit.minRtt(), milliseconds(10)) << i;
  }
  service.run(seconds(5), 500);
  EXPECT_LE(service.now_allowed(), 40u);
}

TEST(AdaptiveLimit, IdleTimesChangeNothing) {
  Service service(100);
  service.options.min_rtt_every = seconds(3600);
  service.run(seconds(8), 2000);
  service.run(seconds(20), 3, milliseconds(20));
  const uint32_t learned = service.now_allowed();
  service.run(seconds(600), 3, milliseconds(20));
  EXPECT_EQ(service.now_allowed(), learned);
  service.now = service.now + seconds(500);
  service.run(seconds(2), 2000);
  EXPECT_GE(service.now_allowed(), 100u);
}

TEST(AdaptiveLimit, WhatIsNotUsedDoesNotGrow) {
  Service service(1000);
  service.run(seconds(60), 12);
  EXPECT_LE(service.now_allowed(), 40u) << "a burst must not meet a limit that nobody has tried";
}

TEST(AdaptiveLimit, StaysWithinItsBounds) {
  Service small(50);
  small.options.min_rtt_every = seconds(3600);
  small.run(seconds(5), 100);
  small.change(1, milliseconds(10));
  small.run(seconds(20), 100);
  EXPECT_EQ(small.now_allowed(), 8u);
  Service large(500);
  large.options.max = 60;
  large.run(seconds(20), 1000);
  EXPECT_EQ(large.now_allowed(), 60u);
}

TEST(AdaptiveLimit, AMeasurementWithoutAnswersEnds) {
  Service service(50);
  service.options.min_rtt_every = seconds(10);
  service.run(seconds(8), 2000);
  const uint32_t learned = service.now_allowed();
  while (!service.limit.isMeasuring()) service.run(milliseconds(100), 2000);
  EXPECT_EQ(service.now_allowed(), 8u);
  EXPECT_FALSE(service.limit.heed(service.options, service.now + milliseconds(500)));
  EXPECT_TRUE(service.limit.heed(service.options, service.now + milliseconds(1200))) << "all hang";
  EXPECT_NEAR(service.now_allowed(), learned, learned / 3);
}

TEST(AdaptiveLimit, CoresNoteAtOnceWithThreads) {
  AdaptiveLimit limit;
  const model::AdaptiveConcurrency options;
  std::vector<std::thread> cores;
  for (int core = 0; core < 4; ++core) {
    cores.emplace_back([&] {
      Instant now{seconds(1000).count() * 1'000'000'000};
      for (int i = 0; i < 20'000; ++i) {
        now = now + milliseconds(1);
        limit.note(now, milliseconds(5), 100, options, now, 0);
        limit.heed(options, now);
      }
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_NEAR(static_cast<double>(limit.minRtt().count()) / 1e6, 5, 0.7);
  EXPECT_GE(limit.limit(options), 8u);
  EXPECT_LE(limit.limit(options), 1000u);
}

}  // namespace
}  // namespace remora::upstream
