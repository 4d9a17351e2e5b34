// The numbers that failures of TLS carry as their detail, and what they mean. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace remora::tls {

// The errno with which a transport ended; 0: in good order, but before the handshake was complete.
int32_t detailOfTransport(int error);
// An X509_V_ERR_ number.
int32_t detailOfCertificate(int code);
// What the library complains of, taken off its queue. An alert of the peer's is one of these.
int32_t takeLibraryDetail();

// "the peer sent alert bad_certificate", "the certificate has expired", "Connection reset by peer": for a log line.
std::string describeTlsDetail(const Failure& failure);
// Is it that no certificate was shown?
bool isMissingCertificate(int32_t detail);
// Is it the peer who refused ours?
bool isPeersAlert(int32_t detail);

}  // namespace remora::tls
