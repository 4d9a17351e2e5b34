// Certificates, keys and revocation lists out of PEM files. A failure is a sentence that names the file and what was
// expected of it; no byte of a key is ever in one. Blocking file work: for whoever compiles configuration.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "tls/handles.h"

namespace remora::tls {

// Bytes; at most kFileMost.
inline constexpr size_t kFileMost = 4 << 20;
std::expected<std::string, std::string> readFile(const std::string& path);

// At least one.
std::expected<Certificates, std::string> readCertificates(const std::string& path);
std::expected<Handle<evp_pkey_st>, std::string> readKey(const std::string& path);
// Adds the lists of the file to what `store` knows, and has every certificate looked up in them.
std::expected<void, std::string> addRevoked(x509_store_st& store, const std::string& path);

}  // namespace remora::tls
