#include "control/header_changes_reader.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "control/match_reader.h"

namespace remora::control {

namespace {

constexpr size_t kLongestValue = 8192;

// RFC 9110 section 7.6.1 and the framing of RFC 9112 section 6.
constexpr std::array<std::string_view, 9> kOwnFields = {
    "connection", "content-length",    "keep-alive", "proxy-connection", "te",
    "trailer",    "transfer-encoding", "upgrade",    "http2-settings"};

std::optional<Misspelt> refuseName(std::string_view name, MessageSide side) {
  const std::string lower = ascii::toLower(name);
  if (!isToken(name)) {
    return Misspelt{quoted(name) + " is not a header's name", "letters, digits and '-', such as x-canary"};
  }
  if (std::ranges::find(kOwnFields, lower) != kOwnFields.end()) {
    return Misspelt{"the field " + quoted(lower) + " belongs to a connection or frames the message, remora sets it",
                    "a field of the message itself"};
  }
  if (lower == "host" && side == MessageSide::kRequest) {
    return Misspelt{"the Host header decides where a request goes", "rewrite.host", "write rewrite: { host: name }"};
  }
  return std::nullopt;
}

using NamedValues = std::vector<std::pair<std::string, std::string>>;

void readValue(ConfigReader& reader, const std::string& name, const Place& place, std::span<const Form> forms,
               NamedValues& out) {
  std::string value;
  if (!reader.readScalar(place, forms, value)) return;
  if (const std::optional<Misspelt> refused = refuseHeaderValue(value)) return reader.error(place, *refused);
  out.emplace_back(name, std::move(value));
}

void readValues(ConfigReader& reader, Fields& fields, std::string_view key, MessageSide side, NamedValues& out) {
  const std::optional<Place> place = fields.find(key);
  if (!place) return;
  const std::span<const Form> map = fields.forms(key);
  std::vector<std::string> seen;
  for (const auto& [name, at] : reader.entries(*place, map)) {
    if (const std::optional<Misspelt> refused = refuseName(name, side)) {
      reader.error(at, *refused);
      continue;
    }
    const std::string lower = ascii::toLower(name);
    if (lower != name && std::ranges::find(seen, lower) != seen.end()) {
      reader.error(at, "header " + quoted(lower) + " is given twice", "each header once, in any case");
    }
    seen.push_back(lower);
    if (!at.isList() || map[0].items.size() == 1) {
      readValue(reader, name, at, map[0].items, out);
      continue;
    }
    for (const Place& item : reader.items(at, map[0].items)) readValue(reader, name, item, map[0].items, out);
  }
}

}  // namespace

void readHeaderChanges(ConfigReader& reader, const Place& place, MessageSide side, model::HeaderChanges& changes) {
  Fields fields(reader, place, kHeaderChangesSpec);
  if (!fields.isOpen()) return;
  readValues(reader, fields, "set", side, changes.set);
  readValues(reader, fields, "add", side, changes.add);
  const std::optional<Place> removed = fields.find("remove");
  if (!removed) return;
  for (const Place& item : reader.items(*removed, fields.forms("remove"))) {
    std::string name;
    if (!reader.readScalar(item, fields.forms("remove")[0].items, name)) continue;
    if (const std::optional<Misspelt> refused = refuseName(name, side)) {
      reader.error(item, *refused);
    } else {
      changes.remove.push_back(ascii::toLower(name));
    }
  }
}

std::optional<Misspelt> refuseHeaderValue(std::string_view value) {
  if (value.size() > kLongestValue) {
    return Misspelt{"the header value is too long", "at most " + std::to_string(kLongestValue) + " bytes"};
  }
  const auto isControl = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(value, isControl)) {
    return Misspelt{"the header value " + quoted(value) + " contains a control character", "one line of text"};
  }
  if (ascii::trim(value).size() != value.size()) {
    return Misspelt{"the header value " + quoted(value) + " begins or ends with a blank", "the value without it"};
  }
  return std::nullopt;
}

}  // namespace remora::control
