#include <nlohmann/json.hpp>

#include "control/config_keys.h"
#include "control/yaml_config.h"

namespace remora::control {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTimePattern = "^(0|([0-9]+(\\.[0-9]+)?(ms|s|m|h))+)$";
constexpr std::string_view kSizePattern = "^(0|[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|KB|MB|GB))$";

Json schemaOf(std::span<const Form> forms);

Json withZero(std::string_view pattern, std::string_view what) {
  return {{"anyOf", Json::array({{{"type", "string"}, {"pattern", pattern}}, {{"const", 0}}})}, {"description", what}};
}

// A word that looks like a number (1.2) is one to YAML unless it is quoted.
Json wordsOf(const Form& form) {
  Json words = Json::array();
  for (const std::string_view word : form.words) {
    words.push_back(word);
    if (Json number = Json::parse(word, nullptr, false); number.is_number()) words.push_back(std::move(number));
  }
  return words;
}

Json schemaOf(const Form& form) {
  switch (form.kind) {
    case Form::Kind::kBool:
      return {{"type", "boolean"}};
    case Form::Kind::kFalse:
      return {{"const", false}};
    case Form::Kind::kInteger:
      return {{"type", "integer"}, {"minimum", form.least}, {"maximum", form.most}};
    case Form::Kind::kDuration:
      if (form.least == 0) return withZero(kTimePattern, "a time such as 250ms, 2s, 1m or 1h; 0: none");
      return {{"type", "string"}, {"pattern", kTimePattern}};
    case Form::Kind::kSize:
      if (form.least == 0) return withZero(kSizePattern, "a size such as 64KiB");
      return {{"type", "string"}, {"pattern", kSizePattern}};
    case Form::Kind::kText:
      return {{"type", "string"}};
    case Form::Kind::kScalar:
      return {{"type", Json::array({"string", "number", "boolean"})}};
    case Form::Kind::kWord:
      return {{"enum", wordsOf(form)}};
    case Form::Kind::kObject:
      return {{"$ref", "#/$defs/" + std::string(form.object->name)}};
    case Form::Kind::kList:
      return {{"type", "array"}, {"minItems", 1}, {"items", schemaOf(form.items)}};
    case Form::Kind::kMap:
      return {{"type", "object"}, {"additionalProperties", schemaOf(form.items)}};
  }
  return {};
}

Json schemaOf(std::span<const Form> forms) {
  if (forms.size() == 1) return schemaOf(forms[0]);
  Json choices = Json::array();
  for (const Form& form : forms) choices.push_back(schemaOf(form));
  return {{"anyOf", std::move(choices)}};
}

// The default as an editor would insert it: a JSON value, not its YAML text.
Json defaultOf(const KeySpec& key) {
  const Json value = Json::parse(key.fallback, nullptr, false);
  return value.is_discarded() ? Json(key.fallback) : value;
}

Json schemaOf(const ObjectSpec& object) {
  Json out = {{"type", "object"}, {"description", object.description}, {"additionalProperties", false}};
  Json& properties = out["properties"] = Json::object();
  for (const KeySpec& key : object.keys) {
    Json property = schemaOf(key.forms);
    property["description"] = key.description;
    if (!key.fallback.empty()) property["default"] = defaultOf(key);
    properties[std::string(key.name)] = std::move(property);
  }
  if (!object.required.empty()) out["required"] = object.required;
  if (!object.exactly_one.empty()) {
    Json& choices = out["oneOf"] = Json::array();
    for (const std::string_view key : object.exactly_one) choices.push_back({{"required", Json::array({key})}});
  }
  return out;
}

}  // namespace

std::string jsonSchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "remora configuration"}};
  schema.update(schemaOf(kFileSpec));
  schema["anyOf"] = Json::array({{{"required", {"inbound"}}}, {{"required", {"outbound"}}}});
  Json& definitions = schema["$defs"] = Json::object();
  for (const ObjectSpec* object : allObjects()) {
    if (object != &kFileSpec) definitions[std::string(object->name)] = schemaOf(*object);
  }
  return schema.dump(2) + "\n";
}

}  // namespace remora::control
