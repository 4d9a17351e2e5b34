#include "model/listener.h"

namespace remora::model {

std::string toText(const SocketAddress& address) {
  switch (address.kind) {
    case SocketAddress::Kind::kUnix:
      return "unix:" + address.host;
    case SocketAddress::Kind::kDns:
      return "dns:" + address.host + ":" + std::to_string(address.port);
    case SocketAddress::Kind::kSrv:
      return "srv://" + address.host;
    case SocketAddress::Kind::kIp:
      break;
  }
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace remora::model
