// Moves a body from where it is pulled to where it is sent, and the response's head before it. One relay for every pair
// and both directions: not pulling is back-pressure. Belongs to one core.
#pragma once

#include "http/message_body.h"
#include "http/message_writer.h"
#include "loop/task.h"
#include "net/stream.h"
#include "proxy/exchange.h"

namespace remora::proxy {

struct RelayTerms {
  net::Patience reading;
  net::Patience writing;
  Duration* waited = nullptr;  // counts how long `writing` took in all
};

// Why moving stopped.
enum class Moved : uint8_t {
  kAll,  // the body's end is with the kernel
  kInputMissing,
  kOutputFull,    // what doesn't fit is kept by the writer
  kEnoughForNow,  // both sides keep up: other connections want their turn
};

// Moves what can be moved without waiting.
Result<Moved> relayWhatIsThere(http::MessageBody& from, http::MessageWriter& to);

// Until the body's end is with the kernel. What was begun on `to` goes out at the latest when `from` makes it wait.
loop::Task<void> relayBody(http::MessageBody& from, http::MessageWriter& to, RelayTerms terms);

// exchange.response to the client; gives the upstream connection back when that may be used again.
loop::Task<void> relayResponse(Exchange& exchange);

}  // namespace remora::proxy
