#include "upstream/weighted_choice.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace remora::upstream {
namespace {

bool areEqual(std::span<const uint32_t> weights) {
  return std::ranges::all_of(weights, [&](uint32_t weight) { return weight == weights[0]; });
}

}  // namespace

WeightedChance::WeightedChance(std::span<const uint32_t> weights) : count_(weights.size()) {
  if (areEqual(weights)) return;
  const uint64_t sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  slots_.resize(count_);
  // Each slot holds sum / count; in units in which that is exactly `sum`.
  std::vector<uint64_t> left(count_);
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t i = 0; i < count_; ++i) {
    slots_[i].other = i;
    left[i] = uint64_t{weights[i]} * count_;
    (left[i] < sum ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const uint32_t poor = small.back();
    const uint32_t rich = large.back();
    small.pop_back();
    slots_[poor] = {static_cast<uint32_t>((left[poor] << 32) / sum), rich};
    left[rich] -= sum - left[poor];
    if (left[rich] >= sum) continue;
    large.pop_back();
    small.push_back(rich);
  }
}

size_t WeightedChance::draw(uint64_t random) const {
  const auto slot = static_cast<size_t>(below(random, count_));
  if (slots_.empty()) return slot;
  // The low bits are independent of those that chose the slot.
  const auto share = static_cast<uint32_t>(random);
  return share < slots_[slot].keeps ? slot : slots_[slot].other;
}

WeightedTurns::WeightedTurns(std::span<const uint32_t> weights) : count_(weights.size()) {
  if (areEqual(weights)) return;
  constexpr uint64_t kScale = 1ULL << 24;
  std::map<uint32_t, std::pair<uint64_t, uint64_t>> alike;  // of a weight: how many there are, and how many have begun
  for (const uint32_t weight : weights) ++alike[weight].first;
  for (uint32_t i = 0; i < count_; ++i) {
    if (weights[i] == 0) continue;
    const auto stride = static_cast<uint32_t>((kScale + weights[i] - 1) / weights[i]);
    auto& [count, begun] = alike[weights[i]];
    // Those that weigh the same begin one after the other, so that all of them aren't due at once.
    heap_.push_back({stride * ++begun / count, i, stride});
  }
  std::make_heap(heap_.begin(), heap_.end());
}

size_t WeightedTurns::next() {
  if (heap_.empty()) {
    const size_t item = at_;
    at_ = at_ + 1 == count_ ? 0 : at_ + 1;
    return item;
  }
  std::pop_heap(heap_.begin(), heap_.end());
  Turn& turn = heap_.back();
  const size_t item = turn.item;
  turn.due += turn.stride;
  std::push_heap(heap_.begin(), heap_.end());
  return item;
}

}  // namespace remora::upstream
