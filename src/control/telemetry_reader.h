// Reads `telemetry` and `admin`. Pure; belongs to one load.
#pragma once

#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "model/config.h"

namespace remora::control {

// `field_names` are those that a line of the access log can show; empty: not checked.
void readTelemetry(ConfigReader& reader, const Place& place, const std::vector<std::string_view>& field_names,
                   model::Telemetry& telemetry);

void readAdmin(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Config& config);

// Why an admin address that others can reach is refused; nothing when it is loopback or a Unix socket.
std::optional<Misspelt> refuseAdminAddress(const model::SocketAddress& address);

// "stdout", a path, "syslog:unix:/dev/log", "syslog:udp:127.0.0.1:514".
Spelt<model::AccessLog> parseLogDestination(std::string_view text);

}  // namespace remora::control
