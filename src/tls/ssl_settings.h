// What every context of the library has in common, whichever side it is for. For this folder's context files.
#pragma once

#include <openssl/ssl.h>

#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tls/context.h"

namespace remora::tls {

// Versions, ciphers, groups and modes. Nothing of renegotiation, compression or early data.
Handle<ssl_ctx_st> newContext(const SSL_METHOD* method, model::TlsVersion least, model::TlsVersion most);
// Reads both files into `context` and checks that they fit together.
std::expected<CertificateFacts, ConfigProblem> useCertificate(ssl_ctx_st& context,
                                                              const model::CertificateFiles& files);
// Each with its length before it. Empty for none; names of no or more than 255 bytes are left out.
std::string alpnOnWire(const std::vector<std::string>& names);
// A digest of the parts, each with its length.
Fingerprint digestOf(std::initializer_list<std::string_view> parts);
std::string joined(const std::vector<std::string>& texts);
// The bytes of a file, or nothing: for fingerprints of what was read already.
std::string bytesOf(const std::string& path);

}  // namespace remora::tls
