#include "upstream/latency.h"

#include <gtest/gtest.h>

namespace remora::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

double millisOf(const Latency& latency, Instant at) {
  return latency.estimate(at) / 1e6;
}

constexpr Instant kStart{1'000'000'000'000};

TEST(Latency, BelievesBadNewsAtOnceAndGoodNewsSlowly) {
  Latency latency;
  latency.note(milliseconds(1), false, kStart);
  latency.note(milliseconds(100), false, kStart + milliseconds(1));
  EXPECT_NEAR(millisOf(latency, kStart + milliseconds(1)), 100, 1);
  latency.note(milliseconds(1), false, kStart + milliseconds(2));
  EXPECT_GT(millisOf(latency, kStart + milliseconds(2)), 90);
  EXPECT_LT(millisOf(latency, kStart + seconds(50)), 1) << "it fades";
}

TEST(Latency, FailingFastDoesntLookFast) {
  Latency latency;
  for (int i = 0; i < 20; ++i) latency.note(milliseconds(1), true, kStart);
  EXPECT_GT(millisOf(latency, kStart), 900);
  Latency half;
  for (int i = 0; i < 40; ++i) half.note(milliseconds(1), i % 2 == 0, kStart);
  EXPECT_GT(millisOf(half, kStart), 300);
}

TEST(Latency, OneThatFailedIsTriedAgainWithinSeconds) {
  Latency latency;
  for (int i = 0; i < 20; ++i) latency.note(milliseconds(1), true, kStart);
  EXPECT_LT(millisOf(latency, kStart + seconds(8)), 1.5);
}

TEST(Latency, WhatWasNotWaitedForTakesNoLess) {
  Latency latency;
  latency.noteAtLeast(Latency::kUnknown / 2, kStart);
  EXPECT_NEAR(millisOf(latency, kStart), 1, 0.01) << "no news of one that nobody knows";
  latency.noteAtLeast(milliseconds(100), kStart);
  EXPECT_NEAR(millisOf(latency, kStart), 100, 1);
  latency.noteAtLeast(milliseconds(50), kStart + milliseconds(1));
  EXPECT_NEAR(millisOf(latency, kStart + milliseconds(1)), 100, 1) << "it takes longer than that";
  latency.noteAtLeast(milliseconds(50), kStart + seconds(20));
  EXPECT_NEAR(millisOf(latency, kStart + seconds(20)), 50, 1) << "what was known has faded";
}

TEST(Latency, ItsSuccessesClearIt) {
  Latency latency;
  for (int i = 0; i < 20; ++i) latency.note(milliseconds(1), true, kStart);
  for (int i = 0; i < 30; ++i) latency.note(milliseconds(1), false, kStart);
  EXPECT_LT(millisOf(latency, kStart), 2);
}

}  // namespace
}  // namespace remora::upstream
