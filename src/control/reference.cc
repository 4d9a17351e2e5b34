#include "control/config_keys.h"
#include "control/yaml_config.h"

namespace remora::control {

namespace {

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string configReference() {
  std::string out;
  for (const ObjectSpec* object : allObjects()) {
    out += "### " + std::string(object->name) + "\n\n" + std::string(object->description) + "\n\n";
    out += "| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const KeySpec& key : object->keys) {
      out += "| `" + std::string(key.name) + "` | " + cell(expectation(key.forms)) + " | ";
      if (!key.fallback.empty()) out += "`" + cell(key.fallback) + "`";
      out += " | " + cell(key.description) + " |\n";
    }
    out += "\n";
  }
  return out;
}

}  // namespace remora::control
