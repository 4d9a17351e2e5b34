#include "route/value_predicate.h"

#include <algorithm>

namespace remora::route {

std::expected<ValuePredicate, std::string> ValuePredicate::compile(const model::ValueMatch& match, ValuePlace place) {
  ValuePredicate predicate(match, place);
  if (match.name.empty()) return std::unexpected("a match on a header, query parameter or cookie needs a name");
  if (place == ValuePlace::kHeader) {
    if (!std::ranges::all_of(match.name, ascii::isTokenChar)) {
      return std::unexpected("'" + match.name + "' can't be the name of a header");
    }
    predicate.header_id_ = http::headerIdOf(match.name);
  }
  if (match.kind == model::ValueMatch::Kind::kRegex) {
    auto regex = Regex::compile(match.text);
    if (!regex) return std::unexpected(regex.error());
    predicate.regex_ = std::move(*regex);
  }
  return predicate;
}

bool ValuePredicate::holds(const RouteInput& input) const {
  const bool is_found = anyValue(input, [this](std::string_view value) { return accepts(value); });
  return is_found != (match_->kind == model::ValueMatch::Kind::kAbsent);
}

bool ValuePredicate::accepts(std::string_view value) const {
  using enum model::ValueMatch::Kind;
  switch (match_->kind) {
    case kExact:
      return value == match_->text;
    case kPrefix:
      return value.starts_with(match_->text);
    case kSuffix:
      return value.ends_with(match_->text);
    case kRegex:
      return regex_->matchesWhole(value);
    case kPresent:
    case kAbsent:  // any value at all contradicts it: holds() turns the answer round
      return true;
  }
  return false;
}

}  // namespace remora::route
