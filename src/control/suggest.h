// The nearest valid name to a misspelt one. Pure; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace remora::control {

// Edits (insert, delete, replace, swap neighbours) from one to the other, without regard to case and with '-' like '_'.
// Names beyond 64 bytes count as infinitely far: nobody misspells those, and the cost is quadratic.
size_t editDistance(std::string_view a, std::string_view b);

// Empty when nothing is near enough to be what was meant.
std::string_view nearestName(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace remora::control
