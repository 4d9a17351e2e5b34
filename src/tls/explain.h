// Certificates and handshakes in words, for a person who asks why: who signed what, for whom, how long still, and what
// doesn't fit. Pure but for the file that is named; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/tls.h"
#include "tls/facts.h"

namespace remora::tls {

// "23 days", "5 hours", "40 minutes": how long, in the largest unit that is at least one.
std::string spanText(int64_t seconds);
// Lines, each with its end.
std::string explainIdentity(const PeerIdentity& identity, int64_t now);
// Every certificate of a PEM file, and whether each was signed by the next. The error is a sentence.
std::expected<std::string, std::string> explainFile(const std::string& path, int64_t now);
// A handshake that succeeded.
std::string explainFacts(const Facts& facts, int64_t now);
// One that didn't. `refused` is the certificate that it was about (null: none), `wanted` and `host` whom it should have
// been for.
std::string explainFailure(const Failure& failure, const PeerIdentity* refused, const model::PeerNames& wanted,
                           std::string_view host, int64_t now);

}  // namespace remora::tls
