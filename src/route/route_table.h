// Which way a request goes: the compiled, immutable form of model::RouteTable. The best host is the exact one, else the
// longest matching "*.suffix", else "*"; within it the first route in order that fits wins, and other hosts aren't
// asked (DESIGN 2a). Pure: no I/O, no clock, no randomness of its own. Made by the snapshot's compiler on one thread,
// then read by every core; matching takes no lock (but see Regex) and doesn't allocate.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/routes.h"
#include "observe/trail.h"
#include "route/compiled_route.h"
#include "route/path_index.h"
#include "route/route_input.h"

namespace remora::route {

// Numbers are the argument of observe::Outcome::kHostMatched.
enum class HostKind : uint8_t { kExact, kSuffix, kAny, kNone };

struct CompiledHost {
  const model::VirtualHost* source = nullptr;
  observe::RuleId rule;
  std::span<const CompiledRoute> routes;  // in order of precedence
  PathIndex index;                        // built only past RouteTable::kScanUpTo routes
};

// What a match decided. Views point into the RouteInput; pointers into the table.
struct RouteChoice {
  const CompiledRoute* route = nullptr;  // null: no route of the host fits, or no host does
  const CompiledHost* host = nullptr;    // null: none
  HostKind host_kind = HostKind::kNone;
  uint32_t looked_at = 0;  // routes tested before the one that won, or in vain
  PathCapture capture;     // of the route's path
};

class RouteTable {
 public:
  // Up to here, testing the routes in order is about as quick as asking the index (see route_table_bench.cc).
  static constexpr size_t kScanUpTo = 8;

  // All errors at once, in order; then there is no table. `rule_of` may be empty: rules are 0 then.
  static std::expected<std::unique_ptr<const RouteTable>, std::vector<CompileError>> compile(model::RouteTable source,
                                                                                             const RuleOf& rule_of);

  RouteChoice match(const RouteInput& input) const;

  // The host that match() would search; kind kNone and null when there is none.
  struct HostHit {
    const CompiledHost* host = nullptr;
    HostKind kind = HostKind::kNone;
  };
  HostHit findHost(std::string_view host) const;

  const model::RouteTable& source() const { return source_; }
  std::span<const CompiledRoute> routes() const { return routes_; }  // of all hosts; position = CompiledRoute::index
  std::span<const CompiledHost> hosts() const { return hosts_; }

 private:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using HostMap = std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>>;

  explicit RouteTable(model::RouteTable source) : source_(std::move(source)) {}
  void compileHosts(const RuleOf& rule_of, std::vector<CompileError>& errors);
  void fileHost(const model::VirtualHost& host, uint32_t position, std::vector<CompileError>& errors);

  model::RouteTable source_;
  std::vector<CompiledRoute> routes_;  // never grows after compile: hosts and indexes point into it
  std::vector<CompiledHost> hosts_;
  HostMap exact_hosts_;
  HostMap suffix_hosts_;  // ".example.org" of "*.example.org"
  int64_t any_host_ = -1;
};

// The member of a weighted split that `random` (uniform over 64 bits) falls on: an index in forward->clusters, never of
// one with weight 0. The route must forward.
uint32_t pickCluster(const CompiledRoute& route, uint64_t random);

}  // namespace remora::route
