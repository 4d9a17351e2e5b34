// What the admin pages may see of the running process and ask of it. Implemented by cli, which alone knows proxy and
// control; called on the admin thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/metrics_render.h"
#include "proxy/core.h"
#include "snapshot/snapshot.h"
#include "upstream/health_checker.h"

namespace remora::admin {

// One core, as others may touch it: messages to its loop, and its counters.
struct CoreHandle {
  proxy::Core* core = nullptr;  // to be dereferenced only on its own loop
  loop::Loop* loop = nullptr;
  observe::CoreMetrics* metrics = nullptr;
};

enum class Phase : uint8_t { kStarting, kServing, kDraining };

struct ReloadFacts {
  uint64_t succeeded = 0;
  uint64_t failed = 0;
  std::string last_error;          // of the last reload, empty when it succeeded
  int64_t adopted_wall_nanos = 0;  // when the Snapshot that serves was taken over, since 1970; 0: not known
};

class Process {
 public:
  virtual ~Process() = default;
  virtual loop::Loop& loop() = 0;  // of the admin thread
  virtual const std::vector<CoreHandle>& cores() const = 0;
  virtual snapshot::SnapshotPtr snapshot() const = 0;
  virtual Phase phase() const = 0;
  virtual ReloadFacts reloads() const = 0;
  virtual std::string effectiveConfig() const = 0;  // YAML, as `remora check --effective`
  virtual observe::Log& log() = 0;
  // Facts for /metrics that no core knows.
  virtual observe::ProcessFacts facts() const = 0;
  virtual observe::OverloadFacts overload() const { return {}; }
  // Lines of text on the DNS names of a cluster; empty when it has none.
  virtual std::string resolverFacts(const std::string& cluster) const = 0;
  // What active checks know of a cluster; nothing when it has none.
  virtual std::optional<upstream::HealthFacts> healthFacts(const std::string& cluster) const = 0;
  virtual void drain() = 0;  // as SIGTERM; returns at once
};

}  // namespace remora::admin
