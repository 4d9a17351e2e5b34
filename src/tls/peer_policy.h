// Whose certificates are taken: the trust anchors and what a certificate must say besides. Immutable; any thread.
#pragma once

#include <expected>
#include <string>

#include "model/tls.h"
#include "tls/facts.h"
#include "tls/handles.h"
#include "tls/ssl_owner.h"

struct x509_store_ctx_st;

namespace remora::tls {

class PeerPolicy {
 public:
  enum class Host : uint8_t { kIgnored, kMustFit };  // what a certificate must be for when `names` is empty
  PeerPolicy(model::PeerNames names, Host host) : names_(std::move(names)), host_(host) {}

  // X509_V_OK, or why the certificate isn't taken though its chain is valid.
  int judge(const PeerIdentity& identity, const SslOwner& owner) const;
  // The same, for a session that is resumed: its chain isn't verified again, so that its time is looked at too.
  int judgeResumed(const PeerIdentity& identity, const SslOwner& owner) const;
  // The library calls it with a PeerPolicy instead of verifying by itself.
  static int verify(x509_store_ctx_st* chain, void* policy);

 private:
  model::PeerNames names_;
  Host host_;
};

// The anchors of a PEM bundle (what the system trusts when `ca` is empty), with the revocation lists of `crl` if any.
std::expected<Handle<x509_store_st>, std::string> readTrust(const std::string& ca, const std::string& crl);

}  // namespace remora::tls
