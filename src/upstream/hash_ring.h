// Consistent hashing: which endpoint a hash belongs to, such that endpoints that come or go move few hashes. Made with
// an EndpointSet, once for all cores; immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace remora::upstream {

// Of keys of requests and of names of endpoints; the same in every process and version.
uint64_t hashOf(std::string_view text, uint64_t seed = 0);

class HashRing {
 public:
  struct Member {
    std::string_view name;
    uint32_t weight;  // 0: gets nothing
  };
  enum class Kind : uint8_t {
    kRing,    // points of each on a circle (Karger et al.): fewest moves
    kMaglev,  // a table filled in turns (Eisenbud et al., section 3.4): most even, a few moves more
  };
  // Null when nobody weighs anything.
  static std::shared_ptr<const HashRing> make(Kind kind, std::span<const Member> members);

  // The position of a member.
  uint32_t at(uint64_t hash) const;

 private:
  struct Point {
    uint64_t hash;
    uint32_t member;
  };
  void fillRing(std::span<const Member> members);
  void fillMaglev(std::span<const Member> members);

  std::vector<uint32_t> table_;  // of Maglev; of a ring: where the points of each part of the circle begin
  std::vector<Point> points_;    // of a ring, in order
  int shift_ = 0;                // of a ring: hash >> shift is the part
};

}  // namespace remora::upstream
