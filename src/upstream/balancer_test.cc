// Who gets how much, by every way to balance; and who gets it while endpoints are ill, new or far away.
#include "upstream/balancer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "loop/test_loop.h"

namespace remora::upstream {
namespace {

using model::Balance;
using std::chrono::seconds;

class BalancerTest : public testing::Test {
 protected:
  void add(size_t count, uint32_t weight = 1, uint32_t priority = 0) {
    for (size_t i = 0; i < count; ++i) {
      const size_t n = endpoints_.size();
      const std::string host = "10.0." + std::to_string(n / 250) + "." + std::to_string(n % 250);
      const model::SocketAddress address{model::SocketAddress::Kind::kIp, host, 80};
      endpoints_.push_back(makeRef<EndpointState>(Endpoint{.address = *net::Address::of(address),
                                                           .text = model::toText(address),
                                                           .weight = weight,
                                                           .priority = priority},
                                                  loop_.loop(), metrics_));
      endpoints_.back()->index = static_cast<uint16_t>(n);
    }
  }
  void use(Balance balance) {
    options_.balance = balance;
    std::vector<HashRing::Member> members;
    for (const auto& state : endpoints_) members.push_back({state->endpoint.text, state->endpoint.weight});
    const bool is_ring = balance == Balance::kRingHash;
    const bool is_hash = is_ring || balance == Balance::kMaglev;
    ring_ = is_hash ? HashRing::make(is_ring ? HashRing::Kind::kRing : HashRing::Kind::kMaglev, members) : nullptr;
    balancer_.rebuild(options_, endpoints_, ring_);
  }
  EndpointState* pick(const EndpointState* but_not = nullptr, std::optional<uint64_t> hash = {}) {
    return balancer_.pick({.now = loop_.loop().now(), .random = random_, .but_not = but_not, .hash = hash});
  }
  // What each endpoint got. Load stays as it is: requests end at once.
  std::vector<double> counts(int times) {
    std::vector<double> got(endpoints_.size());
    for (int i = 0; i < times; ++i) got[pick()->index] += 1;
    return got;
  }
  static double chiSquared(const std::vector<double>& got, const std::vector<double>& expected) {
    double sum = 0;
    for (size_t i = 0; i < got.size(); ++i) sum += (got[i] - expected[i]) * (got[i] - expected[i]) / expected[i];
    return sum;
  }
  // Above it is a chance of one in a thousand (normal approximation of the distribution).
  static double critical(size_t count) {
    const auto k = static_cast<double>(count - 1);
    const double third = 1 - 2 / (9 * k) + 3.09 * std::sqrt(2 / (9 * k));
    return k * third * third * third;
  }

