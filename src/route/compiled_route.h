// One route, compiled, and the one function that says whether a request fits it: matching and `explain` both ask it, so
// that they can't disagree. Immutable after compile; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/origin.h"
#include "model/routes.h"
#include "observe/trail.h"
#include "route/path_pattern.h"
#include "route/path_rewrite.h"
#include "route/route_input.h"
#include "route/source_range.h"
#include "route/value_predicate.h"

namespace remora::route {

// What can't be compiled, and where it was written. Front ends check earlier; xDS sends whatever it likes.
struct CompileError {
  model::Origin where;
  std::string problem;
};

// Gives the number under which the RuleBook knows a place in the configuration.
using RuleOf = std::function<observe::RuleId(const model::Origin&)>;

struct CompiledRoute {
  const model::Route* source = nullptr;  // owned by the RouteTable
  observe::RuleId rule;
  uint32_t index = 0;  // in RouteTable::routes(), so that others can keep arrays beside it
  PathPattern path;
  std::vector<ValuePredicate> values;  // headers, then query parameters, then cookies
  std::vector<SourceRange> sources;
  // Exactly one of these three is set.
  const model::Forward* forward = nullptr;
  const model::Redirect* redirect = nullptr;
  const model::DirectAnswer* answer = nullptr;
  std::optional<PathRewrite> new_path;  // of the rewrite, or of the redirect
  uint64_t total_weight = 0;            // of `forward`, at least 1
};

// Compiles `route`, which must outlive the result. Every error is appended to `errors`; nothing comes back then.
std::optional<CompiledRoute> compileRoute(const model::Route& route, std::vector<CompileError>& errors);

// In the order in which they are tried: what is cheap and tells most comes first.
enum class Predicate : uint8_t { kNone, kPath, kMethod, kValue, kSource };

struct Miss {
  Predicate predicate = Predicate::kNone;  // kNone: the request fits the route
  uint32_t value = 0;                      // of kValue: index in CompiledRoute::values
};

// The first predicate of `route` that the request misses. `capture` is of use only when there is none.
Miss firstMiss(const CompiledRoute& route, const RouteInput& input, PathCapture& capture);

}  // namespace remora::route
