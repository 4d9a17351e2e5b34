#include "route/compiled_route.h"

#include <algorithm>
#include <array>

namespace remora::route {
namespace {

// Collects the errors of one route, each with the most exact place that is known.
class RouteCompiler {
 public:
  RouteCompiler(const model::Route& route, std::vector<CompileError>& errors)
      : route_(route), errors_(errors), errors_before_(errors.size()) {}

  std::optional<CompiledRoute> compile() {
    auto path = PathPattern::compile(route_.match.path);
    if (!path) {
      refuse(route_.match.path_origin, path.error());
      return std::nullopt;
    }
    CompiledRoute compiled{.source = &route_, .path = std::move(*path)};
    addValues(route_.match.headers, ValuePlace::kHeader, compiled);
    addValues(route_.match.query, ValuePlace::kQuery, compiled);
    addValues(route_.match.cookies, ValuePlace::kCookie, compiled);
    addSources(compiled);
    addAction(compiled);
    if (errors_.size() != errors_before_) return std::nullopt;
    return compiled;
  }

 private:
  void refuse(const model::Origin& where, std::string problem) {
    const bool is_known = !where.path.empty() || where.line != 0;
    errors_.push_back({is_known ? where : route_.origin, std::move(problem)});
  }

  void addValues(const std::vector<model::ValueMatch>& matches, ValuePlace place, CompiledRoute& compiled) {
    for (const model::ValueMatch& match : matches) {
      auto predicate = ValuePredicate::compile(match, place);
      if (predicate) {
        compiled.values.push_back(std::move(*predicate));
      } else {
        refuse(match.origin, predicate.error());
      }
    }
  }

  void addSources(CompiledRoute& compiled) {
    for (const std::string& cidr : route_.match.sources) {
      auto range = SourceRange::parse(cidr);
      if (range) {
        compiled.sources.push_back(*range);
      } else {
        refuse(route_.match.sources_origin, range.error());
      }
    }
  }

  void addAction(CompiledRoute& compiled) {
    compiled.forward = std::get_if<model::Forward>(&route_.action);
    compiled.redirect = std::get_if<model::Redirect>(&route_.action);
    compiled.answer = std::get_if<model::DirectAnswer>(&route_.action);
    if (compiled.forward != nullptr) addForward(*compiled.forward, compiled);
    if (compiled.redirect != nullptr) addRedirect(*compiled.redirect, compiled);
    if (compiled.answer != nullptr && (compiled.answer->status < 200 || compiled.answer->status > 599)) {
      refuse(route_.origin, "the status of a direct answer must be from 200 to 599");
    }
  }

  void addForward(const model::Forward& forward, CompiledRoute& compiled) {
    for (const model::WeightedCluster& cluster : forward.clusters) compiled.total_weight += cluster.weight;
    if (compiled.total_weight == 0) refuse(route_.origin, "the route forwards to no service: the weights sum to zero");
    if (route_.rewrite) addNewPath(route_.rewrite->path, route_.rewrite->path_prefix, OwnQuery::kRefused, compiled);
  }

  void addRedirect(const model::Redirect& redirect, CompiledRoute& compiled) {
    constexpr std::array kStatuses = {301, 302, 303, 307, 308};
    if (std::ranges::find(kStatuses, redirect.status) == kStatuses.end()) {
      refuse(route_.origin, "the status of a redirect must be 301, 302, 303, 307 or 308");
    }
    if (redirect.scheme && redirect.scheme != "http" && redirect.scheme != "https") {
      refuse(route_.origin, "the scheme of a redirect must be http or https");
    }
    const auto is_odd = [](char c) {
      return static_cast<uint8_t>(c) <= ' ' || static_cast<uint8_t>(c) >= 0x7f ||
             std::string_view("/?#@\\").find(c) != std::string_view::npos;
    };
    if (redirect.host && (redirect.host->empty() || std::ranges::any_of(*redirect.host, is_odd))) {
      refuse(route_.origin, "the host of a redirect must be a host name or an address, without scheme and path");
    }
    addNewPath(redirect.path, redirect.path_prefix, OwnQuery::kAllowed, compiled);
  }

  void addNewPath(const std::optional<std::string>& path, const std::optional<std::string>& prefix, OwnQuery own_query,
                  CompiledRoute& compiled) {
    auto rewrite = PathRewrite::compile(path, prefix, compiled.path.variables(), own_query);
    if (rewrite) {
      compiled.new_path = std::move(*rewrite);
    } else {
      refuse(route_.origin, rewrite.error());
    }
  }

  const model::Route& route_;
  std::vector<CompileError>& errors_;
  size_t errors_before_;
};

}  // namespace

std::optional<CompiledRoute> compileRoute(const model::Route& route, std::vector<CompileError>& errors) {
  return RouteCompiler(route, errors).compile();
}

Miss firstMiss(const CompiledRoute& route, const RouteInput& input, PathCapture& capture) {
  if (!route.path.matches(input.path, capture)) return {Predicate::kPath};
  const std::vector<std::string>& methods = route.source->match.methods;
  if (!methods.empty() && std::ranges::find(methods, input.method) == methods.end()) return {Predicate::kMethod};
  for (uint32_t i = 0; i < route.values.size(); ++i) {
    if (!route.values[i].holds(input)) return {Predicate::kValue, i};
  }
  const auto contains = [&](const SourceRange& range) { return range.contains(input.source); };
  if (!route.sources.empty() && std::ranges::none_of(route.sources, contains)) return {Predicate::kSource};
  return {};
}

}  // namespace remora::route
