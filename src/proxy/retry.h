// Tries endpoints until one answers. Sends a request again only when it provably never reached the application, or when
// a connection ended under it unused and sending it twice is the same as sending it once. Belongs to one core.
#pragma once

#include "http/message.h"
#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Leaves the answer in exchange.response, see attempt().
loop::Task<void> tryUpstreams(Core& core, Exchange& exchange);

}  // namespace remora::proxy
