// Reads `inbound` and `outbound`: listeners, and which way what arrives there goes. Pure; belongs to one load.
#pragma once

#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "model/config.h"

namespace remora::control {

// What listeners start from: `limits` and `timeouts` at the top level.
struct ListenerDefaults {
  model::Limits limits;
  model::Timeouts timeouts;
};

// `services` are the names of those that the file has under `services`; they are in `config` already.
void readListener(ConfigReader& reader, const Place& place, model::Direction direction,
                  const ListenerDefaults& defaults, const std::vector<std::string_view>& services,
                  model::Config& config);

void readLimits(ConfigReader& reader, const Place& place, model::Limits& limits);
void readTimeouts(ConfigReader& reader, const Place& place, model::Timeouts& timeouts);

}  // namespace remora::control
