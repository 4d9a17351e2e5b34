// `overload`, read and written.
#pragma once

#include "control/config_reader.h"
#include "control/yaml_writer.h"
#include "model/overload.h"

namespace remora::control {

void readOverload(ConfigReader& reader, const Place& place, model::Overload& overload);
void writeOverload(YamlWriter& out, const model::Overload& overload);

}  // namespace remora::control
