#include "upstream/pool.h"

#include <gtest/gtest.h>

#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace remora::upstream {
namespace {

using std::chrono::seconds;

class PoolTest : public testing::Test {
 protected:
  PoolTest() { pool_.setOptions(options_); }

  // A connection; the application's end of it is far(i).
  std::unique_ptr<Connection> connect() {
    auto [near, far] = net::MemoryStream::pair(loop_);
    fars_.push_back(std::move(far));
    return std::make_unique<Connection>(std::move(near), nullptr, loop_.loop().now());
  }
  net::MemoryStream& far(size_t i) { return *fars_[i]; }

  loop::TestLoop loop_;
  observe::CoreMetrics metrics_;
  model::PoolOptions options_;
  std::vector<std::unique_ptr<net::MemoryStream>> fars_;
  ConnectionQueue queue_;
  Pool pool_{loop_, metrics_, queue_};
};

TEST_F(PoolTest, TheOneUsedLastIsUsedNext) {
  auto a = connect();
  auto b = connect();
  Connection* const last = b.get();
  pool_.give(std::move(a));
  pool_.give(std::move(b));
  EXPECT_EQ(metrics_.upstream_idle.value(), 2);
  EXPECT_EQ(pool_.take().get(), last);
  EXPECT_EQ(metrics_.upstream_idle.value(), 1);
  EXPECT_NE(pool_.take(), nullptr);
  EXPECT_EQ(pool_.take(), nullptr);
}

TEST_F(PoolTest, OneThatEndsWhileItWaitsIsDroppedAtOnce) {
  pool_.give(connect());
  fars_[0].reset();
  loop_.settle();
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(metrics_.upstream_closed_by_peer.value(), 1u);
  EXPECT_EQ(metrics_.upstream_idle.value(), 0);
}

TEST_F(PoolTest, OneThatSaysSomethingUnaskedIsDroppedAtOnce) {
  pool_.give(connect());
  far(0).put("HTTP/1.1 408 Timeout\r\n\r\n");
  loop_.settle();
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_TRUE(far(0).isEnded());
  EXPECT_EQ(metrics_.glitches_upstream.value(), 1u);
}

TEST_F(PoolTest, OneThatEndedJustNowIsNotGivenOut) {
  pool_.give(connect());
  fars_[0].reset();  // seen by the stream, not yet by the run queue
  EXPECT_EQ(pool_.take(), nullptr);
  EXPECT_EQ(metrics_.upstream_idle.value(), 0);
  loop_.settle();
}

TEST_F(PoolTest, OneThatHasUnreadBytesIsNotKept) {
  auto connection = connect();
  far(0).put("x");
  pool_.give(std::move(connection));
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(metrics_.upstream_retired.value(), 1u);
}

TEST_F(PoolTest, IdleOnesAreRetiredByTime) {
  pool_.give(connect());
  loop_.advance(seconds(30));
  pool_.give(connect());
  loop_.advance(seconds(31));
  EXPECT_EQ(pool_.idle(), 1u);
  EXPECT_TRUE(far(0).isEnded());
  loop_.advance(seconds(30));
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(metrics_.upstream_idle.value(), 0);
  EXPECT_EQ(loop_.loop().timers().size(), 0u);  // an empty pool wakes nobody
}

TEST_F(PoolTest, OldOnesAreNotUsedPastTheirAge) {
  options_.max_age = seconds(40);
  pool_.setOptions(options_);
  auto connection = connect();
  loop_.advance(seconds(39));
  pool_.give(std::move(connection));
  connection = pool_.take();
  ASSERT_TRUE(connection);
  loop_.advance(seconds(2));
  pool_.give(std::move(connection));
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST_F(PoolTest, OnlySoManyAreKept) {
  options_.max_idle = 2;
  pool_.setOptions(options_);
  for (int i = 0; i < 4; ++i) pool_.give(connect());
  EXPECT_EQ(pool_.idle(), 2u);
  EXPECT_EQ(metrics_.upstream_retired.value(), 2u);
}

TEST_F(PoolTest, OneCarriesOnlySoManyExchanges) {
  options_.max_requests = 3;
  pool_.setOptions(options_);
  pool_.give(connect());  // after its first
  for (int i = 2; i <= 3; ++i) {
    auto connection = pool_.take();
    ASSERT_TRUE(connection) << i;
    pool_.give(std::move(connection));
  }
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST_F(PoolTest, AnApplicationsIdleTimeoutIsLearnedAndStayedBelow) {
  for (int i = 0; i < 2; ++i) {
    pool_.give(connect());
    loop_.advance(seconds(5));
    fars_.back().reset();
    loop_.settle();
  }
  EXPECT_EQ(pool_.learnedIdle(), Duration(seconds(5)));
  pool_.give(connect());
  loop_.advance(Milliseconds(4400));
  EXPECT_EQ(pool_.idle(), 1u);
  loop_.advance(Milliseconds(200));
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST_F(PoolTest, ClosingAllLeavesNothing) {
  pool_.give(connect());
  pool_.give(connect());
  pool_.closeAll();
  EXPECT_TRUE(far(0).isEnded() && far(1).isEnded());
  EXPECT_EQ(metrics_.upstream_idle.value(), 0);
  loop_.advance(seconds(100));
}

TEST_F(PoolTest, WithoutATransportThatProvesThereIsNoProof) {
  EXPECT_FALSE(connect()->provesUntouched(0));
}

}  // namespace
}  // namespace remora::upstream
