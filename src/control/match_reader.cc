#include "control/match_reader.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "control/addresses.h"
#include "control/path_pattern.h"
#include "control/suggest.h"

namespace remora::control {

namespace {

using model::ValueMatch;

constexpr std::array<std::string_view, 9> kKnownMethods = {"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                                           "OPTIONS", "PATCH", "TRACE", "CONNECT"};

// ---- hosts

constexpr size_t kMostHosts = 1000;  // each is compared with each other

void readHosts(ConfigReader& reader, const Place& place, std::span<const Form> forms, HostedRoute& route) {
  std::vector<std::pair<std::string, Place>> hosts;
  if (place.isList() && place.node->items.size() > kMostHosts) {
    return reader.error(place, std::to_string(place.node->items.size()) + " hosts in one route",
                        "at most " + std::to_string(kMostHosts));
  }
  for (const Place& item : reader.items(place, forms)) {
    std::string text;
    if (!reader.readScalar(item, forms.first(1), text)) continue;
    const std::string host = ascii::toLower(text);
    if (const std::optional<Misspelt> refused = refuseHost(host)) {
      reader.error(item, *refused);
    } else if (std::ranges::find(hosts, host, &std::pair<std::string, Place>::first) != hosts.end()) {
      reader.warning(item, "host " + quoted(host) + " is given twice");
    } else {
      hosts.emplace_back(host, item);
    }
  }
  if (hosts.empty()) return;
  route.hosts.clear();
  route.hosts_origin = reader.origin(place);
  for (const auto& [host, item] : hosts) {
    const auto covers = [&](const auto& other) { return coversHost(other.first, host); };
    if (const auto wide = std::ranges::find_if(hosts, covers); wide != hosts.end()) {
      reader.warning(item, "host " + quoted(host) + " is covered by " + quoted(wide->first) + " already");
    } else {
      route.hosts.push_back(host);
    }
  }
}

// ---- path

void readPath(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::RouteMatch& match) {
  match.path_origin = reader.origin(place);
  const auto take = [&](const Place& at, Spelt<model::PathMatch> (*parse)(std::string_view),
                        std::span<const Form> text_forms) {
    std::string text;
    if (!reader.readScalar(at, text_forms, text)) return;
    if (Spelt<model::PathMatch> path = parse(text)) {
      match.path = std::move(*path);
    } else {
      reader.error(at, path.error());
    }
  };
  if (!place.isMap()) return take(place, parsePathPattern, forms);
  Fields fields(reader, place, kPathMatchSpec);
  struct Choice {
    std::string_view key;
    Spelt<model::PathMatch> (*parse)(std::string_view);
  };
  for (const Choice& choice : {Choice{"exact", exactPath}, Choice{"prefix", prefixPath}, Choice{"regex", regexPath},
                               Choice{"template", templatePath}}) {
    if (const auto at = fields.find(choice.key)) take(*at, choice.parse, fields.forms(choice.key));
  }
}

// ---- methods

void readMethods(ConfigReader& reader, Fields& fields, model::RouteMatch& match) {
  const std::optional<Place> one = fields.find("method");
  const std::optional<Place> many = fields.find("methods");
  if (one && many) reader.error(*many, "'method' and 'methods' are the same key", "one of them");
  const std::optional<Place> place = one ? one : many;
  if (!place) return;
  match.methods_origin = reader.origin(*place);
  const std::span<const Form> forms = fields.forms("method");
  for (const Place& item : reader.items(*place, forms)) {
    std::string text;
    if (!reader.readScalar(item, forms, text)) continue;
    std::string upper = text;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
    const bool is_known = std::ranges::find(kKnownMethods, text) != kKnownMethods.end();
    const std::string_view nearest = nearestName(text, kKnownMethods);
    if (!isToken(text)) {
      reader.error(item, quoted(text) + " is not a method", "a name such as GET or POST");
    } else if (!is_known && std::ranges::find(kKnownMethods, upper) != kKnownMethods.end()) {
      reader.error(item, "methods are case-sensitive: " + quoted(text) + " is not " + upper, {}, upper);
    } else if (std::ranges::find(match.methods, text) != match.methods.end()) {
      reader.warning(item, "method " + quoted(text) + " is given twice");
    } else {
      if (!is_known && !nearest.empty()) {
        reader.warning(item, "unusual method " + quoted(text), std::string(nearest));
      }
      match.methods.push_back(text);
    }
  }
}

// ---- headers, query, cookies

struct ValueKind {
  std::string_view key;
  ValueMatch::Kind kind;
};
constexpr ValueKind kValueKinds[] = {{"exact", ValueMatch::Kind::kExact},     {"prefix", ValueMatch::Kind::kPrefix},
                                     {"suffix", ValueMatch::Kind::kSuffix},   {"regex", ValueMatch::Kind::kRegex},
                                     {"present", ValueMatch::Kind::kPresent}, {"absent", ValueMatch::Kind::kAbsent}};

void readValueMatch(ConfigReader& reader, const Place& place, std::span<const Form> forms, ValueMatch& match) {
  match.origin = reader.origin(place);
  if (!place.isMap()) {
    match.kind = ValueMatch::Kind::kExact;
    reader.readScalar(place, forms, match.text);
    return;
  }
  Fields fields(reader, place, kValueMatchSpec);
  for (const ValueKind& choice : kValueKinds) {
    const std::optional<Place> at = fields.find(choice.key);
    if (!at) continue;
    match.kind = choice.kind;
    if (choice.kind == ValueMatch::Kind::kPresent || choice.kind == ValueMatch::Kind::kAbsent) {
      bool is_asked = true;
      fields.read(choice.key, is_asked);
      if (is_asked) continue;
      const bool is_present = choice.kind == ValueMatch::Kind::kPresent;
      reader.error(*at, std::string(choice.key) + ": false says nothing", "true",
                   is_present ? "write absent: true" : "write present: true");
      continue;
    }
    fields.read(choice.key, match.text);
    if (choice.kind != ValueMatch::Kind::kRegex) continue;
    if (const std::optional<Misspelt> refused = refuseRegex(match.text)) reader.error(*at, *refused);
  }
}

enum class NameOf : uint8_t { kHeader, kQuery, kCookie };

void readValueMatches(ConfigReader& reader, Fields& fields, std::string_view key, NameOf name_of,
                      std::vector<ValueMatch>& out) {
  const std::optional<Place> place = fields.find(key);
  if (!place) return;
  const std::span<const Form> forms = fields.forms(key);
  for (const auto& [name, at] : reader.entries(*place, forms)) {
    ValueMatch match;
    match.name = name_of == NameOf::kHeader ? ascii::toLower(name) : name;
    if (name.empty() || (name_of != NameOf::kQuery && !isToken(name))) {
      reader.error(at, quoted(name) + (name_of == NameOf::kHeader ? " is not a header's name" : " is not a name"),
                   "a name without blanks, such as x-canary");
      continue;
    }
    if (name_of == NameOf::kHeader && match.name == "host") {
      reader.error(at, "the Host header is matched with the key 'host'", "match.host");
    }
    if (name_of == NameOf::kHeader && match.name != name &&
        std::ranges::find(out, match.name, &ValueMatch::name) != out.end()) {
      reader.error(at, "header " + quoted(match.name) + " is given twice", "each header once, in any case");
    }
    readValueMatch(reader, at, forms[0].items, match);
    out.push_back(std::move(match));
  }
}

}  // namespace

void readMatch(ConfigReader& reader, const Place& place, HostedRoute& route) {
  Fields fields(reader, place, kMatchSpec);
  if (!fields.isOpen()) return;
  model::RouteMatch& match = route.route.match;
  if (const auto at = fields.find("host")) readHosts(reader, *at, fields.forms("host"), route);
  if (const auto at = fields.find("path")) readPath(reader, *at, fields.forms("path"), match);
  readMethods(reader, fields, match);
  readValueMatches(reader, fields, "headers", NameOf::kHeader, match.headers);
  readValueMatches(reader, fields, "query", NameOf::kQuery, match.query);
  readValueMatches(reader, fields, "cookies", NameOf::kCookie, match.cookies);
  if (const auto at = fields.find("source")) {
    match.sources_origin = reader.origin(*at);
    readNetworks(reader, *at, fields.forms("source"), match.sources);
  }
}

void readNetworks(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                  std::vector<std::string>& out) {
  for (const Place& item : reader.items(place, forms)) {
    std::string text;
    if (!reader.readScalar(item, forms, text)) continue;
    const Spelt<Network> network = parseNetwork(text);
    if (!network) {
      reader.error(item, network.error());
      continue;
    }
    if (network->had_host_bits) {
      reader.warning(item, quoted(text) + " has bits beyond its prefix; it means " + network->text);
    }
    out.push_back(network->text);
  }
}

std::optional<Misspelt> refuseHost(std::string_view text) {
  constexpr std::string_view kExpected = "a host name without port, \"*.example.com\" or \"*\"";
  if (text == "*") return std::nullopt;
  const auto wrong = [&](std::string_view why, std::string suggestion = {}) {
    return Misspelt{quoted(text) + " " + std::string(why), std::string(kExpected), std::move(suggestion)};
  };
  std::string_view name = text;
  if (name.starts_with('[') && name.ends_with(']') && isIpAddress(name.substr(1, name.size() - 2))) return std::nullopt;
  if (const size_t scheme = name.find("://"); scheme != std::string_view::npos) {
    std::string_view host = name.substr(scheme + 3);
    return wrong("is a URL", spelling(std::string(host.substr(0, host.find_first_of(":/")))));
  }
  if (name.find(':') != std::string_view::npos) {
    if (isIpAddress(name)) return wrong("is an IPv6 address without brackets", "[" + std::string(name) + "]");
    return wrong("has a port; hosts are matched without it", spelling(std::string(name.substr(0, name.rfind(':')))));
  }
  if (name.ends_with('.') && isHostName(name.substr(0, name.size() - 1))) {
    return wrong("ends with a dot; hosts are matched without it", std::string(name.substr(0, name.size() - 1)));
  }
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.find('*') != std::string_view::npos)
    return wrong("has a star in it", "a star stands only for the first labels: \"*.example.com\"");
  return isHostName(name) ? std::nullopt : std::optional(wrong("is not a host name"));
}

bool isToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, ascii::isTokenChar);
}

}  // namespace remora::control
