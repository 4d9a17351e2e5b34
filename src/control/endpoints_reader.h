// Reads where a service runs: in the configuration file, or in a file of endpoints that is watched. Pure but for
// loadEndpointsFile, which reads one file; any thread. Never throws, whatever the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config_error.h"
#include "control/config_reader.h"
#include "model/cluster.h"

namespace remora::control {

// Each is state on every core, and every change of the file looks at all of them.
inline constexpr size_t kMostEndpoints = 10'000;
inline constexpr size_t kMostLabels = 16;     // of one endpoint, or of a choice
inline constexpr size_t kLongestLabel = 128;  // of a label's name, and of its value

// `endpoints` of a service: a list, one address, or {file: path}.
void readEndpoints(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Cluster& cluster);

// Sorted by name.
void readLabels(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Labels& out);

struct LoadedEndpoints {
  std::vector<model::Endpoint> endpoints;  // only to be used when there are no errors
  std::vector<ConfigError> errors;
};

// A list as `endpoints` may have it; an empty text is an error, since a file that is being written may be empty, and
// `[]` says that there are none.
LoadedEndpoints loadEndpoints(std::string_view text, const std::string& file_name);
LoadedEndpoints loadEndpointsFile(const std::string& path);

}  // namespace remora::control
