// model::Config -> Snapshot. The one compiler for every front end. Pure but for the RuleBook and the files that TLS
// settings name, which are read here; any thread.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "snapshot/snapshot.h"

namespace remora::snapshot {

// All problems, in order, or the Snapshot; nothing is half-applied. With `ticket_keys` sessions outlive a reload.
std::expected<SnapshotPtr, std::vector<route::CompileError>> compile(model::Config config, uint32_t generation,
                                                                     std::shared_ptr<RuleBook> rules,
                                                                     tls::TicketKeyStore* ticket_keys = nullptr);

}  // namespace remora::snapshot
