// A chain of a listener that relays opaque TCP, compiled: whom it serves and where to. Part of a Snapshot; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "model/listener.h"
#include "route/source_range.h"

namespace remora::snapshot {

struct TcpChain {
  const model::Chain* source = nullptr;
  uint32_t index = 0;    // among the listener's chains; their number: the default chain
  uint32_t cluster = 0;  // position in the Snapshot's clusters, or Snapshot::kNoCluster
  std::vector<route::SourceRange> destinations;
  std::vector<route::SourceRange> sources;
  bool has_tls = false;     // it is terminated before
  bool is_default = false;  // takes everything, whatever its match says

  // Whether it is chosen depends on what the client sends first.
  bool needsFirstBytes() const { return !source->match.server_names.empty() || !source->match.transport.empty(); }
};

// The sentence of what is wrong with it, or the chain. The cluster is the caller's to find.
std::expected<TcpChain, std::string> compileTcpChain(const model::Chain& source, uint32_t index);

}  // namespace remora::snapshot
