// How a route's path must look, compiled: exact, prefix of whole segments, regular expression or template. Literal
// text is brought into the form that request paths have (http/path.h), so that what is written can match.
// Immutable after compile; any thread; matching doesn't allocate.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/routes.h"
#include "route/regex.h"

namespace remora::route {

// Variables of one template: what people write has one to three, and the bound keeps the match free of allocation.
inline constexpr size_t kMaxTemplateVariables = 8;

// What a match found. Views into the path that was matched.
struct PathCapture {
  uint32_t prefix_length = 0;  // bytes of the path that a prefix rewrite replaces
  uint32_t variable_count = 0;
  std::array<std::string_view, kMaxTemplateVariables> variables;  // in the order of PathPattern::variables()
};

class PathPattern {
 public:
  // The error is a sentence for the person who wrote `match`.
  static std::expected<PathPattern, std::string> compile(const model::PathMatch& match);

  // Fills `capture` only when it matches:
  //   any       every path, also "*"; prefix_length 0
  //   exact     the whole path
  //   prefix    "/a/b" matches "/a/b", "/a/b/" and "/a/b/c", not "/a/bc"; a slash at its end means nothing
  //   regex     the whole path
  //   template  {x} is one segment, not empty; {x=**} is the rest, which may be empty or missing: "/f/{x=**}" matches
  //             "/f", "/f/" and "/f/a/b". prefix_length ends before the rest
  bool matches(std::string_view path, PathCapture& capture) const;

  model::PathMatch::Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  const std::vector<std::string>& variables() const { return variables_; }
  // Every path that matches is this or begins with its segments; empty when nothing is known. For the index.
  std::string_view literalPrefix() const { return std::string_view(text_).substr(0, literal_length_); }

 private:
  struct Segment {
    enum class Kind : uint8_t { kLiteral, kVariable, kRest };
    Kind kind = Kind::kLiteral;
    std::string text;  // of kLiteral
  };

  PathPattern() = default;
  std::optional<std::string> compileTemplate();
  std::optional<std::string> addVariable(std::string_view segment, bool is_last);
  bool matchesTemplate(std::string_view path, PathCapture& capture) const;

  model::PathMatch::Kind kind_ = model::PathMatch::Kind::kAny;
  std::string text_;  // normal form; without the last slash for a prefix
  size_t literal_length_ = 0;
  std::optional<Regex> regex_;
  std::vector<Segment> segments_;
  std::vector<std::string> variables_;
};

}  // namespace remora::route
