// After a 101 the two connections are one: bytes in both directions, each side half-closing by itself. Belongs to one
// core.
#pragma once

#include "http/message.h"
#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Sends the 101 in exchange.response and what came with it, then relays until both directions ended.
loop::Task<void> tunnel(Exchange& exchange);

}  // namespace remora::proxy
