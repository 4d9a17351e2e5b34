#include "control/config_reader.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/ascii.h"
#include "base/check.h"
#include "control/config_files.h"
#include "control/suggest.h"

namespace remora::control {

namespace {

// A file that is wrong a thousand times is wrong in one way; the rest would only bury the first.
constexpr size_t kMostErrors = 100;

std::string kindText(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return quoted(node.text);
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return {};
}

const Form* formOf(std::span<const Form> forms, Form::Kind kind) {
  const auto found = std::ranges::find(forms, kind, &Form::kind);
  return found == forms.end() ? nullptr : &*found;
}

std::string nearestBool(std::string_view text) {
  const std::string lower = ascii::toLower(text);
  for (const std::string_view yes : {"true", "yes", "on", "y", "1", "enabled"}) {
    if (lower == yes) return "true";
  }
  for (const std::string_view no : {"false", "no", "off", "n", "0", "disabled"}) {
    if (lower == no) return "false";
  }
  return {};
}

// The objects that have a key of this name: a right word in the wrong place.
std::string homeOf(std::string_view key, const ObjectSpec& besides) {
  std::string out;
  size_t homes = 0;
  for (const ObjectSpec* object : allObjects()) {
    if (object == &besides || object->find(key) == nullptr) continue;
    if (++homes > 3) return {};  // so common a word that its homes explain nothing
    if (!out.empty()) out += " or ";
    out += object == &kFileSpec ? "the top level" : std::string(object->name);
  }
  return out.empty() ? out : quoted(key) + " belongs to " + out;
}

}  // namespace

std::string Place::under(std::string_view key) const {
  // Only a quoted key can hold such bytes; they must not reach a terminal or a log line by way of a path.
  const bool is_plain =
      std::ranges::none_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return (path.empty() ? "" : path + ".") + (is_plain ? std::string(key) : quoted(key));
}

// ---- ConfigReader

void ConfigReader::add(std::vector<ConfigError>& to, model::Origin where, std::string problem, std::string expected,
                       std::string suggestion) {
  if (to.size() > kMostErrors) return;
  if (to.size() == kMostErrors) {
    to.push_back({{file_, UINT32_MAX, 0, {}}, "there is more, but this is enough", {}, {}});
    return;
  }
  to.push_back({std::move(where), std::move(problem), std::move(expected), std::move(suggestion)});
}

void ConfigReader::error(const Place& place, std::string problem, std::string expected, std::string suggestion) {
  add(errors_, origin(place), std::move(problem), std::move(expected), std::move(suggestion));
}

void ConfigReader::errorAt(model::Origin where, std::string problem, std::string expected, std::string suggestion) {
  add(errors_, std::move(where), std::move(problem), std::move(expected), std::move(suggestion));
}

void ConfigReader::warning(const Place& place, std::string problem, std::string suggestion) {
  add(warnings_, origin(place), std::move(problem), {}, std::move(suggestion));
}

void ConfigReader::warningAt(model::Origin where, std::string problem, std::string suggestion) {
  add(warnings_, std::move(where), std::move(problem), {}, std::move(suggestion));
}

bool ConfigReader::isFull() const {
  return errors_.size() > kMostErrors;
}

model::Origin ConfigReader::origin(const Place& place) const {
  return {file_, place.node->line, place.node->column, place.path};
}

namespace {

std::vector<ConfigError> inOrder(std::vector<ConfigError> errors) {
  std::vector<size_t> order(errors.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](size_t i) { return std::tuple(errors[i].where.line, errors[i].where.column, i); });
  std::vector<ConfigError> sorted;
  for (const size_t i : order) sorted.push_back(std::move(errors[i]));
  errors = std::move(sorted);
  // The note that there is more.
  if (!errors.empty() && errors.back().where.line == UINT32_MAX) errors.back().where.line = 0;
  // An alias shows the same mistake at the same place under several paths; each path is worth its line, a repeated
  // pair of both isn't.
  errors.erase(std::unique(errors.begin(), errors.end()), errors.end());
  return errors;
}

}  // namespace

