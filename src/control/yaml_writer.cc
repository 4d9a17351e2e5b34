#include "control/yaml_writer.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/ascii.h"

namespace remora::control {

namespace {

// What YAML 1.1 or 1.2 parsers read as something else than text.
constexpr std::array<std::string_view, 9> kWords = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};

bool isPlain(std::string_view text) {
  if (text.empty() || text.back() == ':') return false;
  const char first = text.front();
  if (!ascii::isAlpha(first) && !ascii::isDigit(first) && first != '/') return false;
  // "1.5", "0x10" and "1e3" are numbers; an address has a colon.
  if (ascii::isDigit(first) && text.find(':') == std::string_view::npos) return false;
  const auto isSafe = [](char c) {
    return ascii::isAlpha(c) || ascii::isDigit(c) || std::string_view("_./:@-").find(c) != std::string_view::npos;
  };
  const auto isSame = [&](std::string_view word) { return ascii::equalsIgnoreCase(word, text); };
  return std::ranges::all_of(text, isSafe) && std::ranges::none_of(kWords, isSame);
}

}  // namespace

std::string yamlQuoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string yamlScalar(std::string_view text) {
  return isPlain(text) ? std::string(text) : yamlQuoted(text);
}

void YamlWriter::startLine() {
  out_.append(has_dash_ ? depth_ - 2 : depth_, ' ');
  if (has_dash_) out_ += "- ";
  has_dash_ = false;
}

void YamlWriter::entry(std::string_view key, std::string_view yaml) {
  startLine();
  out_.append(yamlScalar(key)).append(": ").append(yaml).append("\n");
}

void YamlWriter::open(std::string_view key) {
  startLine();
  out_.append(yamlScalar(key)).append(":\n");
  depth_ += 2;
}

void YamlWriter::beginItem() {
  depth_ += 2;
  has_dash_ = true;
}

void YamlWriter::item(std::string_view yaml) {
  startLine();
  out_.append("- ").append(yaml).append("\n");
}

}  // namespace remora::control
