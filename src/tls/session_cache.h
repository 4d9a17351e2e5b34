// Sessions with one endpoint that may be resumed, newest first. One of TLS 1.3 is used once (RFC 8446 appendix
// C.4); one of TLS 1.2 stays, since a resumed handshake brings no new one. A session
// belongs to the settings that it was made under: others never get it. Belongs to one core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tls/handles.h"

namespace remora::tls {

// Of everything that decides whom a context trusts and what it shows.
using Fingerprint = std::array<uint8_t, 32>;

class SessionCache {
 public:
  static constexpr size_t kMost = 4;  // as many as new connections are made at once to one endpoint, usually

  void put(const Fingerprint& settings, Handle<ssl_session_st> session);
  // Null: none.
  Handle<ssl_session_st> take(const Fingerprint& settings);
  size_t size() const { return sessions_.size(); }

 private:
  Fingerprint settings_{};
  std::vector<Handle<ssl_session_st>> sessions_;
};

}  // namespace remora::tls
