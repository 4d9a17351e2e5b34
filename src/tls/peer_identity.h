// What a certificate says, as text. Pure; any thread.
#pragma once

#include <ctime>
#include <string>

#include "tls/facts.h"
#include "tls/handles.h"

namespace remora::tls {

PeerIdentity identityOf(const x509_st& certificate);
// "2026-11-25 20:39:45 UTC"
std::string dateText(int64_t seconds);

}  // namespace remora::tls
