// One service whose endpoints are checked, and what its checks do, in virtual time. For tests only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/health_checker.h"
#include "upstream/health_test_net.h"

namespace remora::upstream::test {

class HealthWorld : public testing::Test {
 protected:
  using Mode = TestEndpoint::Mode;
  using Kind = model::HealthCheck::Kind;

  HealthWorld() {
    settings_.check.path = "/healthz";
    settings_.check.jitter_percent = 0;
  }

  // "10.0.0.1:80" for 1.
  static std::string addressOf(int last) { return "10.0.0." + std::to_string(last) + ":80"; }
  TestEndpoint& endpoint(int last) { return net_[addressOf(last)]; }
  // The set has these; the first begins the checks.
  void follow(const std::vector<int>& those, const std::string& name = {}) {
    auto set = std::make_shared<EndpointSet>();
    set->version = ++version_;
    set->shared = shared_;
    for (const int last : those) {
      auto& health = health_[last];
      if (!health) health = std::make_shared<EndpointHealth>();
      set->endpoints.push_back({.address = net::Address::of(*net::parsePeer(addressOf(last))),
                                .text = addressOf(last),
                                .zone = {},
                                .name = name,
                                .health = health});
    }
    std::erase_if(health_, [&](const auto& entry) { return std::ranges::find(those, entry.first) == those.end(); });
    if (!checker_) {
      checker_.emplace(means(), log_, "shop", 7);
      checker_->configure(settings_);
    }
    checker_->follow(set);
  }
  // Of one endpoint that has just been checked for the first time.
  std::string firstFinding() {
    follow({1});
    loop_.advance(settings_.check.timeout);
    return finding();
  }
  std::string finding(int last = 1) {
    switch (health_[last]->checked.load()) {
      case Checked::kNot:
        return "not checked";
      case Checked::kAwaited:
        return "awaited";
      case Checked::kHealthy:
        return "healthy";
      case Checked::kUnhealthy:
        return failure(last);
    }
    return {};
  }
  std::string failure(int last = 1) {
    for (const EndpointCheckFacts& each : checker_->facts().endpoints) {
      if (each.address == addressOf(last)) return each.last_failure;
    }
    return "it isn't checked";
  }
  size_t checks(int last = 1) { return endpoint(last).connected_at.size(); }
  bool isHealthy(int last = 1) { return health_[last]->checked.load() == Checked::kHealthy; }
  bool isUnhealthy(int last = 1) { return health_[last]->checked.load() == Checked::kUnhealthy; }
  void advanceIntervals(int count) {
    for (int i = 0; i < count; ++i) loop_.advance(settings_.check.interval);
  }
  CheckMeans means() { return {.loop = loop_, .connector = net_, .cipher_memory = memory_, .scratch = scratch_}; }

  static void keepLine(void* world, std::string_view line) { static_cast<HealthWorld*>(world)->lines_.append(line); }

  loop::TestLoop loop_;
  tls::CipherMemory memory_;
  std::array<char, 16 << 10> scratch_;
  TestNet net_{loop_, memory_};
  std::string lines_;
  observe::Log log_{{.write = keepLine, .sink = this}, observe::LogLevel::kInfo, observe::LogFormat::kText};
  CheckSettings settings_;
  std::shared_ptr<ClusterShared> shared_ = std::make_shared<ClusterShared>();
  std::map<int, std::shared_ptr<EndpointHealth>> health_;
  uint64_t version_ = 0;
  std::optional<HealthChecker> checker_;
};

}  // namespace remora::upstream::test
