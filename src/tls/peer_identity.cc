#include "tls/peer_identity.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/ascii.h"
#include "net/address.h"

namespace remora::tls {
namespace {

std::string nameText(const X509_NAME* name) {
  const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
  // RFC 2253 but in the order that it was written in, control characters and non-ASCII bytes escaped.
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV);
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return bytes > 0 ? std::string(text, static_cast<size_t>(bytes)) : std::string();
}

std::string serialText(const X509& certificate) {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(&certificate);
  BIGNUM* const number = ASN1_INTEGER_to_BN(serial, nullptr);
  if (!number) return {};
  char* const hex = BN_bn2hex(number);
  std::string text = hex ? hex : "";
  OPENSSL_free(hex);
  BN_free(number);
  return ascii::toLower(text);
}

int64_t secondsOf(const ASN1_TIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(timegm(&parts)) : 0;
}

// A NUL in the middle made others read "good.example\0.evil.example" as the name before it.
bool isPrintable(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

void addName(PeerIdentity& identity, const GENERAL_NAME& name) {
  if (name.type == GEN_IPADD) {
    const auto bytes = static_cast<size_t>(ASN1_STRING_length(name.d.iPAddress));
    net::Peer address;
    if (bytes != 4 && bytes != 16) return;
    std::memcpy(address.ip.data(), ASN1_STRING_get0_data(name.d.iPAddress), bytes);
    address.ip_bytes = static_cast<uint8_t>(bytes);
    std::array<char, net::kPeerTextMax> out;
    identity.ips.emplace_back(out.data(), net::printIp(address, out));
    return;
  }
  if (name.type != GEN_DNS && name.type != GEN_URI) return;
  const ASN1_IA5STRING* const value = name.type == GEN_DNS ? name.d.dNSName : name.d.uniformResourceIdentifier;
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                              static_cast<size_t>(ASN1_STRING_length(value)));
  if (!isPrintable(text)) {
    identity.has_bad_name = true;
  } else if (name.type == GEN_DNS) {
    identity.dns_names.push_back(ascii::toLower(text));
  } else {
    identity.uris.emplace_back(text);
  }
}

}  // namespace

PeerIdentity identityOf(const x509_st& certificate) {
  PeerIdentity identity;
  identity.subject = nameText(X509_get_subject_name(&certificate));
  identity.issuer = nameText(X509_get_issuer_name(&certificate));
  identity.serial = serialText(certificate);
  identity.not_before = secondsOf(X509_get0_notBefore(&certificate));
  identity.not_after = secondsOf(X509_get0_notAfter(&certificate));
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names && i < static_cast<int>(sk_GENERAL_NAME_num(names)); ++i) {
    addName(identity, *sk_GENERAL_NAME_value(names, i));
  }
  GENERAL_NAMES_free(names);
  return identity;
}

std::string dateText(int64_t seconds) {
  const auto at = static_cast<time_t>(seconds);
  tm parts{};
  char out[40];
  if (!gmtime_r(&at, &parts)) return "?";
  return {out, std::strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

}  // namespace remora::tls
