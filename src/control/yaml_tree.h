// A YAML text as a tree of nodes that know their place, with bounds on everything that the text controls: bytes,
// depth and nodes (aliases counted as often as they are used). The nodes belong to the tree. Never throws.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/config_error.h"

namespace remora::control {

inline constexpr size_t kLargestFile = 4 << 20;  // a route takes about 100 bytes: some 40,000 of them
inline constexpr size_t kDeepestNesting = 32;    // the deepest valid file has 10 levels
inline constexpr size_t kMostNodes = 500'000;    // what 4 MiB of routes come to, with some room

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool is_quoted = false;                                            // "8080" rather than 8080
  std::string text;                                                  // of a scalar
  uint32_t line = 0;                                                 // from 1
  uint32_t column = 0;                                               // from 1, in characters
  std::vector<const YamlNode*> items;                                // of a list
  std::vector<std::pair<const YamlNode*, const YamlNode*>> entries;  // of a map, in order; keys are scalars
  size_t nodes = 1;  // of this and everything below, aliases counted as often as they are used
};

struct YamlTree {
  std::deque<YamlNode> nodes;      // addresses stay
  const YamlNode* root = nullptr;  // null when the text is empty or wrong
  std::optional<ConfigError> error;
};

YamlTree parseYaml(std::string_view text, const std::string& file_name);

}  // namespace remora::control
