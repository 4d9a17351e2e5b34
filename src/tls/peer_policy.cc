#include "tls/peer_policy.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <utility>

#include "tls/names.h"
#include "tls/peer_identity.h"
#include "tls/pem_files.h"

namespace remora::tls {

void setOwner(ssl_st& ssl, SslOwner& owner) {
  SSL_set_app_data(&ssl, &owner);
}

SslOwner& ownerOf(const ssl_st& ssl) {
  return *static_cast<SslOwner*>(SSL_get_app_data(&ssl));
}

int PeerPolicy::judge(const PeerIdentity& identity, const SslOwner& owner) const {
  if (names_.isEmpty()) {
    if (host_ == Host::kIgnored || isForHost(identity, owner.wantedHost())) return X509_V_OK;
    return X509_V_ERR_HOSTNAME_MISMATCH;
  }
  switch (checkNames(names_, identity)) {
    case NameVerdict::kFits:
      return X509_V_OK;
    case NameVerdict::kNoSan:
      return X509_V_ERR_HOSTNAME_MISMATCH;
    case NameVerdict::kNoTrustDomain:
      return X509_V_ERR_APPLICATION_VERIFICATION;
  }
  return X509_V_ERR_APPLICATION_VERIFICATION;
}

int PeerPolicy::judgeResumed(const PeerIdentity& identity, const SslOwner& owner) const {
  if (owner.wallSeconds() > identity.not_after) return X509_V_ERR_CERT_HAS_EXPIRED;
  return judge(identity, owner);
}

int PeerPolicy::verify(x509_store_ctx_st* chain, void* policy) {
  const auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  SslOwner& owner = ownerOf(*ssl);
  X509_STORE_CTX_set_time(chain, 0, static_cast<time_t>(owner.wallSeconds()));
  const bool is_valid = X509_verify_cert(chain) == 1;
  auto identity = std::make_shared<const PeerIdentity>(identityOf(*X509_STORE_CTX_get0_cert(chain)));
  int code = X509_STORE_CTX_get_error(chain);
  // Never a refusal that reads as a success.
  if (!is_valid && code == X509_V_OK) code = X509_V_ERR_UNSPECIFIED;
  if (is_valid) code = static_cast<const PeerPolicy*>(policy)->judge(*identity, owner);
  X509_STORE_CTX_set_error(chain, code);
  if (code == X509_V_OK) {
    owner.notePeer(std::move(identity));
    return 1;
  }
  owner.notePeerRefused(code, std::move(identity));
  return 0;
}

namespace {

// Where distributions keep the bundle that their certificate packages make.
std::string systemBundle() {
  for (const char* const path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                 "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (access(path, R_OK) == 0) return path;
  }
  return {};
}

}  // namespace

std::expected<Handle<x509_store_st>, std::string> readTrust(const std::string& ca, const std::string& crl) {
  const std::string path = ca.empty() ? systemBundle() : ca;
  if (path.empty()) {
    return std::unexpected(
        "the system trusts nobody: no bundle of certificates is installed (package ca-certificates); "
        "name a ca");
  }
  const auto anchors = readCertificates(path);
  if (!anchors) return std::unexpected(anchors.error());
  Handle<x509_store_st> store(X509_STORE_new());
  for (const auto& anchor : *anchors) X509_STORE_add_cert(store.get(), anchor.get());
  // What is listed is trusted, even where a mesh lists an intermediate without its root.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  if (!crl.empty()) {
    if (auto added = addRevoked(*store, crl); !added) return std::unexpected(added.error());
  }
  return store;
}

}  // namespace remora::tls
