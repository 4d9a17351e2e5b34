#include "route/path_index.h"

#include <algorithm>

namespace remora::route {
namespace {

size_t hashOf(uint32_t parent, std::string_view segment) {
  return std::hash<std::string_view>()(segment) ^ (static_cast<size_t>(parent) + 1) * 0x9e3779b97f4a7c15ULL;
}

// Takes the segments of a path one by one: "/a//b/" has "a", "", "b" and "". Nothing that doesn't begin with '/' has
// any.
class Segments {
 public:
  explicit Segments(std::string_view path) : path_(path) {}

  bool isAtEnd() const { return !path_.starts_with('/'); }
  std::string_view next() {
    const size_t end = std::min(path_.find('/', 1), path_.size());
    const std::string_view segment = path_.substr(1, end - 1);
    path_.remove_prefix(end);
    return segment;
  }

 private:
  std::string_view path_;
};

}  // namespace

void PathIndex::build(std::span<const CompiledRoute> routes) {
  nodes_.assign(1, {});
  edges_.assign(16, {});
  edge_count_ = 0;
  for (uint32_t position = 0; position < routes.size(); ++position) file(position, routes[position]);
  nodes_.shrink_to_fit();
}

void PathIndex::file(uint32_t position, const CompiledRoute& route) {
  uint32_t node = 0;
  size_t depth = 0;
  Segments segments(route.path.literalPrefix());
  for (; !segments.isAtEnd() && depth < kMaxDepth; ++depth) node = addChild(node, segments.next());
  const bool is_whole = route.path.kind() == model::PathMatch::Kind::kExact && segments.isAtEnd() && depth > 0;
  (is_whole ? nodes_[node].here : nodes_[node].at_or_below).push_back(position);
}

uint32_t PathIndex::childOf(uint32_t parent, std::string_view segment) const {
  const size_t mask = edges_.size() - 1;
  for (size_t at = hashOf(parent, segment) & mask;; at = (at + 1) & mask) {
    const Edge& edge = edges_[at];
    if (edge.child == 0 || (edge.parent == parent && edge.segment == segment)) return edge.child;
  }
}

uint32_t PathIndex::addChild(uint32_t parent, std::string_view segment) {
  if (const uint32_t child = childOf(parent, segment); child != 0) return child;
  if ((edge_count_ + 1) * 2 > edges_.size()) grow();
  const size_t mask = edges_.size() - 1;
  size_t at = hashOf(parent, segment) & mask;
  while (edges_[at].child != 0) at = (at + 1) & mask;
  edges_[at] = {segment, parent, static_cast<uint32_t>(nodes_.size())};
  ++edge_count_;
  nodes_.emplace_back();
  return edges_[at].child;
}

void PathIndex::grow() {
  std::vector<Edge> old(edges_.size() * 2);
  old.swap(edges_);
  const size_t mask = edges_.size() - 1;
  for (const Edge& edge : old) {
    if (edge.child == 0) continue;
    size_t at = hashOf(edge.parent, edge.segment) & mask;
    while (edges_[at].child != 0) at = (at + 1) & mask;
    edges_[at] = edge;
  }
}

void PathIndex::collect(std::string_view path, Candidates& candidates) const {
  const auto add = [&](const std::vector<uint32_t>& positions) {
    if (!positions.empty()) candidates.lists[candidates.count++] = positions;
  };
  uint32_t node = 0;
  add(nodes_[0].at_or_below);
  for (Segments segments(path); !segments.isAtEnd();) {
    node = childOf(node, segments.next());
    if (node == 0) return;
    add(nodes_[node].at_or_below);
    if (segments.isAtEnd()) add(nodes_[node].here);
  }
}

}  // namespace remora::route