std::vector<ConfigError> ConfigReader::takeErrors() {
  return inOrder(std::exchange(errors_, {}));
}
std::vector<ConfigError> ConfigReader::takeWarnings() {
  return inOrder(std::exchange(warnings_, {}));
}

bool ConfigReader::readScalar(const Place& place, std::span<const Form> forms, std::string& out) {
  if (!place.isScalar()) {
    error(place, "found " + kindText(*place.node), expectation(forms));
    return false;
  }
  out = place.node->text;
  return true;
}

bool ConfigReader::readInteger(const Place& place, std::span<const Form> forms, uint64_t& out) {
  const Form* form = formOf(forms, Form::Kind::kInteger);
  check(form != nullptr, "an integer is read only where the table allows one");
  std::string text;
  if (!readScalar(place, forms, text)) return false;
  const std::optional<uint64_t> value = place.node->is_quoted ? std::nullopt : ascii::parseDecimal(text);
  if (!value) {
    error(place, quoted(text) + " is not a whole number", expectation(forms),
          place.node->is_quoted && ascii::parseDecimal(text) ? "write it without quotes" : "");
    return false;
  }
  if (*value < form->least || *value > form->most) {
    error(place, text + (*value < form->least ? " is too small" : " is too large"), expectation(forms));
    return false;
  }
  out = *value;
  return true;
}

bool ConfigReader::readDuration(const Place& place, std::span<const Form> forms, Milliseconds& out) {
  const Form* form = formOf(forms, Form::Kind::kDuration);
  check(form != nullptr, "a time is read only where the table allows one");
  std::string text;
  if (!readScalar(place, forms, text)) return false;
  const Spelt<Milliseconds> value = parseDuration(text);
  if (!value) {
    error(place, value.error());
    return false;
  }
  if (static_cast<uint64_t>(value->count()) < form->least) {
    error(place, "this time must not be 0: nothing else would end the wait", expectation(forms));
    return false;
  }
  if (static_cast<uint64_t>(value->count()) > form->most) {
    error(place, text + " is too long", "at most " + durationText(Milliseconds(form->most)));
    return false;
  }
  out = *value;
  return true;
}

bool ConfigReader::readSize(const Place& place, std::span<const Form> forms, Bytes& out) {
  const Form* form = formOf(forms, Form::Kind::kSize);
  check(form != nullptr, "a size is read only where the table allows one");
  std::string text;
  if (!readScalar(place, forms, text)) return false;
  const Spelt<Bytes> value = parseSize(text);
  if (!value) {
    error(place, value.error());
    return false;
  }
  if (value->count < form->least || value->count > form->most) {
    error(place, text + (value->count < form->least ? " is too small" : " is too large"), expectation(forms));
    return false;
  }
  out = *value;
  return true;
}

bool ConfigReader::readBool(const Place& place, std::span<const Form> forms, bool& out) {
  std::string text;
  if (!readScalar(place, forms, text)) return false;
  if (place.node->is_quoted || (text != "true" && text != "false")) {
    error(place, (place.node->is_quoted ? "the text " : "") + quoted(text) + " is neither true nor false",
          "true or false, without quotes", nearestBool(text));
    return false;
  }
  out = text == "true";
  return true;
}

bool ConfigReader::readFile(const Place& place, std::span<const Form> forms, std::string& out) {
  std::string text;
  if (!readScalar(place, forms, text)) return false;
  if (text.empty() || std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    error(place, quoted(text) + " is no path", expectation(forms));
    return false;
  }
  out = pathFrom(folder_, text);
  return true;
}

std::optional<size_t> ConfigReader::readWord(const Place& place, std::span<const Form> forms) {
  const Form* form = formOf(forms, Form::Kind::kWord);
  check(form != nullptr, "a word is read only where the table allows one");
  std::string text;
  if (!readScalar(place, forms, text)) return std::nullopt;
  const auto found = std::ranges::find(form->words, text);
  if (found != form->words.end()) return static_cast<size_t>(found - form->words.begin());
  error(place, "unknown value " + quoted(text), expectation(forms), std::string(nearestName(text, form->words)));
  return std::nullopt;
}

