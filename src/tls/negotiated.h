// What was agreed in a handshake, read off the library. For TlsStream.
#pragma once

#include <string_view>

#include "tls/facts.h"
#include "tls/handles.h"

namespace remora::tls {

void fillFacts(const ssl_st& ssl, Facts& facts);
// SNI, unless `host` is an address (RFC 6066 section 3).
void offerName(ssl_st& ssl, std::string_view host);

}  // namespace remora::tls
