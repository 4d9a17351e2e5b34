// Does a certificate say what it must? Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/tls.h"
#include "tls/facts.h"

namespace remora::tls {

enum class NameVerdict : uint8_t {
  kFits,
  kNoSan,          // none of the wanted names is among its subject alternative names
  kNoTrustDomain,  // its SPIFFE ID is of no wanted trust domain, or it has none, or more than one URI
};

// Both lists of `wanted` must be satisfied, an empty one is.
NameVerdict checkNames(const model::PeerNames& wanted, const PeerIdentity& identity);
// The same, where "spiffe://example.org/batch/*" stands for every URI that begins as it does before the star.
bool fitsPattern(const model::PeerNames& wanted, const PeerIdentity& identity);
// `host` is a DNS name or an IP address. The subject's common name never counts (RFC 9525 section 2).
bool isForHost(const PeerIdentity& identity, std::string_view host);

// "*.example.com" covers one label more than "example.com"; otherwise equal but for case.
bool coversName(std::string_view pattern, std::string_view name);
// "example.org" of "spiffe://example.org/web"; empty for anything else.
std::string_view trustDomainOf(std::string_view spiffe_id);

}  // namespace remora::tls
