#include "control/path_pattern.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/ascii.h"
#include "control/config_error.h"
#include "control/suggest.h"

namespace remora::control {

namespace {

using model::PathMatch;

// A compiled program beyond this slows every request that reaches it, and memory is per core.
constexpr int64_t kRegexMemory = 1 << 20;
constexpr int kLargestProgram = 4096;
constexpr size_t kLongestRegex = 4096;
constexpr size_t kMostVariables = 8;  // what the route table keeps of a match

constexpr std::string_view kPathExpected =
    "\"/a/b\" (exact), \"/v2/*\" (prefix), \"/users/{id}\" (template) or \"~ ^/regex$\"";

Misspelt wrong(std::string_view text, std::string_view why, std::string_view expected = {},
               std::string suggestion = {}) {
  return {quoted(text) + " " + std::string(why), std::string(expected), std::move(suggestion)};
}

bool isUnreserved(char c) {
  return ascii::isAlpha(c) || ascii::isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// RFC 3986 section 6.2.2: requests arrive with upper-case escapes, and unreserved characters unescaped.
std::optional<Misspelt> refuseEscape(std::string_view text, size_t at) {
  const int high = at + 1 < text.size() ? ascii::hexValue(text[at + 1]) : -1;
  const int low = at + 2 < text.size() ? ascii::hexValue(text[at + 2]) : -1;
  if (high < 0 || low < 0) return wrong(text, "has a '%' that begins no escape", "%25 for a percent sign");
  const char decoded = static_cast<char>(high * 16 + low);
  std::string respelt(text);
  if (isUnreserved(decoded)) {
    respelt.replace(at, 3, 1, decoded);
    return wrong(text, "escapes a character that requests are matched with unescaped", {}, spelling(respelt));
  }
  if (decoded == '\\' || decoded == '\0') return wrong(text, "has an escape that is refused in every request");
  for (size_t i : {at + 1, at + 2}) {
    if (respelt[i] >= 'a' && respelt[i] <= 'f') respelt[i] = static_cast<char>(respelt[i] - 'a' + 'A');
  }
  if (respelt != text) return wrong(text, "has an escape in lower case", "upper case", spelling(respelt));
  return std::nullopt;
}

std::optional<Misspelt> refuseCharacters(std::string_view text, OwnQuery own_query) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '?' && own_query == OwnQuery::kAllowed) continue;
    if (c == '?') return wrong(text, "contains '?'", "the path alone", "match a query with the key 'query'");
    if (c == '#') return wrong(text, "contains '#': a fragment never reaches a server");
    if (c == '\\') return wrong(text, "contains a backslash, which is refused in every request");
    if (c <= ' ' || c > '~') {
      return wrong(text, "contains a blank, a control or a non-ASCII character", "percent-encoded bytes such as %20");
    }
    if (c != '%') continue;
    if (std::optional<Misspelt> refused = refuseEscape(text, i)) return refused;
  }
  return std::nullopt;
}

// What normalisation takes out of every request path can't be matched.
std::optional<Misspelt> refuseSegments(std::string_view text) {
  if (const size_t slashes = text.find("//"); slashes != std::string_view::npos) {
    std::string respelt(text);
    while (respelt.find("//") != std::string::npos) respelt.erase(respelt.find("//"), 1);
    return wrong(text, "contains '//', which is merged to '/' in requests", {}, spelling(respelt));
  }
  for (std::string_view rest = text.substr(1);;) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment == "." || segment == "..") {
      return wrong(text, "contains the segment " + quoted(segment) + ", which requests are resolved from",
                   "a path without dot segments");
    }
    if (slash == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(slash + 1);
  }
}

std::optional<Misspelt> refusePath(std::string_view text) {
  if (text.empty()) return Misspelt{"the path is empty", std::string(kPathExpected)};
  if (text[0] != '/') {
    const bool is_url = text.find("://") != std::string_view::npos;
    return wrong(text, "doesn't begin with '/'", kPathExpected, is_url ? "" : spelling("/" + std::string(text)));
  }
  if (std::optional<Misspelt> refused = refuseCharacters(text, OwnQuery::kRefused)) return refused;
  return refuseSegments(text);
}

