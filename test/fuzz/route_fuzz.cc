// Any routes and any request: compiling and matching hold, the index finds what a walk through all routes finds, and
// what is sent on is sound. Input: lines "KIND TEXT", the last being the request's target.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/path.h"
#include "route/explain_match.h"
#include "route/rewrite.h"
#include "route/route_table.h"

namespace {

using namespace std::string_view_literals;
using remora::model::PathMatch;
using remora::model::Route;
using remora::model::ValueMatch;
namespace route = remora::route;

constexpr size_t kMaxRoutes = 64;

void require(bool holds) {
  if (!holds) std::abort();
}

Route routeOf(std::string_view line) {
  Route made{.action = remora::model::Forward{{{"s", 1, {}}}}};
  const uint8_t kind = line.empty() ? 0 : static_cast<uint8_t>(line[0]);
  const std::string text(line.empty() ? line : line.substr(1));
  made.match.path = {static_cast<PathMatch::Kind>(kind % 5), text};
  if ((kind & 0x20) != 0) made.match.query = {{"q", static_cast<ValueMatch::Kind>(kind % 6), text}};
  if ((kind & 0x40) != 0) made.match.methods = {"POST"};
  if ((kind & 0x10) != 0) made.rewrite = remora::model::Rewrite{.path_prefix = text};
  if ((kind & 0x08) != 0) made.rewrite = remora::model::Rewrite{.path = text};
  return made;
}

// Fuzzed lines are mostly invalid: those that compile by themselves make the table.
std::unique_ptr<const route::RouteTable> tableOf(const std::vector<std::string_view>& lines) {
  remora::model::VirtualHost host{.hosts = {"*"}};
  for (const std::string_view line : lines) {
    const Route candidate = routeOf(line);
    std::vector<route::CompileError> errors;
    if (route::compileRoute(candidate, errors)) host.routes.push_back(candidate);
    if (host.routes.size() == kMaxRoutes) break;
  }
  auto table = route::RouteTable::compile({.hosts = {host}}, {});
  require(table.has_value());
  return std::move(*table);
}

void checkTargets(const route::RouteChoice& choice, const route::TargetInput& target) {
  for (const auto direction : {remora::model::Direction::kInbound, remora::model::Direction::kOutbound}) {
    std::array<char, 256> memory;
    const auto sent = route::outgoingTarget(choice, direction, target, memory);
    if (!sent) continue;
    const std::string_view path = sent->substr(0, sent->find('?'));
    for (const char c : path) require(static_cast<uint8_t>(c) > ' ' && static_cast<uint8_t>(c) < 0x7f);
    require(path.starts_with('/'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < 2 * kMaxRoutes) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  if (lines.size() < 2) return 0;
  const std::string_view raw = lines.back();
  lines.pop_back();
  const size_t question = std::min(raw.find('?'), raw.size());
  std::vector<char> scratch(raw.size());
  const auto normal = remora::http::normalizePath(raw.substr(0, question), {}, scratch);
  if (!normal) return 0;

  const auto table = tableOf(lines);
  const std::string_view query = question < raw.size() ? raw.substr(question + 1) : ""sv;
  const route::RouteInput input{.host = "h", .path = normal->path, .query = query, .method = "GET"};
  const route::RouteChoice found = table->match(input);
  const route::RouteChoice walked = route::explainMatch(*table, input, [](const route::RouteVerdict&) {});
  require(found.route == walked.route);
  require(found.capture.prefix_length <= normal->path.size() || found.route == nullptr);
  checkTargets(found, {normal->path, raw});
  return 0;
}
