#include "tls/negotiated.h"

#include <openssl/obj_mac.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <string>

#include "base/ascii.h"
#include "net/address.h"

namespace remora::tls {
namespace {

// IANA's registry of groups; both libraries have names of their own.
std::string_view groupName(const SSL& ssl) {
#ifdef OPENSSL_IS_AWSLC
  switch (SSL_get_curve_id(&ssl)) {
    case SSL_GROUP_X25519_MLKEM768:
      return "X25519MLKEM768";
    case SSL_GROUP_X25519:
      return "X25519";
    case SSL_GROUP_SECP256R1:
      return "P-256";
    case SSL_GROUP_SECP384R1:
      return "P-384";
    default:
      return {};
  }
#else
  switch (SSL_get_negotiated_group(const_cast<SSL*>(&ssl))) {
    case NID_X25519:
      return "X25519";
    case NID_X9_62_prime256v1:
      return "P-256";
    case NID_secp384r1:
      return "P-384";
    default:
      return {};
  }
#endif
}

}  // namespace

void fillFacts(const ssl_st& ssl, Facts& facts) {
  facts.version = SSL_get_version(&ssl);
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(&ssl);
  if (const char* const name = cipher ? SSL_CIPHER_standard_name(cipher) : nullptr) facts.cipher = name;
  facts.group = groupName(ssl);
  if (const char* const name = SSL_get_servername(&ssl, TLSEXT_NAMETYPE_host_name)) {
    facts.server_name = ascii::toLower(name);
  }
  const uint8_t* alpn = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(&ssl, &alpn, &bytes);
  facts.alpn.assign(reinterpret_cast<const char*>(alpn), bytes);
  facts.is_resumed = SSL_session_reused(&ssl) == 1;
}

void offerName(ssl_st& ssl, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || net::parsePeer(host) || host.find('/') != std::string_view::npos) return;
  SSL_set_tlsext_host_name(&ssl, std::string(host).c_str());
}

}  // namespace remora::tls
