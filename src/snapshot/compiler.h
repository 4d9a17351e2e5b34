// model::Config -> Snapshot. The one compiler for every front end. Pure but for the RuleBook and the files that TLS
// settings name, which are read here; any thread.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "snapshot/snapshot.h"

namespace remora::snapshot {

// What outlives a reload, where there is one before: sessions of TLS, and what rate limits have counted.
struct Kept {
  tls::TicketKeyStore* ticket_keys = nullptr;
  RateLimiters* rate_limiters = nullptr;
};

// All problems, in order, or the Snapshot; nothing is half-applied.
std::expected<SnapshotPtr, std::vector<route::CompileError>> compile(model::Config config, uint32_t generation,
                                                                     std::shared_ptr<RuleBook> rules, Kept kept = {});

}  // namespace remora::snapshot