std::vector<Place> ConfigReader::items(const Place& place, std::span<const Form> forms) {
  std::vector<Place> out;
  if (place.isList()) {
    for (size_t i = 0; i < place.node->items.size(); ++i) {
      const Place item = place.item(i);
      if (item.node->kind == YamlNode::Kind::kNull) {
        error(item, "an empty item", expectation(formOf(forms, Form::Kind::kList)->items));
      } else {
        out.push_back(item);
      }
    }
    if (place.node->items.empty()) error(place, "an empty list", expectation(forms));
    return out;
  }
  if (forms.size() > 1) return {place};  // a single value stands for a list of one
  error(place, "found " + kindText(*place.node), expectation(forms), place.isMap() ? "begin each item with '- '" : "");
  return out;
}

std::vector<std::pair<std::string, Place>> ConfigReader::entries(const Place& place, std::span<const Form> forms) {
  std::vector<std::pair<std::string, Place>> out;
  if (!place.isMap()) {
    error(place, "found " + kindText(*place.node), expectation(forms));
    return out;
  }
  std::vector<std::pair<std::string_view, const YamlNode*>> seen;
  for (size_t i = 0; i < place.node->entries.size(); ++i) {
    const YamlNode& key = *place.node->entries[i].first;
    out.emplace_back(key.text, place.entry(i));
    if (out.back().second.node->kind == YamlNode::Kind::kNull) {
      error({&key, out.back().second.path}, quoted(key.text) + " has no value");
      out.pop_back();
    }
    seen.emplace_back(key.text, &key);
  }
  std::ranges::sort(seen, {},
                    [](const auto& pair) { return std::tuple(pair.first, pair.second->line, pair.second->column); });
  for (size_t i = 1; i < seen.size(); ++i) {
    if (seen[i].first != seen[i - 1].first) continue;
    error({seen[i].second, place.under(seen[i].first)}, "key " + quoted(seen[i].first) + " is given twice",
          "each key once; the first is in line " + std::to_string(seen[i - 1].second->line));
  }
  return out;
}

// ---- Fields

Fields::Fields(ConfigReader& reader, Place place, const ObjectSpec& spec)
    : reader_(reader), place_(std::move(place)), spec_(spec) {
  if (!place_.isMap()) {
    std::string names;
    for (const KeySpec& key : spec_.keys) names += (names.empty() ? "" : ", ") + std::string(key.name);
    reader_.error(place_, "found " + kindText(*place_.node), "a mapping with the keys " + names);
    return;
  }
  checkKeys();
  checkRequired();
}

void Fields::checkKeys() {
  for (const auto& [key_node, value] : place_.node->entries) {
    if (reader_.isFull()) return;  // what a hostile file would make slow
    const YamlNode& key = *key_node;
    if (spec_.find(key.text) == nullptr) {
      refuseUnknown(key);
      continue;
    }
    const Place at{&key, place_.under(key.text)};
    // The first of a name is the one that entryOf finds.
    if (const auto* first = entryOf(key.text); first->first != &key) {
      reader_.error(at, "key " + quoted(key.text) + " is given twice",
                    "each key once; the first is in line " + std::to_string(first->first->line));
    } else if (first->second->kind == YamlNode::Kind::kNull) {
      reader_.error(at, quoted(key.text) + " has no value", expectation(spec(key.text).forms),
                    "give it one, or remove the key");
    }
  }
}

void Fields::refuseUnknown(const YamlNode& key) {
  std::vector<std::string_view> names;
  std::string expected = spec_.keys.size() > 1 ? "one of " : "";
  for (const KeySpec& known : spec_.keys) {
    if (!names.empty()) expected += ", ";
    names.push_back(known.name);
    expected += known.name;
  }
  const std::string_view nearest = nearestName(key.text, names);
  // One slip in this place, or else the right word in the wrong place, or else the nearest.
  std::string suggestion;
  if (key.text.size() < 4 || editDistance(key.text, nearest) > 1) suggestion = homeOf(key.text, spec_);
  if (suggestion.empty()) suggestion = nearest;
  if (key.text == "<<") suggestion = "merge keys are not supported, aliases (*name) of whole values are";
  reader_.error({&key, place_.under(key.text)}, "unknown key " + quoted(key.text), expected, suggestion);
}

