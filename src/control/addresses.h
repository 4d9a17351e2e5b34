// Addresses, host names and networks as people write them, to the model's form. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "control/units.h"
#include "model/listener.h"

namespace remora::control {

// Where to listen: a port (then `any_host`), IP:PORT, [IPv6]:PORT, unix:/path or unix:@abstract. Port 0: any free port.
Spelt<model::SocketAddress> parseListenAddress(std::string_view text, std::string_view any_host);

// Where to connect to: as above without port 0 (a bare port: 127.0.0.1), dns:NAME:PORT or NAME:PORT, and srv://NAME.
Spelt<model::SocketAddress> parseEndpointAddress(std::string_view text);

bool isLoopback(const model::SocketAddress& address);  // also every Unix socket
bool isIpAddress(std::string_view text);               // IPv4 or IPv6 without brackets
bool isHostName(std::string_view text);                // letters, digits, '-', '_' and '.'; no empty label

// "10.0.0.0/8", "::1/128" or a single address; the canonical text. `had_host_bits` says that bits past the prefix
// were set and cut off.
struct Network {
  std::string text;
  bool had_host_bits = false;
};
Spelt<Network> parseNetwork(std::string_view text);

}  // namespace remora::control
