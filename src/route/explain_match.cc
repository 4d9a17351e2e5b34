#include "route/explain_match.h"

#include <utility>

namespace remora::route {
namespace {

// Longer values are cut: what a client sends must not flood a terminal.
constexpr size_t kShownBytes = 100;
constexpr size_t kShownValues = 4;

std::string quoted(std::string_view text) {
  const bool is_cut = text.size() > kShownBytes;
  return "'" + std::string(text.substr(0, kShownBytes)) + (is_cut ? "...'" : "'");
}

std::string oneOf(const std::vector<std::string>& choices) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i)
    text += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  return text;
}

std::string expectedPath(const PathPattern& pattern) {
  using enum model::PathMatch::Kind;
  const std::string text = quoted(pattern.text().empty() ? "/" : pattern.text());
  switch (pattern.kind()) {
    case kAny:
      return "any path";
    case kExact:
      return "exactly " + text;
    case kPrefix:
      return text + " or below";
    case kRegex:
      return "a match of the regular expression " + text;
    case kTemplate:
      return "the form " + text;
  }
  return {};
}

std::string expectedValue(const model::ValueMatch& match) {
  using enum model::ValueMatch::Kind;
  switch (match.kind) {
    case kExact:
      return quoted(match.text);
    case kPrefix:
      return "a value that begins with " + quoted(match.text);
    case kSuffix:
      return "a value that ends with " + quoted(match.text);
    case kRegex:
      return "a match of the regular expression " + quoted(match.text);
    case kPresent:
      return "any value";
    case kAbsent:
      return "none";
  }
  return {};
}

std::string actualValues(const ValuePredicate& predicate, const RouteInput& input) {
  std::string values;
  size_t count = 0;
  predicate.anyValue(input, [&](std::string_view value) {
    if (count > 0) values += " and ";
    values += count == kShownValues ? "more" : quoted(value);
    return ++count > kShownValues;
  });
  return count == 0 ? "absent" : values;
}

std::string_view placeName(ValuePlace place) {
  switch (place) {
    case ValuePlace::kHeader:
      return "header ";
    case ValuePlace::kQuery:
      return "query parameter ";
    case ValuePlace::kCookie:
      return "cookie ";
  }
  return {};
}

const model::Origin* placeOf(const CompiledRoute& route, Miss miss) {
  const model::RouteMatch& match = route.source->match;
  const model::Origin* exact = nullptr;
  switch (miss.predicate) {
    case Predicate::kNone:
      break;
    case Predicate::kPath:
      exact = &match.path_origin;
      break;
    case Predicate::kMethod:
      exact = &match.methods_origin;
      break;
    case Predicate::kValue:
      exact = &route.values[miss.value].source().origin;
      break;
    case Predicate::kSource:
      exact = &match.sources_origin;
      break;
  }
  return exact != nullptr && (!exact->path.empty() || exact->line != 0) ? exact : &route.source->origin;
}

uint32_t heldBefore(const CompiledRoute& route, Miss miss) {
  switch (miss.predicate) {
    case Predicate::kPath:
      return 0;
    case Predicate::kMethod:
      return 1;
    case Predicate::kValue:
      return 2 + miss.value;
    case Predicate::kSource:
      return 2 + static_cast<uint32_t>(route.values.size());
    case Predicate::kNone:
      return 3 + static_cast<uint32_t>(route.values.size());
  }
  return 0;
}

}  // namespace

RouteChoice explainMatch(const RouteTable& table, const RouteInput& input,
                         const std::function<void(const RouteVerdict&)>& visit) {
  const auto [host, kind] = table.findHost(input.host);
  RouteChoice choice{.host = host, .host_kind = kind};
  if (host == nullptr) return choice;
  for (const CompiledRoute& route : host->routes) {
    PathCapture capture;
    const Miss miss = firstMiss(route, input, capture);
    RouteVerdict verdict{
        .route = &route, .predicate = miss.predicate, .held = heldBefore(route, miss), .where = placeOf(route, miss)};
    if (miss.predicate != Predicate::kNone) {
      verdict.sentence = describeMiss(route, input, miss);
      if (choice.route == nullptr) ++choice.looked_at;
    } else if (choice.route == nullptr) {
      verdict.kind = RouteVerdict::Kind::kMatched;
      verdict.sentence = "matches";
      choice.route = &route;
      choice.capture = capture;
    } else {
      verdict.kind = RouteVerdict::Kind::kShadowed;
      verdict.sentence = "would match too, but " + choice.route->source->name + " comes first";
    }
    visit(verdict);
  }
  return choice;
}

std::string describeMiss(const CompiledRoute& route, const RouteInput& input, Miss miss) {
  const model::RouteMatch& match = route.source->match;
  switch (miss.predicate) {
    case Predicate::kNone:
      return "matches";
    case Predicate::kPath:
      return "path is " + quoted(input.path) + ", expected " + expectedPath(route.path);
    case Predicate::kMethod:
      return "method is " + std::string(input.method.substr(0, kShownBytes)) + ", expected " + oneOf(match.methods);
    case Predicate::kValue: {
      const ValuePredicate& predicate = route.values[miss.value];
      return std::string(placeName(predicate.place())) + predicate.source().name + " is " +
             actualValues(predicate, input) + ", expected " + expectedValue(predicate.source());
    }
    case Predicate::kSource:
      return "source is " + addressText(input.source) + ", expected " + oneOf(match.sources);
  }
  std::unreachable();
}

}  // namespace remora::route
