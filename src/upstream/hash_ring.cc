#include "upstream/hash_ring.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/random.h"

namespace remora::upstream {
namespace {

uint64_t mix(uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  value ^= value >> 32;
  return value;
}

// Primes, each with room for a hundred places a member up to the next: with those, shares differ by about a hundredth.
constexpr std::array<uint32_t, 4> kMaglevSizes{4099, 16411, 65537, 655'373};
constexpr size_t kPlacesEach = 100;

// Points of a ring: an even share wants many of each, a lookup wants few in all.
constexpr size_t kPointsEach = 160;
constexpr size_t kPointsLeast = 1024;
constexpr size_t kPointsMost = 1 << 18;

uint64_t sumOf(std::span<const HashRing::Member> members) {
  return std::accumulate(members.begin(), members.end(), uint64_t{0},
                         [](uint64_t sum, const auto& member) { return sum + member.weight; });
}

}  // namespace

uint64_t hashOf(std::string_view text, uint64_t seed) {
  uint64_t hash = mix(seed + 0x9e3779b97f4a7c15ULL + text.size());
  while (!text.empty()) {
    uint64_t word = 0;
    const size_t count = std::min<size_t>(text.size(), 8);
    for (size_t i = 0; i < count; ++i) word |= uint64_t{static_cast<uint8_t>(text[i])} << (8 * i);
    hash = mix(hash ^ word) * 0x9fb21c651e98df25ULL;
    text.remove_prefix(count);
  }
  return mix(hash);
}

std::shared_ptr<const HashRing> HashRing::make(Kind kind, std::span<const Member> members) {
  if (sumOf(members) == 0) return nullptr;
  auto ring = std::make_shared<HashRing>();
  kind == Kind::kRing ? ring->fillRing(members) : ring->fillMaglev(members);
  return ring;
}

uint32_t HashRing::at(uint64_t hash) const {
  if (points_.empty()) {
    return table_[below(hash, table_.size())];
  }
  size_t i = table_[hash >> shift_];
  while (i < points_.size() && points_[i].hash < hash) ++i;
  return points_[i == points_.size() ? 0 : i].member;
}

void HashRing::fillRing(std::span<const Member> members) {
  const uint64_t sum = sumOf(members);
  const size_t wanted = std::clamp(members.size() * kPointsEach, kPointsLeast, kPointsMost);
  for (uint32_t i = 0; i < members.size(); ++i) {
    if (members[i].weight == 0) continue;
    const auto count = std::max<uint64_t>(1, (wanted * members[i].weight + sum / 2) / sum);
    const uint64_t name = hashOf(members[i].name);
    for (uint64_t point = 0; point < count; ++point) points_.push_back({mix(name + mix(point + 1)), i});
  }
  std::ranges::sort(points_, {}, &Point::hash);
  const auto parts = std::bit_ceil(points_.size());
  shift_ = 64 - std::countr_zero(parts);
  table_.resize(parts);
  size_t at = 0;
  for (size_t part = 0; part < parts; ++part) {
    while (at < points_.size() && (points_[at].hash >> shift_) < part) ++at;
    table_[part] = static_cast<uint32_t>(at);
  }
}

// Each in its turn takes the next place of its own order that is free, as often as its weight allows.
void HashRing::fillMaglev(std::span<const Member> members) {
  const auto fits = std::ranges::find_if(kMaglevSizes, [&](uint32_t s) { return s >= members.size() * kPlacesEach; });
  const uint32_t size = fits == kMaglevSizes.end() ? kMaglevSizes.back() : *fits;
  struct Order {
    uint64_t at;
    uint64_t skip;
    double share;
    double taken = 0;
  };
  const uint32_t most = std::ranges::max_element(members, {}, &Member::weight)->weight;
  std::vector<Order> orders;
  for (const Member& member : members) {
    orders.push_back({hashOf(member.name) % size, hashOf(member.name, 1) % (size - 1) + 1,
                      static_cast<double>(member.weight) / most});
  }
  constexpr uint32_t kFree = UINT32_MAX;
  table_.assign(size, kFree);
  for (uint32_t filled = 0, round = 1;; ++round) {
    for (uint32_t i = 0; i < members.size(); ++i) {
      Order& order = orders[i];
      if (members[i].weight == 0 || order.share * round < order.taken + 1) continue;
      order.taken += 1;
      while (table_[order.at] != kFree) order.at = (order.at + order.skip) % size;
      table_[order.at] = i;
      if (++filled == size) return;
    }
  }
}

}  // namespace remora::upstream
