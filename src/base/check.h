// Likely failures are handled; impossible ones stop the process with the place and the broken promise. Active in
// every build: a proxy that goes on after a broken invariant mixes up its users' requests.
#pragma once

#include <source_location>

namespace remora {

[[noreturn]] void stopOnBrokenPromise(const char* promise, std::source_location where);

// check(queue.empty(), "a core stops only after its queue was run") aborts when the condition is false.
inline void check(bool holds, const char* promise, std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    stopOnBrokenPromise(promise, where);
}

}  // namespace remora
