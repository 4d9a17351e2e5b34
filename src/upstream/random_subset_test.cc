#include "upstream/random_subset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace remora::upstream {
namespace {

std::vector<Endpoint> endpoints(int count, uint32_t priority = 0) {
  std::vector<Endpoint> all;
  for (int i = 0; i < count; ++i) {
    Endpoint endpoint;
    endpoint.text = "10.0." + std::to_string(priority) + "." + std::to_string(i) + ":80";
    endpoint.priority = priority;
    all.push_back(endpoint);
  }
  return all;
}

std::set<std::string> kept(std::vector<Endpoint> all, uint32_t most, uint64_t seed) {
  keepRandomSubset(all, most, seed);
  std::set<std::string> texts;
  for (const Endpoint& endpoint : all) texts.insert(endpoint.text);
  return texts;
}

size_t changed(const std::set<std::string>& before, const std::set<std::string>& after) {
  return static_cast<size_t>(std::ranges::count_if(after, [&](const auto& each) { return !before.contains(each); }));
}

TEST(RandomSubset, HasTheSizeAndKeepsTheOrder) {
  std::vector<Endpoint> all = endpoints(200);
  keepRandomSubset(all, 20, 1);
  EXPECT_EQ(all.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(all, [](const Endpoint& a, const Endpoint& b) {
    return std::stoi(a.text.substr(7)) < std::stoi(b.text.substr(7));
  }));
  EXPECT_EQ(kept(endpoints(200), 0, 1).size(), 200u);
  EXPECT_EQ(kept(endpoints(5), 20, 1).size(), 5u);
  EXPECT_EQ(kept(endpoints(200), 20, 1), kept(endpoints(200), 20, 1)) << "the same over reloads";
}

TEST(RandomSubset, OneThatComesOrGoesChangesAtMostOne) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::set<std::string> before = kept(endpoints(100), 10, seed);
    EXPECT_LE(changed(before, kept(endpoints(101), 10, seed)), 1u);
    for (size_t gone = 0; gone < 100; gone += 7) {
      std::vector<Endpoint> rest = endpoints(100);
      const bool was_used = before.contains(rest[gone].text);
      rest.erase(rest.begin() + static_cast<ptrdiff_t>(gone));
      EXPECT_EQ(changed(before, kept(rest, 10, seed)), was_used ? 1u : 0u);
    }
  }
}

TEST(RandomSubset, ProcessesSpreadEvenly) {
  std::map<std::string, int> used;
  constexpr int kProcesses = 2000;
  for (uint64_t seed = 0; seed < kProcesses; ++seed) {
    for (const std::string& each : kept(endpoints(50), 5, seed * 0x9e3779b97f4a7c15ULL)) ++used[each];
  }
  ASSERT_EQ(used.size(), 50u);
  // Each expects 200 of 2,000; five standard deviations of a binomial are 67.
  for (const auto& [text, count] : used) EXPECT_NEAR(count, kProcesses / 10, 67) << text;
}

TEST(RandomSubset, EachPriorityHasItsOwn) {
  std::vector<Endpoint> all = endpoints(30, 0);
  for (const Endpoint& endpoint : endpoints(30, 1)) all.push_back(endpoint);
  keepRandomSubset(all, 4, 9);
  EXPECT_EQ(std::ranges::count(all, 0u, &Endpoint::priority), 4);
  EXPECT_EQ(std::ranges::count(all, 1u, &Endpoint::priority), 4);
}

}  // namespace
}  // namespace remora::upstream
