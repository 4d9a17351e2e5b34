// The files that a configuration names. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"

namespace remora::control {

// Every file that serving `config` depends on besides the configuration file itself: certificates, keys, CA bundles,
// revocation lists and passwords. Sorted, each once; none need exist.
std::vector<std::string> filesOf(const model::Config& config);

// A path as it was written, from the folder of the file that it stands in; absolute ones stay.
std::string pathFrom(std::string_view folder, std::string_view path);

}  // namespace remora::control
