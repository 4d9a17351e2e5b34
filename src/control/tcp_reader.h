// Reads `tcp` of a listener: which way opaque connections go. Pure; belongs to one load.
#pragma once

#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "model/listener.h"

namespace remora::control {

// Each item with a match is a chain, in the order of the file; the one without becomes the default chain. Their TLS is
// that of the default chain. `services` are the names that they may lead to.
void readTcp(ConfigReader& reader, const Place& place, std::span<const Form> forms,
             const std::vector<std::string_view>& services, model::Listener& listener);

}  // namespace remora::control
