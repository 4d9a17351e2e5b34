#include "upstream/random_subset.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "upstream/hash_ring.h"

namespace remora::upstream {

void keepRandomSubset(std::vector<Endpoint>& endpoints, uint32_t most, uint64_t seed) {
  if (most == 0 || endpoints.size() <= most) return;
  std::map<uint32_t, std::vector<std::pair<uint64_t, size_t>>> ranks;  // by priority
  for (size_t i = 0; i < endpoints.size(); ++i) {
    ranks[endpoints[i].priority].emplace_back(hashOf(endpoints[i].text, seed), i);
  }
  std::vector<char> is_kept(endpoints.size(), 0);
  for (auto& [priority, ranked] : ranks) {
    const size_t count = std::min<size_t>(most, ranked.size());
    std::ranges::nth_element(ranked, ranked.begin() + static_cast<ptrdiff_t>(count - 1));
    for (size_t i = 0; i < count; ++i) is_kept[ranked[i].second] = 1;
  }
  std::vector<Endpoint> kept;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (is_kept[i]) kept.push_back(std::move(endpoints[i]));
  }
  endpoints = std::move(kept);
}

}  // namespace remora::upstream
