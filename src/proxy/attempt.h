// One try at one endpoint: a connection, the request out, the response's head in. Belongs to one core.
#pragma once

#include "http/message.h"
#include "loop/task.h"
#include "proxy/connect.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// At exchange.endpoint. Leaves the answer in exchange.response (its views hold until the next wait) and what came with
// its head in exchange.response_rest. On failure it says what the application can have seen of the request
// (Failure::reached). The upload goes on beside the exchange.
loop::Task<void> attempt(Exchange& exchange, Freshness freshness);

}  // namespace remora::proxy
