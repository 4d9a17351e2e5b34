#include "control/config_error.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace remora::control {

namespace {

constexpr size_t kLongestQuote = 80;  // a line of a terminal; the place in the file tells the rest

bool isSentence(std::string_view suggestion) {
  return suggestion.find(' ') != std::string_view::npos;
}

void appendEscaped(std::string& out, char c) {
  char escaped[8];
  std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
  out += escaped;
}

bool isControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string withoutControls(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (isControl(c)) {
      appendEscaped(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string joined(const ConfigError& error) {
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

}  // namespace

std::string describe(const ConfigError& error) {
  // Whatever the parts hold, a message is one line that leaves a terminal as it was.
  return withoutControls(joined(error));
}

std::string spelling(std::string text) {
  const auto isVisible = [](char c) { return c > ' ' && c < 0x7F; };
  const bool is_typable = text.size() <= kLongestQuote && std::ranges::all_of(text, isVisible);
  return is_typable ? std::move(text) : std::string();
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // Never cut inside a UTF-8 character: continuation bytes are 10xxxxxx.
    if (out.size() > kLongestQuote && (byte & 0xC0) != 0x80) return out + "...'";
    if (isControl(text[i])) {
      appendEscaped(out, text[i]);
    } else {
      out += text[i];
    }
  }
  return out + "'";
}

}  // namespace remora::control
