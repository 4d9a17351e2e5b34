#include "route/path_pattern.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/path.h"

namespace remora::route {
namespace {

using Kind = model::PathMatch::Kind;

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// Request paths arrive normalised; text that isn't would silently never match. Slashes are kept: whether they are
// merged is the listener's choice, which the table doesn't know.
std::expected<std::string, std::string> normalText(const std::string& text) {
  if (!text.starts_with('/')) return std::unexpected("the path " + quoted(text) + " must begin with '/'");
  std::string scratch(text.size(), '\0');
  const auto normal = http::normalizePath(text, {http::Slashes::kKeep}, scratch);
  if (!normal) {
    return std::unexpected("the path " + quoted(text) +
                           " can never match, since requests with such a path are refused " +
                           "(blanks, bytes from 0x80, '#', '?' and '\\' must be escaped as %XX or left out)");
  }
  return std::string(normal->path);
}

bool isVariableName(std::string_view name) {
  const auto is_word = [](char c) { return ascii::isAlpha(c) || ascii::isDigit(c) || c == '_'; };
  return !name.empty() && !ascii::isDigit(name.front()) && std::ranges::all_of(name, is_word);
}

bool startsWithSegments(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() ? !prefix.empty() : path[prefix.size()] == '/');
}

}  // namespace

std::expected<PathPattern, std::string> PathPattern::compile(const model::PathMatch& match) {
  PathPattern pattern;
  pattern.kind_ = match.kind;
  pattern.text_ = match.text;
  if (match.kind == Kind::kAny) return pattern;
  if (match.kind == Kind::kRegex) {
    auto regex = Regex::compile(match.text);
    if (!regex) return std::unexpected(regex.error());
    pattern.regex_ = std::move(*regex);
    return pattern;
  }
  if (match.kind == Kind::kExact && match.text == "*") return pattern;  // OPTIONS *

  auto text = normalText(match.text);
  if (!text) return std::unexpected(text.error());
  pattern.text_ = std::move(*text);
  if (match.kind == Kind::kTemplate) {
    if (auto error = pattern.compileTemplate()) return std::unexpected(*error);
    return pattern;
  }
  if (match.kind == Kind::kPrefix && pattern.text_.ends_with('/')) pattern.text_.pop_back();
  pattern.literal_length_ = pattern.text_.size();
  return pattern;
}

std::optional<std::string> PathPattern::compileTemplate() {
  size_t at = 1;
  for (bool is_last = false; !is_last;) {
    const size_t end = std::min(text_.find('/', at), text_.size());
    is_last = end == text_.size();
    const std::string_view segment = std::string_view(text_).substr(at, end - at);
    if (segment.find_first_of("{}") == std::string_view::npos) {
      if (variables_.empty()) literal_length_ = end;
      segments_.push_back({Segment::Kind::kLiteral, std::string(segment)});
    } else if (auto error = addVariable(segment, is_last)) {
      return error;
    }
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> PathPattern::addVariable(std::string_view segment, bool is_last) {
  const std::string where = " in the template " + quoted(text_);
  if (!segment.starts_with('{') || !segment.ends_with('}') || segment.size() < 2) {
    return quoted(segment) + where + " mixes text and a variable: a variable is a whole segment";
  }
  const std::string_view inside = segment.substr(1, segment.size() - 2);
  const size_t equals = inside.find('=');
  const std::string_view name = inside.substr(0, equals);
  const std::string_view shape = equals == std::string_view::npos ? "*" : inside.substr(equals + 1);
  if (!isVariableName(name)) return quoted(name) + where + " isn't a name of letters, digits and '_'";
  if (shape != "*" && shape != "**") return quoted(segment) + where + " must be {name} or {name=**}";
  if (shape == "**" && !is_last) return quoted(segment) + where + " takes the rest of the path, so it must be last";
  if (std::ranges::find(variables_, name) != variables_.end()) return quoted(name) + where + " is named twice";
  if (variables_.size() == kMaxTemplateVariables) {
    return "the template " + quoted(text_) + " has more than " + std::to_string(kMaxTemplateVariables) + " variables";
  }
  variables_.emplace_back(name);
  segments_.push_back({shape == "**" ? Segment::Kind::kRest : Segment::Kind::kVariable, {}});
  return std::nullopt;
}

bool PathPattern::matches(std::string_view path, PathCapture& capture) const {
  switch (kind_) {
    case Kind::kAny:
      capture.prefix_length = 0;
      break;
    case Kind::kExact:
      if (path != text_) return false;
      capture.prefix_length = static_cast<uint32_t>(path.size());
      break;
    case Kind::kPrefix:
      if (!startsWithSegments(path, text_)) return false;
      capture.prefix_length = static_cast<uint32_t>(text_.size());
      break;
    case Kind::kRegex:
      if (!regex_->matchesWhole(path)) return false;
      capture.prefix_length = static_cast<uint32_t>(path.size());
      break;
    case Kind::kTemplate:
      return matchesTemplate(path, capture);
  }
  capture.variable_count = 0;
  return true;
}

bool PathPattern::matchesTemplate(std::string_view path, PathCapture& capture) const {
  if (!path.starts_with('/')) return false;
  size_t at = 0;  // of the slash before the next segment, or the path's end
  uint32_t found = 0;
  for (const Segment& segment : segments_) {
    if (segment.kind == Segment::Kind::kRest) {
      capture.variables[found++] = at < path.size() ? path.substr(at + 1) : std::string_view();
      capture.variable_count = found;
      capture.prefix_length = static_cast<uint32_t>(at);
      return true;
    }
    if (at == path.size()) return false;
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view text = path.substr(at + 1, end - at - 1);
    if (segment.kind == Segment::Kind::kLiteral) {
      if (text != segment.text) return false;
    } else {
      if (text.empty()) return false;
      capture.variables[found++] = text;
    }
    at = end;
  }
  if (at != path.size()) return false;
  capture.variable_count = found;
  capture.prefix_length = static_cast<uint32_t>(at);
  return true;
}

}  // namespace remora::route
