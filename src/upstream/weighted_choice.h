// Draws from items by weight, each draw in the same short time however many there are. Pure; belongs to one core.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace remora::upstream {

// By chance (Walker's alias method): a slot for each item, of which a part belongs to another one.
class WeightedChance {
 public:
  // Weights of zero are never drawn; at least one isn't zero.
  explicit WeightedChance(std::span<const uint32_t> weights);
  // `random`: 64 bits.
  size_t draw(uint64_t random) const;

 private:
  struct Slot {
    uint32_t keeps = UINT32_MAX;  // below this share of 2^32 the slot's own item, else the other
    uint32_t other = 0;
  };
  std::vector<Slot> slots_;  // empty: all weigh the same
  size_t count_;
};

// In turn, smoothly: weights 3 and 1 give a a b a, not a a a b.
class WeightedTurns {
 public:
  explicit WeightedTurns(std::span<const uint32_t> weights);
  size_t next();

 private:
  struct Turn {
    uint64_t due;
    uint32_t item;
    uint32_t stride;  // of `due`: the heavier, the shorter
    // Of those that are due together the one that waits longer goes first.
    bool operator<(const Turn& other) const { return due > other.due || (due == other.due && stride < other.stride); }
  };
  std::vector<Turn> heap_;  // empty: all weigh the same
  size_t count_;
  size_t at_ = 0;
};

}  // namespace remora::upstream
