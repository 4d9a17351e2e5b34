// Reads `tls` of a listener and of a service. Files are named, not opened: that is the compiler's work. Pure; belongs
// to one load.
#pragma once

#include <string>

#include "control/config_reader.h"
#include "model/cluster.h"
#include "model/tls.h"

namespace remora::control {

model::TlsServer readTlsServer(ConfigReader& reader, const Place& place, std::string name);

// `sans`, of which a URI may end with "/*", and `trust_domains`.
void readIdentityPatterns(ConfigReader& reader, Fields& fields, size_t most, model::PeerNames& names);

// Into `cluster`, whose endpoints are there already: what is verified may be their names. `true` stands for every
// default, `false` for plaintext.
void readTlsClient(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Cluster& cluster);

}  // namespace remora::control
