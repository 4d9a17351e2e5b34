// How the admin side writes times, spans, names and received text for people. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "model/cluster.h"
#include "route/route_table.h"

namespace remora::admin {

std::string isoTime(int64_t wall_nanos);    // "2026-10-03T12:00:00.123Z"
std::string httpDate(int64_t wall_nanos);   // "Sat, 03 Oct 2026 12:00:00 GMT" (RFC 9110 section 5.6.7)
std::string measuredText(Duration span);    // three digits: "85us", "1.23ms", "12.3s"
std::string limitText(Milliseconds limit);  // exact: "2s", "250ms"; "none" for 0

// What a peer sent, safe for a terminal: every byte that isn't visible ASCII or a blank becomes '?'.
std::string shown(std::string_view text);

std::string_view nameOf(model::Balance balance);      // as the configuration spells it
std::string_view nameOf(model::Direction direction);  // "inbound", "outbound"
std::string_view nameOf(route::HostKind kind);        // "exact", "by suffix", "any host"

}  // namespace remora::admin
