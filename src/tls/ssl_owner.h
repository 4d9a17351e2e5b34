// What the library's callbacks ask and tell: whose handshake it is. A context is shared by all cores; this is how it
// finds the one connection. Belongs to the connection's core.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tls/facts.h"
#include "tls/handles.h"

namespace remora::tls {

class SslOwner {
 public:
  virtual int64_t wallSeconds() const = 0;
  // Whom the certificate must be for when the settings name nobody; empty on the accepting side.
  virtual std::string_view wantedHost() const = 0;
  virtual void notePeer(std::shared_ptr<const PeerIdentity> peer) = 0;
  // `code` is an X509_V_ERR_ number.
  virtual void notePeerRefused(int code, std::shared_ptr<const PeerIdentity> peer) = 0;
  virtual void noteSession(Handle<ssl_session_st> session) = 0;

 protected:
  ~SslOwner() = default;
};

// Ties the callbacks of `ssl` to its owner, which must outlive it.
void setOwner(ssl_st& ssl, SslOwner& owner);
SslOwner& ownerOf(const ssl_st& ssl);

}  // namespace remora::tls