bool isVariableName(std::string_view name) {
  if (name.empty() || ascii::isDigit(name[0])) return false;
  return std::ranges::all_of(name, [](char c) { return ascii::isAlpha(c) || ascii::isDigit(c) || c == '_'; });
}

struct Variable {
  std::string_view name;
  bool is_rest = false;
};

// "{id}" or "{rest=**}".
std::optional<Variable> parseVariable(std::string_view segment) {
  if (segment.size() < 3 || !segment.starts_with('{') || !segment.ends_with('}')) return std::nullopt;
  segment = segment.substr(1, segment.size() - 2);
  Variable variable;
  if (segment.ends_with("=**")) {
    variable.is_rest = true;
    segment.remove_suffix(3);
  } else if (segment.ends_with("=*")) {
    segment.remove_suffix(2);
  }
  variable.name = segment;
  return isVariableName(segment) ? std::optional(variable) : std::nullopt;
}

template <class Visit>
void forEachSegment(std::string_view path, Visit visit) {
  std::string_view rest = path.substr(1);
  for (;;) {
    const size_t slash = rest.find('/');
    const bool is_last = slash == std::string_view::npos;
    if (!visit(rest.substr(0, slash), is_last) || is_last) return;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

Spelt<PathMatch> exactPath(std::string_view text) {
  if (text == "*") return PathMatch{PathMatch::Kind::kExact, "*"};  // OPTIONS *
  if (std::optional<Misspelt> refused = refusePath(text)) return std::unexpected(*refused);
  return PathMatch{PathMatch::Kind::kExact, std::string(text)};
}

Spelt<PathMatch> prefixPath(std::string_view text) {
  if (std::optional<Misspelt> refused = refusePath(text)) return std::unexpected(*refused);
  if (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  return PathMatch{PathMatch::Kind::kPrefix, std::string(text)};
}

Spelt<PathMatch> templatePath(std::string_view text) {
  if (std::optional<Misspelt> refused = refusePath(text)) return std::unexpected(*refused);
  std::vector<std::string_view> names;
  std::optional<Misspelt> refused;
  forEachSegment(text, [&](std::string_view segment, bool is_last) {
    if (segment.find_first_of("{}*") == std::string_view::npos) return true;
    const std::optional<Variable> variable = parseVariable(segment);
    if (!variable) {
      refused = wrong(text, "has the segment " + quoted(segment), "a whole segment {name}, or {name=**} at the end",
                      "for more use a regex: \"~ ^/...$\"");
    } else if (variable->is_rest && !is_last) {
      refused = wrong(text, "has " + quoted(segment) + " before its end", "{name=**} as the last segment");
    } else if (std::ranges::find(names, variable->name) != names.end()) {
      refused = wrong(text, "has the variable " + quoted(variable->name) + " twice", "each name once");
    } else if (names.size() == kMostVariables) {
      refused = wrong(text, "has too many variables", "at most " + std::to_string(kMostVariables));
    } else {
      names.push_back(variable->name);
    }
    return !refused;
  });
  if (refused) return std::unexpected(*refused);
  if (names.empty()) {
    return std::unexpected(
        wrong(text, "has no variable", "a template such as /users/{id}", "without one use exact: or prefix:"));
  }
  return PathMatch{PathMatch::Kind::kTemplate, std::string(text)};
}

Spelt<PathMatch> regexPath(std::string_view text) {
  if (std::optional<Misspelt> refused = refuseRegex(text)) return std::unexpected(*refused);
  return PathMatch{PathMatch::Kind::kRegex, std::string(text)};
}

Spelt<PathMatch> parsePathPattern(std::string_view text) {
  if (text.starts_with('~')) return regexPath(ascii::trim(text.substr(1)));
  if (text.find_first_of("{}") != std::string_view::npos) return templatePath(text);
  if (text == "*") return std::unexpected(wrong(text, "is not a path", kPathExpected, "/*"));
  if (text.ends_with("/*") && text.find('*') == text.size() - 1) {
    return prefixPath(text.size() == 2 ? "/" : text.substr(0, text.size() - 2));
  }
  if (text.ends_with("/**") && text.find('*') == text.size() - 2) {
    return std::unexpected(
        wrong(text, "has two stars", kPathExpected, spelling(std::string(text.substr(0, text.size() - 1)))));
  }
  if (text.find('*') != std::string_view::npos) {
    return std::unexpected(wrong(text, "has a star inside", "a star only as the last segment: \"/v2/*\"",
                                 "for one segment in the middle use a template: \"/a/{name}/b\""));
  }
  return exactPath(text);
}

std::vector<std::string> templateVariables(std::string_view text) {
  std::vector<std::string> names;
  if (!text.starts_with('/')) return names;
  forEachSegment(text, [&](std::string_view segment, bool) {
    if (const std::optional<Variable> variable = parseVariable(segment)) names.emplace_back(variable->name);
    return true;
  });
  return names;
}

std::optional<Misspelt> refuseOutgoingPath(std::string_view text, OwnQuery own_query) {
  if (text.empty()) return Misspelt{"the path is empty", "a path such as /v2"};
  if (text[0] != '/')
    return wrong(text, "doesn't begin with '/'", "a path such as /v2", spelling("/" + std::string(text)));
  if (std::optional<Misspelt> refused = refuseCharacters(text, own_query)) return refused;
  return refuseSegments(text.substr(0, text.find('?')));
}

std::optional<Misspelt> refuseNewPath(std::string_view text, OwnQuery own_query,
                                      const std::vector<std::string>& variables) {
  if (std::optional<Misspelt> refused = refuseOutgoingPath(text, own_query)) return refused;
  for (std::string_view rest = text;;) {
    const size_t open = rest.find_first_of("{}");
    if (open == std::string_view::npos) return std::nullopt;
    const size_t close = rest.find('}', open);
    if (rest[open] == '}' || close == std::string_view::npos) return wrong(text, "has an unpaired brace", "{name}");
    const std::string_view name = rest.substr(open + 1, close - open - 1);
    if (std::ranges::find(variables, name) == variables.end()) {
      const std::vector<std::string_view> names(variables.begin(), variables.end());
      std::string expected = names.empty() ? "a path template with that variable in match.path" : "one of ";
      for (const std::string_view known : names) expected += (known == names[0] ? "" : ", ") + std::string(known);
      return Misspelt{"no variable " + quoted(name) + " in the route's path", expected,
                      std::string(nearestName(name, names))};
    }
    rest.remove_prefix(close + 1);
  }
}

std::optional<Misspelt> refuseRegex(std::string_view text) {
  if (text.empty()) return Misspelt{"the regular expression is empty", "one such as ^/v[0-9]+/"};
  if (text.size() > kLongestRegex) {
    return Misspelt{"the regular expression is too long", "at most " + std::to_string(kLongestRegex) + " bytes"};
  }
  RE2::Options options(RE2::Quiet);
  options.set_encoding(RE2::Options::EncodingLatin1);  // paths and header values are bytes
  options.set_max_mem(kRegexMemory);
  const RE2 regex(re2::StringPiece(text.data(), text.size()), options);
  if (regex.ok() && regex.ProgramSize() > kLargestProgram) {
    return Misspelt{
        "the regular expression " + quoted(text) + " needs " + std::to_string(regex.ProgramSize()) + " instructions",
        "at most " + std::to_string(kLargestProgram), "nested repetition counts are the usual cause"};
  }
  if (regex.ok()) return std::nullopt;
  const bool has_lookaround = text.find("(?=") != std::string_view::npos ||
                              text.find("(?!") != std::string_view::npos || text.find("(?<") != std::string_view::npos;
  return Misspelt{"bad regular expression " + quoted(text) + ": " + quoted(regex.error()), "RE2 syntax",
                  has_lookaround ? "RE2 has no look-ahead or look-behind, so that no input can make it slow" : ""};
}

}  // namespace remora::control
