#include "upstream/circuit_breaker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace remora::upstream {
namespace {

using Change = CircuitBreaker::Change;
using State = CircuitBreaker::State;
using std::chrono::seconds;

struct Breaker {
  Change note(bool is_failure) { return breaker.note(is_failure, options, now, 0); }
  CircuitBreaker::Verdict ask() { return breaker.ask(options, now); }
  Change probe(uint64_t which, bool is_failure) { return breaker.noteProbe(which, is_failure, options, now, 0); }
  void open() {
    while (breaker.state() == State::kClosed) note(true);
  }
  void pass(Duration span) { now = now + span; }

  CircuitBreaker breaker;
  model::CircuitBreaker options;
  Instant now{seconds(1000).count() * 1'000'000'000};
};

TEST(CircuitBreaker, OpensByTheShareOfFailures) {
  Breaker tested;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(tested.note(i % 5 < 2), Change::kNone) << i;
  for (int i = 0; i < 9; ++i) EXPECT_EQ(tested.note(true), Change::kNone) << "29 of 59";
  EXPECT_TRUE(tested.ask().may_pass);
  EXPECT_EQ(tested.note(true), Change::kOpened);
  EXPECT_EQ(tested.breaker.errorPercent(), 50u);
  const auto verdict = tested.ask();
  EXPECT_FALSE(verdict.may_pass);
  EXPECT_EQ(verdict.wait, seconds(5));
}

TEST(CircuitBreaker, FewRequestsTellNothing) {
  Breaker tested;
  for (int i = 0; i < 19; ++i) EXPECT_EQ(tested.note(true), Change::kNone);
  EXPECT_EQ(tested.note(true), Change::kOpened);
}

TEST(CircuitBreaker, OldFailuresAreForgotten) {
  Breaker tested;
  for (int i = 0; i < 19; ++i) tested.note(true);
  tested.pass(seconds(11));
  for (int i = 0; i < 19; ++i) EXPECT_EQ(tested.note(true), Change::kNone);
  EXPECT_EQ(tested.note(true), Change::kOpened);
}

TEST(CircuitBreaker, AFewTryAndAllMustSucceed) {
  Breaker tested;
  tested.open();
  tested.pass(seconds(5));
  std::vector<uint64_t> probes;
  for (int i = 0; i < 5; ++i) {
    const auto verdict = tested.ask();
    EXPECT_TRUE(verdict.may_pass);
    EXPECT_EQ(verdict.change, i == 0 ? Change::kHalfOpened : Change::kNone);
    probes.push_back(verdict.probe);
  }
  EXPECT_FALSE(tested.ask().may_pass) << "no sixth";
  EXPECT_EQ(tested.breaker.state(), State::kHalfOpen);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(tested.probe(probes[0], false), Change::kNone);
  EXPECT_FALSE(tested.ask().may_pass) << "what went well isn't asked again";
  EXPECT_EQ(tested.probe(probes[0], false), Change::kClosed);
  EXPECT_EQ(tested.ask().probe, 0u);
  for (int i = 0; i < 19; ++i) EXPECT_EQ(tested.note(true), Change::kNone) << "it begins anew";
}

TEST(CircuitBreaker, OpenForLongerEachTime) {
  Breaker tested;
  tested.open();
  for (const int wait : {5, 10, 20, 40, 60, 60}) {
    EXPECT_EQ(tested.ask().wait, seconds(wait));
    tested.pass(seconds(wait));
    const auto verdict = tested.ask();
    EXPECT_TRUE(verdict.may_pass);
    EXPECT_EQ(tested.probe(verdict.probe, true), Change::kOpened);
  }
  tested.pass(seconds(60));
  uint64_t probe = 0;
  for (int i = 0; i < 5; ++i) probe = tested.ask().probe;
  for (int i = 0; i < 5; ++i) tested.probe(probe, false);
  ASSERT_EQ(tested.breaker.state(), State::kClosed);
  tested.pass(seconds(61));
  tested.open();
  EXPECT_EQ(tested.ask().wait, seconds(5)) << "it was well for long";
}

TEST(CircuitBreaker, AProbeThatTellsNothingGivesItsPlaceBack) {
  Breaker tested;
  tested.options.probes = 1;
  tested.open();
  tested.pass(seconds(5));
  const uint64_t probe = tested.ask().probe;
  EXPECT_FALSE(tested.ask().may_pass);
  tested.breaker.giveBack(probe);
  EXPECT_TRUE(tested.ask().may_pass);
}

TEST(CircuitBreaker, ALateProbeOfAnEarlierTimeCountsNoMore) {
  Breaker tested;
  tested.open();
  tested.pass(seconds(5));
  const uint64_t late = tested.ask().probe;
  tested.probe(tested.ask().probe, true);
  tested.pass(seconds(10));
  const uint64_t now = tested.ask().probe;
  EXPECT_EQ(tested.probe(late, true), Change::kNone);
  tested.breaker.giveBack(late);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(tested.ask().may_pass);
  EXPECT_FALSE(tested.ask().may_pass) << "the late one gave nothing back";
  EXPECT_EQ(tested.probe(now, true), Change::kOpened);
}

TEST(CircuitBreaker, CoresLetNeverMoreThanTheProbesPassWithThreads) {
  Breaker tested;
  tested.open();
  tested.pass(seconds(5));
  std::atomic<int> passed{0};
  std::vector<std::thread> cores;
  for (int core = 0; core < 4; ++core) {
    cores.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) passed += tested.ask().may_pass;
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_EQ(passed, 5);
}

}  // namespace
}  // namespace remora::upstream
