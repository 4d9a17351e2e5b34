#include "control/utf8_check.h"

#include <cstdio>

#include "base/utf8.h"

namespace remora::control {

namespace {

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
    const size_t length = utf8::sequenceLength(text.substr(i));
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
