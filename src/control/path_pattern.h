// Paths of routes as people write them, checked: a path that no normalised request path can equal is an error, not a
// route that never matches. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/units.h"
#include "model/routes.h"

namespace remora::control {

// "/a/b" exact, "/v2/*" segment prefix, "/users/{id}" template, "~ ^/re$" regular expression.
Spelt<model::PathMatch> parsePathPattern(std::string_view text);

// The long forms.
Spelt<model::PathMatch> exactPath(std::string_view text);
Spelt<model::PathMatch> prefixPath(std::string_view text);  // "/a/" is "/a"
Spelt<model::PathMatch> templatePath(std::string_view text);
Spelt<model::PathMatch> regexPath(std::string_view text);

// The variables of a valid template, in order.
std::vector<std::string> templateVariables(std::string_view text);

// Where a new path may hold a query of its own, it replaces that of the request.
enum class OwnQuery : uint8_t { kRefused, kAllowed };

// A path to send on or to redirect to: begins with '/', visible ASCII, no fragment.
std::optional<Misspelt> refuseOutgoingPath(std::string_view text, OwnQuery own_query);
// One with {name} in it: every name must be among `variables`.
std::optional<Misspelt> refuseNewPath(std::string_view text, OwnQuery own_query,
                                      const std::vector<std::string>& variables);

// Null when RE2 accepts it.
std::optional<Misspelt> refuseRegex(std::string_view text);

}  // namespace remora::control
