#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <utility>

#include "tls/context.h"
#include "tls/pem_files.h"
#include "tls/ssl_settings.h"

namespace remora::tls {
namespace {

int keepSession(SSL* ssl, SSL_SESSION* session) {
  ownerOf(*ssl).noteSession(Handle<ssl_session_st>(session));
  return 1;  // it is ours now
}

}  // namespace

std::expected<std::shared_ptr<const ClientContext>, ConfigProblem> ClientContext::make(
    const model::TlsClient& settings, const std::vector<std::string>& alpn) {
  std::shared_ptr<ClientContext> context(new ClientContext(settings, alpn));
  if (auto loaded = context->load(); !loaded) return std::unexpected(loaded.error());
  return context;
}

ClientContext::ClientContext(const model::TlsClient& settings, const std::vector<std::string>& alpn)
    : settings_(settings), alpn_(alpnOnWire(alpn)), policy_(settings.names, PeerPolicy::Host::kMustFit) {}

ClientContext::~ClientContext() = default;

std::expected<void, ConfigProblem> ClientContext::load() {
  context_ = newContext(TLS_client_method(), settings_.least, settings_.most);
  SSL_CTX* const ctx = context_.get();
  if (settings_.verifies) {
    auto anchors = readTrust(settings_.ca, settings_.crl);
    if (!anchors) return std::unexpected(ConfigProblem{settings_.origin, anchors.error()});
    SSL_CTX_set_cert_store(ctx, anchors->release());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, PeerPolicy::verify, &policy_);
  } else {
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
  }
  std::string shown;
  if (settings_.certificate) {
    auto facts = useCertificate(*ctx, *settings_.certificate);
    if (!facts) return std::unexpected(facts.error());
    facts_.push_back(std::move(*facts));
    shown = bytesOf(settings_.certificate->certificate);
  }
  if (!alpn_.empty()) {
    SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const uint8_t*>(alpn_.data()), static_cast<unsigned>(alpn_.size()));
  }
  if (settings_.resumes) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keepSession);
  } else {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  }
  fingerprint_ = digestOf({settings_.verifies ? "verifies" : "trusts", bytesOf(settings_.ca), bytesOf(settings_.crl),
                           settings_.server_name, joined(settings_.names.sans), joined(settings_.names.trust_domains),
                           shown, alpn_});
  return {};
}

Handle<ssl_st> ClientContext::open(Carries carries) const {
  Handle<ssl_st> ssl(SSL_new(context_.get()));
  if (carries == Carries::kBytes) SSL_set_alpn_protos(ssl.get(), nullptr, 0);
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace remora::tls
