// The head of the response to an attempt: read, checked, and the interim ones before it passed on. Belongs to one core.
#pragma once

#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Leaves it in exchange.response (its views hold until the next wait; over HTTP/2 as long as the lease) and what came
// with it in exchange.response_rest.
loop::Task<void> readResponse(Exchange& exchange);
// The same of a whole head of HTTP/1 that lies in exchange.response_bytes: the views hold as long as that does.
Result<void> readKeptResponse(Exchange& exchange);

}  // namespace remora::proxy
