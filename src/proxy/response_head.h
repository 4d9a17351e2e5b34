// The head of the response to an attempt: read, checked, and the interim ones before it passed on. Belongs to one core.
#pragma once

#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Leaves it in exchange.response (its views hold until the next wait; over HTTP/2 as long as the lease) and what came
// with it in exchange.response_rest.
loop::Task<void> readResponse(Exchange& exchange);

}  // namespace remora::proxy
