#include "control/utf8_check.h"

#include <cstdio>

namespace remora::control {

namespace {

// Bytes of the well-formed sequence at the front; 0 when there is none.
size_t sequenceLength(std::string_view text) {
  const auto at = [&](size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const auto continues = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool is_overlong = first == 0xE0 && at(1) < 0xA0;
    const bool is_surrogate = first == 0xED && at(1) > 0x9F;
    return continues(1) && continues(2) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool is_overlong = first == 0xF0 && at(1) < 0x90;
    const bool is_beyond = first == 0xF4 && at(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !is_overlong && !is_beyond ? 4 : 0;
  }
  return 0;
}

std::string describeByte(std::string_view what, unsigned byte) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*s 0x%02X", static_cast<int>(what.size()), what.data(), byte);
  return text;
}

}  // namespace

std::optional<BadByte> findBadByte(std::string_view text) {
  uint32_t line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto column = static_cast<uint32_t>(i - line_start + 1);
    if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7F) {
      return BadByte{line, column, describeByte("control character", byte)};
    }
    const size_t length = sequenceLength(text.substr(i));
    if (length == 0) return BadByte{line, column, describeByte("not UTF-8: byte", byte)};
    i += length;
    if (byte == '\n') {
      ++line;
      line_start = i;
    }
  }
  return std::nullopt;
}

}  // namespace remora::control
