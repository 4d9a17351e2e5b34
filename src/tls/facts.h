// What a TLS connection settled on, and who is at its other end. Plain data; belongs to its connection's core, but for
// PeerIdentity, which never changes once it is shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace remora::tls {

// What a verified certificate says of its owner.
struct PeerIdentity {
  // Its subject alternative names, as written but for DNS names, which are in lower case, and addresses ("10.0.0.7",
  // "::1"). A name that holds a NUL or another control character is left out.
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> ips;
  std::string subject;  // "CN=web,O=Example"
  std::string issuer;
  std::string serial;         // hexadecimal
  int64_t not_before = 0;     // seconds since 1970
  int64_t not_after = 0;      // the same
  bool has_bad_name = false;  // one was left out

  // The first spiffe:// URI; empty without one.
  std::string_view spiffeId() const {
    for (const std::string& uri : uris) {
      if (uri.starts_with("spiffe://")) return uri;
    }
    return {};
  }
};

struct Facts {
  std::string_view version;  // "TLSv1.3"
  std::string_view cipher;   // "TLS_AES_128_GCM_SHA256"
  std::string_view group;    // "X25519MLKEM768"; empty for a TLS 1.2 session that was resumed
  std::string server_name;   // SNI, in lower case; empty: none
  std::string alpn;          // empty: none was chosen
  bool is_resumed = false;
  std::shared_ptr<const PeerIdentity> peer;  // null: it showed no certificate, or nobody verified it
};

}  // namespace remora::tls