void Fields::checkRequired() {
  for (const std::string_view key : spec_.required) {
    const std::string_view missing[] = {key};
    // A misspelt key has its own error, with this one as the suggestion.
    const auto isMeant = [&](const auto& entry) {
      return spec_.find(entry.first->text) == nullptr && !nearestName(entry.first->text, missing).empty();
    };
    if (has(key) || std::ranges::any_of(place_.node->entries, isMeant)) continue;
    reader_.error(place_, quoted(key) + " is missing", std::string(key) + ": " + expectation(spec(key).forms));
  }
  if (spec_.exactly_one.empty()) return;
  std::string names;
  std::string found;
  size_t count = 0;
  for (const std::string_view key : spec_.exactly_one) {
    names += (names.empty() ? "" : ", ") + std::string(key);
    if (!has(key)) continue;
    found += (found.empty() ? "" : " and ") + quoted(key);
    ++count;
  }
  if (count == 1) return;
  // An unknown key was most likely meant as the missing one, and has its own error.
  const auto isUnknown = [this](const auto& entry) { return spec_.find(entry.first->text) == nullptr; };
  if (count == 0 && std::ranges::any_of(place_.node->entries, isUnknown)) return;
  reader_.error(place_, count == 0 ? "a choice is missing" : found + " exclude each other", "exactly one of " + names);
}

const std::pair<const YamlNode*, const YamlNode*>* Fields::entryOf(std::string_view key) const {
  for (const auto& entry : place_.node->entries) {
    if (entry.first->text == key) return &entry;
  }
  return nullptr;
}

const KeySpec& Fields::spec(std::string_view key) const {
  const KeySpec* found = spec_.find(key);
  check(found != nullptr, "every key that is read stands in the table of keys");
  return *found;
}

std::optional<Place> Fields::find(std::string_view key) const {
  spec(key);
  const auto* entry = entryOf(key);
  if (entry == nullptr || entry->second->kind == YamlNode::Kind::kNull) return std::nullopt;
  return Place{entry->second, place_.under(key)};
}

void Fields::read(std::string_view key, bool& out) {
  if (const auto place = find(key)) reader_.readBool(*place, forms(key), out);
}

void Fields::read(std::string_view key, uint16_t& out) {
  uint64_t value = out;
  read(key, value);
  out = static_cast<uint16_t>(value);  // the table bounds it
}

void Fields::read(std::string_view key, uint32_t& out) {
  uint64_t value = out;
  read(key, value);
  out = static_cast<uint32_t>(value);  // the table bounds it
}

void Fields::read(std::string_view key, uint64_t& out) {
  if (const auto place = find(key)) reader_.readInteger(*place, forms(key), out);
}

void Fields::read(std::string_view key, Milliseconds& out) {
  if (const auto place = find(key)) reader_.readDuration(*place, forms(key), out);
}

void Fields::read(std::string_view key, Bytes& out) {
  if (const auto place = find(key)) reader_.readSize(*place, forms(key), out);
}

void Fields::read(std::string_view key, std::string& out) {
  if (const auto place = find(key)) reader_.readScalar(*place, forms(key), out);
}

void Fields::read(std::string_view key, std::optional<std::string>& out) {
  std::string text;
  if (const auto place = find(key); place && reader_.readScalar(*place, forms(key), text)) out = std::move(text);
}

void Fields::readFile(std::string_view key, std::string& out) {
  if (const auto place = find(key)) reader_.readFile(*place, forms(key), out);
}

std::optional<size_t> Fields::wordIndex(std::string_view key) {
  const auto place = find(key);
  return place ? reader_.readWord(*place, forms(key)) : std::nullopt;
}

void refuseLonger(ConfigReader& reader, const Place& place, std::string_view key, Milliseconds first,
                  Milliseconds most) {
  if (first <= most) return;
  const std::string bound = std::string(key) + "_most";
  const bool has_vowel = std::string_view("aeiou").contains(key[0]);
  reader.error(place, quoted(key) + " is longer than " + quoted(bound),
               (has_vowel ? "an " : "a ") + bound + " of at least " + std::string(key));
}

}  // namespace remora::control
