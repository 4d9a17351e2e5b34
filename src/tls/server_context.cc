#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/ascii.h"
#include "tls/context.h"
#include "tls/names.h"
#include "tls/pem_files.h"
#include "tls/ssl_settings.h"

namespace remora::tls {

namespace {

// The first name of a list as on the wire, which loses it; empty, with the rest dropped, when it is cut.
std::string_view takeProtocol(std::string_view& list) {
  const size_t bytes = static_cast<uint8_t>(list.front());
  const std::string_view name = list.size() > bytes ? list.substr(1, bytes) : std::string_view();
  list = list.size() > bytes ? list.substr(1 + bytes) : std::string_view();
  return name;
}

}  // namespace

// What the library calls during a handshake, on the core whose connection it is.
class ServerCallbacks {
 public:
  static int chooseCertificate(SSL* ssl, int* alert, void* context);
  static int chooseProtocol(SSL* ssl, const uint8_t** out, uint8_t* out_bytes, const uint8_t* in, unsigned in_bytes,
                            void* context);
  static int sealOrOpenTicket(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac, int seals);
};

std::expected<std::shared_ptr<const ServerContext>, ConfigProblem> ServerContext::make(
    const model::TlsServer& settings, const std::vector<std::string>& alpn, std::shared_ptr<TicketKeys> keys) {
  std::shared_ptr<ServerContext> context(new ServerContext(settings, alpn, std::move(keys)));
  if (auto loaded = context->load(); !loaded) return std::unexpected(loaded.error());
  return context;
}

ServerContext::ServerContext(const model::TlsServer& settings, const std::vector<std::string>& alpn,
                             std::shared_ptr<TicketKeys> keys)
    : settings_(settings),
      alpn_(alpnOnWire(alpn)),
      keys_(std::move(keys)),
      policy_(settings.client_names, PeerPolicy::Host::kIgnored) {}

ServerContext::~ServerContext() = default;

std::expected<void, ConfigProblem> ServerContext::load() {
  if (settings_.certificates.empty()) {
    return std::unexpected(ConfigProblem{settings_.origin, "a listener that speaks TLS needs a certificate and a key"});
  }
  if (auto trusted = trustClients(); !trusted) return trusted;
  for (const model::CertificateFiles& files : settings_.certificates) {
    if (auto added = addCertificate(files); !added) return added;
  }
  return {};
}

std::expected<void, ConfigProblem> ServerContext::trustClients() {
  const auto problem = [&](const std::string& text) { return std::unexpected(ConfigProblem{settings_.origin, text}); };
  if (settings_.client != model::TlsServer::Client::kNone) {
    if (settings_.client_ca.empty()) return problem("client certificates can't be verified without a client_ca");
    auto anchors = readTrust(settings_.client_ca, settings_.crl);
    if (!anchors) return problem(anchors.error());
    anchors_ = std::move(*anchors);
    client_cas_ = *readCertificates(settings_.client_ca);
  }
  // A session is resumed without looking at the client's certificate's chain again: whatever decides over that is part
  // of what the session belongs to.
  client_rules_ = digestOf({settings_.name, std::to_string(static_cast<int>(settings_.client)),
                            bytesOf(settings_.client_ca), bytesOf(settings_.crl), joined(settings_.client_names.sans),
                            joined(settings_.client_names.trust_domains)});
  return {};
}

std::expected<void, ConfigProblem> ServerContext::addCertificate(const model::CertificateFiles& files) {
  Handle<ssl_ctx_st> context = newContext(TLS_server_method(), settings_.least, settings_.most);
  SSL_CTX* const ctx = context.get();
  auto facts = useCertificate(*ctx, files);
  if (!facts) return std::unexpected(facts.error());
  SSL_CTX_set_app_data(ctx, this);
  SSL_CTX_set_tlsext_servername_callback(ctx, ServerCallbacks::chooseCertificate);
  SSL_CTX_set_tlsext_servername_arg(ctx, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(ctx, ServerCallbacks::chooseProtocol, this);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(ctx, client_rules_.data(), client_rules_.size());
  if (settings_.tickets && keys_) {
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, std::max<long>(1, static_cast<long>(settings_.ticket_lifetime.count() / 1000)));
    SSL_CTX_set_tlsext_ticket_key_cb(ctx, ServerCallbacks::sealOrOpenTicket);
  } else {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
  }
  if (anchors_) {
    const bool is_required = settings_.client == model::TlsServer::Client::kRequired;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, PeerPolicy::verify, &policy_);
    X509_STORE_up_ref(anchors_.get());
    SSL_CTX_set_cert_store(ctx, anchors_.get());
    for (const auto& ca : client_cas_) SSL_CTX_add_client_CA(ctx, ca.get());
  }
  std::vector<std::string> names;
  for (const std::string& san : facts->sans) {
    if (san.find("://") == std::string::npos) names.push_back(san);
  }
  contexts_.push_back(std::move(context));
  facts_.push_back(std::move(*facts));
  names_.push_back(std::move(names));
  return {};
}

