#include "tls/detail.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cstring>

namespace remora::tls {
namespace {

// Below zero an errno; else its upper half says whose number the lower one is: 0 nobody's, kCertificate, or one of the
// library's own parts.
constexpr int32_t kPartShift = 16;
constexpr int32_t kNumberMask = 0xffff;
constexpr int32_t kCertificate = 0x7fff;
// Alerts that the peer sent are reasons from here on, in both libraries.
constexpr int32_t kAlertReasons = SSL_AD_REASON_OFFSET;

std::string certificateText(int code) {
  switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return "none of the certificate's names is a wanted one";
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return "the certificate's SPIFFE ID is of no wanted trust domain";
    case X509_V_ERR_INVALID_PURPOSE:
      return "the certificate isn't for this purpose (extended key usage)";
    default:
      return X509_verify_cert_error_string(code);
  }
}

// RFC 8446 section 6 and its registry; the libraries' own words differ.
std::string alertText(int number) {
  switch (number) {
    case 10:
      return "unexpected_message";
    case 20:
      return "bad_record_mac";
    case 22:
      return "record_overflow";
    case 40:
      return "handshake_failure";
    case 42:
      return "bad_certificate";
    case 43:
      return "unsupported_certificate";
    case 44:
      return "certificate_revoked";
    case 45:
      return "certificate_expired";
    case 46:
      return "certificate_unknown";
    case 47:
      return "illegal_parameter";
    case 48:
      return "unknown_ca";
    case 49:
      return "access_denied";
    case 50:
      return "decode_error";
    case 51:
      return "decrypt_error";
    case 70:
      return "protocol_version";
    case 71:
      return "insufficient_security";
    case 80:
      return "internal_error";
    case 86:
      return "inappropriate_fallback";
    case 90:
      return "user_canceled";
    case 109:
      return "missing_extension";
    case 110:
      return "unsupported_extension";
    case 112:
      return "unrecognized_name";
    case 113:
      return "bad_certificate_status_response";
    case 115:
      return "unknown_psk_identity";
    case 116:
      return "certificate_required";
    case 120:
      return "no_application_protocol";
    default:
      return std::to_string(number);
  }
}

}  // namespace

int32_t detailOfTransport(int error) {
  return -error;
}

int32_t detailOfCertificate(int code) {
  return kCertificate << kPartShift | (code & kNumberMask);
}

int32_t takeLibraryDetail() {
  // The first one is the cause; those after it say through which functions it went.
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (!error) return 0;
  return static_cast<int32_t>(ERR_GET_LIB(error) & 0xff) << kPartShift |
         static_cast<int32_t>(ERR_GET_REASON(error) & kNumberMask);
}

std::string describeTlsDetail(const Failure& failure) {
  const int32_t detail = failure.detail;
  if (detail == 0) return "the connection ended before the handshake was complete";
  if (detail < 0) return std::string("the connection failed: ") + std::strerror(-detail);
  const int32_t part = detail >> kPartShift;
  const int32_t number = detail & kNumberMask;
  if (part == kCertificate) return certificateText(number);
  if (isPeersAlert(detail)) {
    return "the peer sent alert " + alertText(number - kAlertReasons);
  }
  if (part == ERR_LIB_SSL && number == SSL_R_HTTP_REQUEST) return "the peer speaks plain HTTP, not TLS";
  if (part == ERR_LIB_SSL && number == SSL_R_WRONG_VERSION_NUMBER) return "the peer doesn't speak TLS";
  if (isMissingCertificate(detail)) return "the peer showed no certificate, and one is required";
#ifdef OPENSSL_IS_AWSLC
  const char* const words = ERR_reason_error_string(ERR_PACK(part, number));
#else
  const char* const words = ERR_reason_error_string(ERR_PACK(part, 0, number));
#endif
  return words ? words : "error " + std::to_string(number) + " of the TLS library's part " + std::to_string(part);
}

bool isMissingCertificate(int32_t detail) {
  return detail == (ERR_LIB_SSL << kPartShift | SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
}

bool isPeersAlert(int32_t detail) {
  return detail >> kPartShift == ERR_LIB_SSL && (detail & kNumberMask) >= kAlertReasons &&
         (detail & kNumberMask) < kAlertReasons + 256;
}

}  // namespace remora::tls
