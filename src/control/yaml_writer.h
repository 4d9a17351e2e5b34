// Writes YAML in block style that every YAML parser reads back as the same text. Belongs to one writing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace remora::control {

// Plain where that can't be misread, else in double quotes with escapes.
std::string yamlScalar(std::string_view text);
std::string yamlQuoted(std::string_view text);  // always in double quotes

class YamlWriter {
 public:
  // "key: value"; the value is YAML already.
  void entry(std::string_view key, std::string_view yaml);
  void text(std::string_view key, std::string_view value) { entry(key, yamlScalar(value)); }
  void number(std::string_view key, uint64_t value) { entry(key, std::to_string(value)); }
  void flag(std::string_view key, bool value) { entry(key, value ? "true" : "false"); }

  void open(std::string_view key);  // "key:", what follows belongs to it
  void close() { depth_ -= 2; }
  void beginItem();  // "- ", the entries that follow are one item of the open list
  void endItem() { depth_ -= 2; }
  void item(std::string_view yaml);  // "- value"

  std::string take() { return std::move(out_); }

 private:
  void startLine();

  std::string out_;
  size_t depth_ = 0;
  bool has_dash_ = false;  // the next line begins an item
};

}  // namespace remora::control
