#include "loop/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loop/loop.h"
#include "loop/test_loop.h"

namespace remora::loop {
namespace {

TEST(Mailbox, MessagesRunInOrderOnTheLoop) {
  TestLoop loop;
  std::string log;
  loop.loop().mailbox().post([&] { log += "1"; });
  loop.loop().mailbox().post([&] {
    log += "2";
    loop.loop().mailbox().post([&] { log += "4"; });
  });
  loop.loop().mailbox().post([&] { log += "3"; });
  EXPECT_EQ(log, "");
  loop.settle();
  loop.settle();
  EXPECT_EQ(log, "1234");
}

TEST(Mailbox, WhatIsNeverDeliveredIsDestroyed) {
  const auto held = std::make_shared<int>(1);
  {
    TestLoop loop;
    loop.loop().mailbox().post([held] {});
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Mailbox, ManyThreadsWakeASleepingLoopAndLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  SystemClock clock;
  Loop loop(clock, std::make_unique<EpollPoller>(Sys::real()));
  int received = 0;
  std::vector<int> last(kThreads, -1);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.mailbox().post([&, t, i] {
          EXPECT_EQ(last[static_cast<size_t>(t)], i - 1);  // in the order of one thread
          last[static_cast<size_t>(t)] = i;
          if (++received == kThreads * kEach) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(received, kThreads * kEach);
}

}  // namespace
}  // namespace remora::loop
