// Is remora too full for one more request?
#pragma once

#include <string>

#include "base/result.h"
#include "observe/trail.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Fails with kOverloaded, and notes of what there is too little. Those of low priority are refused first.
Result<void> heedOverload(Exchange& exchange);

// Whether there is room for more than what the client waits for: a copy, a second attempt. False in every stage of
// overload; then the trail says `without`.
bool mayDoMore(Exchange& exchange, observe::Outcome without);

// As heedOverload, for `bytes` more of a head that isn't complete: nobody was asked when its connection came.
Result<void> heedOverloadInHead(Exchange& exchange, size_t bytes);

// What the client is told instead of the reason's sentence: "overloaded: memory 59 of 64 MiB". Empty when it wasn't
// that.
std::string overloadWords(const Exchange& exchange);

}  // namespace remora::proxy
