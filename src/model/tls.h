// TLS settings as plain data: what a listener proves and asks for, and what a service's endpoints must prove. Files are
// named, not read: reading and checking them is the compiler's work, again with each reload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "model/origin.h"

namespace remora::model {

enum class TlsVersion : uint8_t { k12, k13 };

// A certificate chain (leaf first) and its private key, PEM files.
struct CertificateFiles {
  Origin origin;
  std::string certificate;
  std::string key;

  bool operator==(const CertificateFiles&) const = default;
};

// What a verified certificate must say besides; an empty list asks for nothing.
struct PeerNames {
  // One must be among its subject alternative names: a URI, an IP address, or a DNS name ("*.example.com" matches one
  // label).
  std::vector<std::string> sans;
  std::vector<std::string> trust_domains;  // its SPIFFE ID must be of one of them

  bool isEmpty() const { return sans.empty() && trust_domains.empty(); }
  bool operator==(const PeerNames&) const = default;
};

// Of a listener.
struct TlsServer {
  enum class Client : uint8_t {
    kNone,      // no certificate is asked for
    kOptional,  // asked for; one that is sent must be valid
    kRequired,
  };
  enum class Plaintext : uint8_t {
    kRefuse,
    kAccept,  // TLS and plaintext on one port, told apart by the first byte ("permissive")
  };
  enum class UnknownName : uint8_t {
    kDefault,  // the first certificate serves names that none is for
    kRefuse,   // alert unrecognized_name
  };
  Origin origin;
  std::string name;                            // chains refer to it
  std::vector<CertificateFiles> certificates;  // never empty; chosen by SNI among their DNS names, the first by default
  Client client = Client::kNone;
  std::string client_ca;  // PEM bundle; needed unless kNone
  std::string crl;        // PEM; empty: none. With it each certificate's issuer needs one
  PeerNames client_names;
  Plaintext plaintext = Plaintext::kRefuse;
  UnknownName unknown_name = UnknownName::kDefault;
  TlsVersion least = TlsVersion::k12;
  TlsVersion most = TlsVersion::k13;
  bool tickets = true;                      // sessions may be resumed
  Milliseconds ticket_lifetime{3'600'000};  // keys are replaced as often, and kept once more as long
  Milliseconds handshake{10'000};           // from the accept to the handshake's end

  bool operator==(const TlsServer&) const = default;
};

// Towards the endpoints of a service.
struct TlsClient {
  Origin origin;
  std::string ca;  // PEM bundle; empty: what the system trusts
  bool verifies = true;
  std::optional<CertificateFiles> certificate;  // to show when asked for one
  std::string server_name;                      // SNI, and the name to verify; empty: the endpoint's host name
  PeerNames names;                              // instead of the server name when not empty
  std::string crl;
  TlsVersion least = TlsVersion::k12;
  TlsVersion most = TlsVersion::k13;
  bool resumes = true;

  bool operator==(const TlsClient&) const = default;
};

}  // namespace remora::model
