// Reads `request_headers` and `response_headers` of a route. Framing and hop-by-hop fields are remora's own: a
// configuration must not be able to build the ambiguous message that the parser would refuse. Pure.
#pragma once

#include <cstdint>

#include "control/config_reader.h"
#include "model/routes.h"

namespace remora::control {

enum class MessageSide : uint8_t { kRequest, kResponse };

void readHeaderChanges(ConfigReader& reader, const Place& place, MessageSide side, model::HeaderChanges& changes);

// A value may hold visible characters, inner blanks and bytes from 0x80.
std::optional<Misspelt> refuseHeaderValue(std::string_view value);

}  // namespace remora::control
