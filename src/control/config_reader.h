// Reads typed values out of a YAML tree by the table of keys, and collects what is wrong instead of stopping. A value
// that can't be read leaves its destination as it was. Belongs to one load; never throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/deadline.h"
#include "control/config_error.h"
#include "control/config_keys.h"
#include "control/units.h"
#include "control/yaml_tree.h"
#include "model/origin.h"

namespace remora::control {

// A node and how it is reached: "inbound[0].routes[3].match". The node belongs to the tree.
struct Place {
  const YamlNode* node = nullptr;
  std::string path;

  Place item(size_t index) const { return {node->items[index], path + "[" + std::to_string(index) + "]"}; }
  Place entry(size_t index) const { return {node->entries[index].second, under(node->entries[index].first->text)}; }
  std::string under(std::string_view key) const;
  bool isScalar() const { return node->kind == YamlNode::Kind::kScalar; }
  bool isList() const { return node->kind == YamlNode::Kind::kList; }
  bool isMap() const { return node->kind == YamlNode::Kind::kMap; }
  // `false` without quotes: switched off.
  bool isFalse() const { return isScalar() && !node->is_quoted && node->text == "false"; }
};

class ConfigReader {
 public:
  // Relative paths in the file are taken from `folder`; empty: from where the process runs.
  explicit ConfigReader(std::string file, std::string folder = {})
      : file_(std::move(file)), folder_(std::move(folder)) {}

  void error(const Place& place, std::string problem, std::string expected = {}, std::string suggestion = {});
  void error(const Place& place, const Misspelt& misspelt) {
    error(place, misspelt.problem, misspelt.expected, misspelt.suggestion);
  }
  // Of values that have no place of their own: what an earlier step already gave an origin.
  void errorAt(model::Origin where, std::string problem, std::string expected = {}, std::string suggestion = {});
  void warning(const Place& place, std::string problem, std::string suggestion = {});
  void warningAt(model::Origin where, std::string problem, std::string suggestion = {});

  model::Origin origin(const Place& place) const;
  const std::string& file() const { return file_; }
  size_t errorCount() const { return errors_.size(); }
  bool isFull() const;  // nothing more would be reported

  // In the order of the file.
  std::vector<ConfigError> takeErrors();
  std::vector<ConfigError> takeWarnings();

  // One value in one of the forms; false (and an error) when it is none of them.
  bool readScalar(const Place& place, std::span<const Form> forms, std::string& out);
  bool readInteger(const Place& place, std::span<const Form> forms, uint64_t& out);
  bool readDuration(const Place& place, std::span<const Form> forms, Milliseconds& out);
  bool readSize(const Place& place, std::span<const Form> forms, Bytes& out);
  bool readBool(const Place& place, std::span<const Form> forms, bool& out);
  // The path of a file, from the folder of the configuration file.
  bool readFile(const Place& place, std::span<const Form> forms, std::string& out);
  // The index of the word.
  std::optional<size_t> readWord(const Place& place, std::span<const Form> forms);
  // The items of a list, or the value itself where a single one may stand for a list of one.
  std::vector<Place> items(const Place& place, std::span<const Form> forms);
  // The entries of a map that the user names; twice the same name (by `fold`) is an error.
  std::vector<std::pair<std::string, Place>> entries(const Place& place, std::span<const Form> forms);

 private:
  void add(std::vector<ConfigError>& to, model::Origin where, std::string problem, std::string expected,
           std::string suggestion);

  std::string file_;
  std::string folder_;
  std::vector<ConfigError> errors_;
  std::vector<ConfigError> warnings_;
};

// One mapping with the keys that `spec` allows. Opening it reports what isn't a mapping, unknown, repeated and missing
// keys. A key that is asked for and not in the table stops the process: the table would lie.
class Fields {
 public:
  Fields(ConfigReader& reader, Place place, const ObjectSpec& spec);

  bool isOpen() const { return place_.isMap(); }
  const Place& place() const { return place_; }
  bool has(std::string_view key) const { return entryOf(key) != nullptr; }
  // Nothing when the key is absent, or has no value (which is an error).
  std::optional<Place> find(std::string_view key) const;
  const KeySpec& spec(std::string_view key) const;
  std::span<const Form> forms(std::string_view key) const { return spec(key).forms; }

  void read(std::string_view key, bool& out);
  void read(std::string_view key, uint16_t& out);
  void read(std::string_view key, uint32_t& out);
  void read(std::string_view key, uint64_t& out);
  void read(std::string_view key, Milliseconds& out);
  void read(std::string_view key, Bytes& out);
  void read(std::string_view key, std::string& out);
  void read(std::string_view key, std::optional<std::string>& out);
  void readFile(std::string_view key, std::string& out);
  // The words of the table stand in the order of the enum's values.
  template <class Enum>
  void readWord(std::string_view key, Enum& out) {
    if (const std::optional<size_t> index = wordIndex(key)) out = static_cast<Enum>(*index);
  }
  std::optional<size_t> wordIndex(std::string_view key);

 private:
  const std::pair<const YamlNode*, const YamlNode*>* entryOf(std::string_view key) const;
  void checkKeys();
  void checkRequired();
  void refuseUnknown(const YamlNode& key);

  ConfigReader& reader_;
  Place place_;
  const ObjectSpec& spec_;
};

// A key that is `true` for all defaults, `false` for none, or a mapping that `readFields` reads.
template <class T>
void readSwitch(ConfigReader& reader, Fields& from, std::string_view key, const ObjectSpec& spec, std::optional<T>& out,
                void (*readFields)(ConfigReader&, Fields&, T&)) {
  const auto at = from.find(key);
  if (!at) return;
  if (at->isScalar()) {
    bool is_wanted = false;
    reader.readBool(*at, from.forms(key), is_wanted);
    if (is_wanted) out.emplace();
    return;
  }
  Fields fields(reader, *at, spec);
  if (fields.isOpen()) readFields(reader, fields, out.emplace());
}

// Of a time that grows up to another, the key with "_most": it can't begin beyond that.
void refuseLonger(ConfigReader& reader, const Place& place, std::string_view key, Milliseconds first,
                  Milliseconds most);

}  // namespace remora::control
