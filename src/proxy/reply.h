// Everything that remora answers by itself, in one file: failures, redirects, direct answers. A reply describes itself:
// status, Proxy-Status (RFC 9209) and a small body with the reason, a sentence and the request id. What would reveal
// the inside (addresses, names of services) stays in the log and in /recent. Belongs to one core.
#pragma once

#include "base/result.h"
#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Answers a failure if an answer can still be given, else cuts. Fails when the connection can't go on without a word.
loop::Task<void> endFailed(Exchange& exchange, Failure failure);

// The route's redirect or direct answer.
loop::Task<void> answerHere(Exchange& exchange);

// For a connection that can't be served at all: a complete response, to be written at once and closed.
std::string_view overloadedReply();
std::string_view noDescriptorsReply();

}  // namespace remora::proxy
