// Finds the few routes of a host whose path may match, by the segments that their paths begin with, without disturbing
// "the first in order wins": candidates come out in the order of the routes, and each is still tested as a whole, so
// the index can only save work. Immutable after build; any thread; a lookup doesn't allocate.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "route/compiled_route.h"

namespace remora::route {

class PathIndex {
 public:
  // `routes` must outlive the index and stay where they are: it keeps views of their texts.
  void build(std::span<const CompiledRoute> routes);

  // Calls visit(position in `routes`) in ascending order for every route that may match `path`, until it returns true.
  template <class Visit>
  void forEachCandidate(std::string_view path, Visit visit) const {
    Candidates candidates;
    collect(path, candidates);
    for (;;) {
      List* next = nullptr;
      for (List& list : std::span(candidates.lists).first(candidates.count)) {
        if (!list.empty() && (next == nullptr || list.front() < next->front())) next = &list;
      }
      if (next == nullptr) return;
      const uint32_t position = next->front();
      *next = next->subspan(1);
      if (visit(position)) return;
    }
  }

 private:
  using List = std::span<const uint32_t>;  // ascending positions

  // One list for each prefix of the path that a route has. Configurations nest prefixes two or three deep; routes that
  // would nest deeper than this are filed higher up, where they are found all the same.
  static constexpr size_t kMaxDepth = 24;
  struct Candidates {
    std::array<List, kMaxDepth + 2> lists;
    size_t count = 0;
  };

  struct Node {
    std::vector<uint32_t> here;  // routes whose path is exactly this
    std::vector<uint32_t> at_or_below;
  };
  struct Edge {
    std::string_view segment;
    uint32_t parent = 0;
    uint32_t child = 0;  // 0: free, since the root is nobody's child
  };

  void file(uint32_t position, const CompiledRoute& route);
  uint32_t childOf(uint32_t parent, std::string_view segment) const;
  uint32_t addChild(uint32_t parent, std::string_view segment);
  void grow();
  void collect(std::string_view path, Candidates& candidates) const;

  std::vector<Node> nodes_;
  std::vector<Edge> edges_;  // open addressing; a power of two, at most half full
  size_t edge_count_ = 0;
};

}  // namespace remora::route
