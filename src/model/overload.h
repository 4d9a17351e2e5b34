// When remora protects itself against more load than it can hold. Plain data.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/deadline.h"

namespace remora::model {

struct Overload {
  Bytes memory{0};  // what it may use; 0: what the cgroup allows
  // Percent of the memory, of the descriptors and of loop_delay from which on each action is taken; 0: never.
  uint32_t disable_http_keepalive = 85;
  uint32_t refuse_low_priority = 88;
  uint32_t stop_accepting_requests = 92;
  uint32_t stop_accepting_connections = 97;
  Milliseconds loop_delay{500};  // how late a core's loop may be, for a while; 0: not watched

  bool operator==(const Overload&) const = default;
};

}  // namespace remora::model
