// The part of `check --effective` below HTTP: TLS, HTTP/2's bounds and opaque TCP; and what both parts write alike.
// Belongs to one writing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/config_keys.h"
#include "control/yaml_writer.h"
#include "model/config.h"

namespace remora::control {

void writeTlsServer(YamlWriter& out, const model::TlsServer& tls);
void writeTlsClient(YamlWriter& out, const std::optional<model::TlsClient>& tls);  // "tls: false" without it
void writeNames(YamlWriter& out, const model::PeerNames& names);
void writeHttp2(YamlWriter& out, const model::Http2Options& http2);
void writeTcpChain(YamlWriter& out, const model::Chain& chain);  // an item of the open list

// A list in one line.
template <class List>
std::string flowList(const List& items) {
  std::string out = "[";
  for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + yamlQuoted(item);
  return out + "]";
}

// The word that the table has for a value of an enum.
std::string wordOf(const ObjectSpec& object, std::string_view key, size_t index);

}  // namespace remora::control
