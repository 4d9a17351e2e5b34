// The route's fault: delays and answers on purpose, so that callers can be tried. Belongs to one core.
#pragma once

#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Waits as the fault asks, and fails with kFaultInjected (detail: the status to answer with) where it says so. Only for
// a route that has one.
loop::Task<void> injectFault(Exchange& exchange);

}  // namespace remora::proxy
