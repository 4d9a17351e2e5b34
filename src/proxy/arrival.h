// A downstream connection before its protocol is known. Belongs to one core.
#pragma once

#include <memory>

#include "proxy/connection.h"

namespace remora::proxy {

// What a fresh connection is at first, by its listener's settings.
std::unique_ptr<Connection> makeConnection(Core& core, Connection::Origin origin);

}  // namespace remora::proxy
