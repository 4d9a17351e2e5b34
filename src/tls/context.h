// TLS settings as the library needs them, made from the model: files read and checked, what doesn't fit refused with a
// sentence. Immutable and shared: made once a generation on any thread, used by every core.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "model/origin.h"
#include "model/tls.h"
#include "tls/handles.h"
#include "tls/peer_policy.h"
#include "tls/session_cache.h"
#include "tls/ticket_keys.h"

namespace remora::tls {

struct ConfigProblem {
  model::Origin origin;
  std::string text;  // "key.pem: the key isn't the one of the certificate in cert.pem"
};

// For metrics and pages.
struct CertificateFacts {
  std::string file;
  std::string subject;
  std::vector<std::string> sans;
  int64_t not_before = 0;  // seconds since 1970
  int64_t not_after = 0;
};

// Sentences about certificates that are served although `now` (seconds since 1970) isn't within their time.
std::vector<std::string> warningsAbout(const std::vector<CertificateFacts>& certificates, int64_t now);

class ServerContext {
 public:
  // `alpn` in order of preference; empty: what a client offers is ignored. With it, a client that offers only others is
  // refused (RFC 7301 section 3.2); one that offers nothing isn't.
  // `keys` null: no session is resumed.
  static std::expected<std::shared_ptr<const ServerContext>, ConfigProblem> make(const model::TlsServer& settings,
                                                                                 const std::vector<std::string>& alpn,
                                                                                 std::shared_ptr<TicketKeys> keys);
  ~ServerContext();

  const std::vector<CertificateFacts>& certificates() const { return facts_; }
  const model::TlsServer& settings() const { return settings_; }

  // For TlsStream, which keeps the context for as long as the result lives.
  Handle<ssl_st> open() const;
  const PeerPolicy& policy() const { return policy_; }

 private:
  friend class ServerCallbacks;
  ServerContext(const model::TlsServer& settings, const std::vector<std::string>& alpn,
                std::shared_ptr<TicketKeys> keys);
  std::expected<void, ConfigProblem> load();
  std::expected<void, ConfigProblem> trustClients();
  std::expected<void, ConfigProblem> addCertificate(const model::CertificateFiles& files);
  ssl_ctx_st* certificateFor(std::string_view server_name) const;

  model::TlsServer settings_;
  std::string alpn_;  // as on the wire
  std::shared_ptr<TicketKeys> keys_;
  PeerPolicy policy_;
  Handle<x509_store_st> anchors_;
  Certificates client_cas_;
  Fingerprint client_rules_{};                // sessions are resumed under the same only
  std::vector<Handle<ssl_ctx_st>> contexts_;  // one a certificate, otherwise alike; the first is the default
  std::vector<CertificateFacts> facts_;       // in the same order
  std::vector<std::vector<std::string>> names_;
};

// What a connection is for: over one for bytes as they are, no protocol may be agreed on.
enum class Carries : uint8_t { kHttp, kBytes };

class ClientContext {
 public:
  static std::expected<std::shared_ptr<const ClientContext>, ConfigProblem> make(const model::TlsClient& settings,
                                                                                 const std::vector<std::string>& alpn);
  ~ClientContext();

  const std::vector<CertificateFacts>& certificates() const { return facts_; }
  const model::TlsClient& settings() const { return settings_; }
  const Fingerprint& fingerprint() const { return fingerprint_; }

  Handle<ssl_st> open(Carries carries) const;
  const PeerPolicy& policy() const { return policy_; }

 private:
  ClientContext(const model::TlsClient& settings, const std::vector<std::string>& alpn);
  std::expected<void, ConfigProblem> load();

  model::TlsClient settings_;
  std::string alpn_;
  PeerPolicy policy_;
  Fingerprint fingerprint_{};
  Handle<ssl_ctx_st> context_;
  std::vector<CertificateFacts> facts_;
};

}  // namespace remora::tls