ssl_ctx_st* ServerContext::certificateFor(std::string_view server_name) const {
  // The name itself before a wildcard, whichever stands first.
  for (size_t i = 0; i < names_.size(); ++i) {
    for (const std::string& name : names_[i]) {
      if (ascii::equalsIgnoreCase(name, server_name)) return contexts_[i].get();
    }
  }
  for (size_t i = 0; i < names_.size(); ++i) {
    for (const std::string& name : names_[i]) {
      if (coversName(name, server_name)) return contexts_[i].get();
    }
  }
  return nullptr;
}

Handle<ssl_st> ServerContext::open() const {
  Handle<ssl_st> ssl(SSL_new(contexts_.front().get()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

int ServerCallbacks::chooseCertificate(SSL* ssl, int* alert, void* context) {
  const auto& self = *static_cast<const ServerContext*>(context);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_CTX* const chosen = self.certificateFor(name)) {
    if (chosen != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen);
    return SSL_TLSEXT_ERR_OK;
  }
  if (self.settings_.unknown_name == model::TlsServer::UnknownName::kDefault) return SSL_TLSEXT_ERR_NOACK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ServerCallbacks::chooseProtocol(SSL*, const uint8_t** out, uint8_t* out_bytes, const uint8_t* in, unsigned in_bytes,
                                    void* context) {
  const std::string_view ours = static_cast<const ServerContext*>(context)->alpn_;
  const std::string_view theirs(reinterpret_cast<const char*>(in), in_bytes);
  for (std::string_view left = ours; !left.empty();) {
    const std::string_view wanted = takeProtocol(left);
    for (std::string_view offered = theirs; !offered.empty();) {
      const std::string_view protocol = takeProtocol(offered);
      if (protocol != wanted) continue;
      *out = reinterpret_cast<const uint8_t*>(protocol.data());
      *out_bytes = static_cast<uint8_t>(protocol.size());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ServerCallbacks::sealOrOpenTicket(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac,
                                      int seals) {
  const auto& self = *static_cast<const ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (seals) {
    const TicketKey key = self.keys_->forSealing();
    std::memcpy(name, key.name.data(), key.name.size());
    const bool is_ready = RAND_bytes(iv, 16) == 1 &&
                          EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
                          HMAC_Init_ex(mac, key.mac.data(), key.mac.size(), EVP_sha256(), nullptr) == 1;
    return is_ready ? 1 : -1;
  }
  const auto opening = self.keys_->forOpening(std::span<const uint8_t, TicketKey::kNameBytes>(name, 16));
  if (!opening) return 0;
  const TicketKey& key = opening->key;
  const bool is_ready = HMAC_Init_ex(mac, key.mac.data(), key.mac.size(), EVP_sha256(), nullptr) == 1 &&
                        EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1;
  if (!is_ready) return -1;
  // 2: and another ticket. A client of TLS 1.3 uses each only once; AWS-LC gives it one anyway.
  return opening->is_old || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

}  // namespace remora::tls