  loop::TestLoop loop_;
  observe::CoreMetrics metrics_;
  observe::IdSource random_{{1, 2, 3, 4}};
  std::vector<Ref<EndpointState>> endpoints_;
  std::shared_ptr<const HashRing> ring_;
  Balancer::Options options_;
  Balancer balancer_;
};

TEST_F(BalancerTest, ChanceFollowsTheWeights) {
  for (const size_t each : {size_t{5}, size_t{500}}) {
    endpoints_.clear();
    add(each, 1);
    add(each, 3);
    use(Balance::kRandom);
    const int times = static_cast<int>(each) * 2000;
    std::vector<double> expected;
    for (size_t i = 0; i < 2 * each; ++i) expected.push_back(times * (i < each ? 1.0 : 3.0) / (4.0 * each));
    EXPECT_LT(chiSquared(counts(times), expected), critical(2 * each));
  }
}

// Nobody is ahead of its share by more than one turn, at any time.
TEST_F(BalancerTest, TurnsAreWithinOneOfTheShare) {
  for (const size_t each : {size_t{5}, size_t{500}}) {
    endpoints_.clear();
    add(each, 2);
    add(each, 5);
    use(Balance::kRoundRobin);
    std::vector<double> got(2 * each);
    const double sum = 7.0 * each;
    for (int i = 1; i <= static_cast<int>(each) * 40; ++i) {
      ++got[pick()->index];
      if (i % 17 != 0) continue;
      for (size_t j = 0; j < got.size(); ++j) EXPECT_NEAR(got[j], i * (j < each ? 2 : 5) / sum, 1.1);
    }
  }
}

TEST_F(BalancerTest, WithoutLoadTwoChoicesAreEven) {
  for (const Balance balance : {Balance::kLeastRequest, Balance::kPeakEwma}) {
    for (const size_t count : {size_t{10}, size_t{1000}}) {
      endpoints_.clear();
      add(count);
      use(balance);
      const int times = static_cast<int>(count) * 500;
      EXPECT_LT(chiSquared(counts(times), std::vector<double>(count, 500)), critical(count));
    }
  }
}

// Requests that stay: the most loaded has about log log n more than the average (Azar et al.), where one choice would
// have log n / log log n.
TEST_F(BalancerTest, TwoChoicesKeepTheLoadLevel) {
  for (const size_t count : {size_t{10}, size_t{1000}}) {
    endpoints_.clear();
    add(count);
    use(Balance::kLeastRequest);
    uint32_t most = 0;
    for (size_t i = 0; i < count * 10; ++i) most = std::max(most, ++pick()->active);
    EXPECT_LE(most, 13u);
  }
}

TEST_F(BalancerTest, ASlowOneGetsLittleAndAFastFailureIsNotFast) {
  add(10);
  use(Balance::kPeakEwma);
  // Each answers in its time: number 3 a hundred times slower, number 7 at once and wrongly.
  std::vector<double> got(10);
  for (int i = 0; i < 20'000; ++i) {
    EndpointState* const state = pick();
    ++got[state->index];
    const bool fails = state->index == 7;
    const Duration took = state->index == 3 ? Milliseconds(200) : fails ? Duration(100'000) : Milliseconds(2);
    state->latency.note(took, fails, loop_.loop().now());
    loop_.advance(Milliseconds(1));
  }
  EXPECT_LT(got[3], 600) << "where the two are it and the one that fails: 2 of 90";
  EXPECT_LT(got[7], 200);
  EXPECT_GT(got[3], 0) << "tried again, now and then";
  for (const size_t i : {0, 1, 2, 4, 5, 6, 8, 9}) EXPECT_NEAR(got[i], 2500, 400);
}

TEST_F(BalancerTest, AHashAlwaysLeadsToTheSameOne) {
  for (const Balance balance : {Balance::kRingHash, Balance::kMaglev}) {
    endpoints_.clear();
    add(10);
    use(balance);
    std::map<uint64_t, EndpointState*> first;
    for (uint64_t key = 0; key < 1000; ++key) first[key] = pick(nullptr, hashOf(std::to_string(key)));
    endpoints_[4]->is_available = false;
    balancer_.rebuild(options_, endpoints_, ring_);
    for (auto& [key, state] : first) {
      EndpointState* const now = pick(nullptr, hashOf(std::to_string(key)));
      if (state != endpoints_[4].get()) {
        EXPECT_EQ(now, state);
      } else {
        EXPECT_NE(now, state);
        EXPECT_EQ(pick(nullptr, hashOf(std::to_string(key))), now) << "and that one stays as well";
      }
      EXPECT_NE(pick(now, hashOf(std::to_string(key))), now) << "which has failed";
    }
  }
}

TEST_F(BalancerTest, IllOnesGetNothingUntilSoManyAreThatAllAreTried) {
  for (const Balance balance : {Balance::kRoundRobin, Balance::kLeastRequest, Balance::kRandom, Balance::kMaglev}) {
    endpoints_.clear();
    add(10);
    for (int ill = 0; ill < 10; ++ill) {
      use(balance);
      const auto got = counts(2000);
      const bool panics = ill > 5;
      EXPECT_EQ(balancer_.panics(), panics) << ill;
      for (int i = 0; i < 10; ++i) EXPECT_EQ(got[static_cast<size_t>(i)] > 0, i >= ill || panics);
      endpoints_[static_cast<size_t>(ill)]->is_available = false;
    }
  }
}

// 1.4 times what is well of the first priority is what it takes; the next takes what is missing, and no more.
TEST_F(BalancerTest, TheNextPriorityTakesOnlyWhatIsMissing) {
  add(10, 1, 0);
  add(10, 1, 1);
  const auto shareOfFirst = [&] {
    use(Balance::kRandom);
    const auto got = counts(10'000);
    double first = 0;
    for (size_t i = 0; i < 10; ++i) first += got[i] / 10'000;
    return first;
  };
  EXPECT_EQ(shareOfFirst(), 1);
  for (size_t i = 0; i < 2; ++i) endpoints_[i]->is_available = false;
  EXPECT_EQ(shareOfFirst(), 1) << "8 of 10 are enough";
  for (size_t i = 2; i < 5; ++i) endpoints_[i]->is_available = false;
  EXPECT_NEAR(shareOfFirst(), 0.7, 0.03);
  for (size_t i = 5; i < 10; ++i) endpoints_[i]->is_available = false;
  EXPECT_EQ(shareOfFirst(), 0);
}

TEST_F(BalancerTest, OneThatJoinsComesToItsShareSlowly) {
  add(4);
  options_.slow_start = seconds(100);
  loop_.advance(seconds(1000));
  endpoints_[0]->joined = loop_.loop().now();
  for (const Balance balance : {Balance::kRandom, Balance::kRoundRobin, Balance::kLeastRequest}) {
    endpoints_[0]->joined = loop_.loop().now();
    use(balance);
    EXPECT_NEAR(counts(4000)[0], 110, 80);
    loop_.advance(seconds(50));
    EXPECT_NEAR(counts(4000)[0], 600, 200);
    loop_.advance(seconds(50));
    EXPECT_NEAR(counts(4000)[0], 1000, 120);
  }
}

}  // namespace
}  // namespace remora::upstream
