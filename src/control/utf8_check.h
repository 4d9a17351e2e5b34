// What a text must be before the YAML parser sees it: UTF-8 without control characters. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remora::control {

struct BadByte {
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1, in bytes
  std::string problem;
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Tab, CR and LF are the only controls.
std::optional<BadByte> findBadByte(std::string_view text);

}  // namespace remora::control
