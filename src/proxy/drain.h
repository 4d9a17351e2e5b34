// The end of a process without a lost request: accept on for a while, let answers say Connection: close, close what was
// quiet, empty the accept queue, let running exchanges finish. Runs on the control thread.
#pragma once

#include <functional>
#include <vector>

#include "loop/loop.h"
#include "model/config.h"
#include "proxy/core.h"
#include "proxy/listener.h"

namespace remora::proxy {

struct DrainOutcome {
  size_t cut = 0;  // connections that were still busy when the grace time ended
};

// `listeners` lives on the first target's loop. Ends when no connection is left, or at the end of the grace time.
loop::Task<DrainOutcome> drain(loop::Loop& control, std::vector<Listeners::Target> targets, Listeners& listeners,
                               model::Drain options);

}  // namespace remora::proxy
