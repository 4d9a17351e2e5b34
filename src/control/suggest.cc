#include "control/suggest.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/ascii.h"

namespace remora::control {

namespace {

constexpr size_t kLongestName = 64;

char folded(char c) {
  return c == '-' ? '_' : ascii::lower(c);
}

// One edit in a short name already makes a third of it; beyond three edits it is another word.
size_t tolerance(size_t length) {
  return length <= 3 ? 1 : length <= 6 ? 2 : 3;
}

}  // namespace

size_t editDistance(std::string_view a, std::string_view b) {
  if (a.size() > kLongestName || b.size() > kLongestName) return SIZE_MAX;
  // Three rows of the usual matrix: the swap of neighbours looks two rows back.
  std::array<std::array<size_t, kLongestName + 1>, 3> rows{};
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i - 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = above[j - 1] + (folded(a[i - 1]) == folded(b[j - 1]) ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1])) {
        row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

std::string_view nearestName(std::string_view name, std::span<const std::string_view> candidates) {
  std::string_view nearest;
  size_t least = SIZE_MAX;
  for (const std::string_view candidate : candidates) {
    const size_t distance = editDistance(name, candidate);
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  // At least one character must be right, or "x" would suggest "y".
  const size_t longest = std::max(name.size(), nearest.size());
  return least <= tolerance(name.size()) && least < longest ? nearest : std::string_view();
}

}  // namespace remora::control
