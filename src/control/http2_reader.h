// Reads `http2` of a listener or service. Pure; belongs to one load.
#pragma once

#include "control/config_reader.h"
#include "model/listener.h"

namespace remora::control {

void readHttp2(ConfigReader& reader, const Place& place, model::Http2Options& http2);

}  // namespace remora::control
