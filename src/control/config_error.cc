#include "control/config_error.h"

#include <cstdio>

namespace remora::control {

namespace {

constexpr size_t kLongestQuote = 80;  // a line of a terminal; the place in the file tells the rest

bool isSentence(std::string_view suggestion) {
  return suggestion.find(' ') != std::string_view::npos;
}

}  // namespace

std::string describe(const ConfigError& error) {
  std::string out;
  if (!error.where.file.empty()) {
    out += error.where.file;
    if (error.where.line != 0) {
      out += ':' + std::to_string(error.where.line) + ':' + std::to_string(error.where.column);
    }
    out += ": ";
  }
  if (!error.where.path.empty()) out += error.where.path + ": ";
  out += error.problem;
  if (!error.expected.empty()) out += "; expected " + error.expected;
  if (error.suggestion.empty()) return out;
  if (isSentence(error.suggestion)) return out + "; " + error.suggestion;
  return out + "; did you mean '" + error.suggestion + "'?";
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // Never cut inside a UTF-8 character: continuation bytes are 10xxxxxx.
    if (out.size() > kLongestQuote && (byte & 0xC0) != 0x80) return out + "...'";
    if (byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
    } else {
      out += text[i];
    }
  }
  return out + "'";
}

}  // namespace remora::control
