#include "tls/ssl_settings.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#ifndef NDEBUG
#include <fcntl.h>
#include <unistd.h>
#endif

#include "base/check.h"
#include "tls/peer_identity.h"
#include "tls/pem_files.h"

namespace remora::tls {
namespace {

// Of TLS 1.2 only what has forward secrecy and is authenticated encryption (RFC 9325 section 4.2); TLS 1.3 has nothing
// else. AES-128 first: it is the quicker one, and no weaker in practice.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kCiphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
#ifdef OPENSSL_IS_AWSLC
constexpr const char* kGroups = "X25519MLKEM768:X25519:P-256:P-384";
#else
constexpr const char* kGroups = "X25519:P-256:P-384";  // OpenSSL 3.0 has no ML-KEM
#endif
// Bytes of certificates that a peer may show: a chain of ten with large keys has 20 KiB.
constexpr long kChainMost = 64 << 10;

// A session keeps its peer's chain: connections of one peer, which there are many of, share the bytes of it. It lives
// as long as any session may, which is the process.
void shareChains(SSL_CTX& context) {
#ifdef OPENSSL_IS_AWSLC
  static CRYPTO_BUFFER_POOL* const pool = CRYPTO_BUFFER_POOL_new();
  SSL_CTX_set0_buffer_pool(&context, pool);
#else
  (void)context;  // OpenSSL has no such thing
#endif
}

#ifndef NDEBUG
void writeKeyLog(const SSL*, const char* line) {
  const char* const path = std::getenv("SSLKEYLOGFILE");
  if (!path) return;
  const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string text = std::string(line) + "\n";
  (void)!write(fd, text.data(), text.size());
  close(fd);
}
#endif

int versionNumber(model::TlsVersion version) {
  return version == model::TlsVersion::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

std::expected<void, std::string> checkChain(const Certificates& chain, const std::string& file) {
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    if (X509_check_issued(chain[i + 1].get(), chain[i].get()) == X509_V_OK) continue;
    return std::unexpected(file + ": certificate " + std::to_string(i + 2) + " (" + identityOf(*chain[i + 1]).subject +
                           ") didn't sign certificate " + std::to_string(i + 1) + " (" + identityOf(*chain[i]).subject +
                           "); expected the service's own certificate first, then each one's issuer");
  }
  return {};
}

}  // namespace

Handle<ssl_ctx_st> newContext(const SSL_METHOD* method, model::TlsVersion least, model::TlsVersion most) {
  Handle<ssl_ctx_st> context(SSL_CTX_new(method));
  check(context != nullptr, "the library makes a context");
  SSL_CTX* const ctx = context.get();
  const bool is_set = SSL_CTX_set_min_proto_version(ctx, versionNumber(least)) == 1 &&
                      SSL_CTX_set_max_proto_version(ctx, versionNumber(most)) == 1 &&
                      SSL_CTX_set_cipher_list(ctx, kCiphers12) == 1 && SSL_CTX_set_ciphersuites(ctx, kCiphers13) == 1 &&
                      SSL_CTX_set1_groups_list(ctx, kGroups) == 1;
  check(is_set, "the library knows our versions, ciphers and groups");
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(ctx, kChainMost);
  shareChains(*ctx);
#ifndef NDEBUG
  SSL_CTX_set_keylog_callback(ctx, writeKeyLog);
#endif
  return context;
}

std::expected<CertificateFacts, ConfigProblem> useCertificate(ssl_ctx_st& context,
                                                              const model::CertificateFiles& files) {
  const auto problem = [&](const std::string& text) { return std::unexpected(ConfigProblem{files.origin, text}); };
  const auto chain = readCertificates(files.certificate);
  if (!chain) return problem(chain.error());
  if (auto ordered = checkChain(*chain, files.certificate); !ordered) return problem(ordered.error());
  const auto key = readKey(files.key);
  if (!key) return problem(key.error());
  X509& leaf = *chain->front();
  if (X509_check_private_key(&leaf, key->get()) != 1) {
    ERR_clear_error();
    return problem(files.key + ": the key isn't the one of the certificate in " + files.certificate + " (" +
                   identityOf(leaf).subject + ")");
  }
  bool is_taken = SSL_CTX_use_certificate(&context, &leaf) == 1 && SSL_CTX_use_PrivateKey(&context, key->get()) == 1;
  for (size_t i = 1; i < chain->size(); ++i) {
    is_taken = is_taken && SSL_CTX_add1_chain_cert(&context, (*chain)[i].get()) == 1;
  }
  if (!is_taken) {
    const char* const words = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return problem(files.certificate + ": the certificate can't be used: " + (words ? words : "of an unknown kind"));
  }
  const PeerIdentity identity = identityOf(leaf);
  CertificateFacts facts{files.certificate, identity.subject, identity.dns_names, identity.not_before,
                         identity.not_after};
  facts.sans.insert(facts.sans.end(), identity.uris.begin(), identity.uris.end());
  facts.sans.insert(facts.sans.end(), identity.ips.begin(), identity.ips.end());
  return facts;
}

std::vector<std::string> warningsAbout(const std::vector<CertificateFacts>& certificates, int64_t now) {
  std::vector<std::string> warnings;
  for (const CertificateFacts& facts : certificates) {
    const std::string whose = facts.file + ": the certificate of " + facts.subject;
    if (now > facts.not_after) warnings.push_back(whose + " expired at " + dateText(facts.not_after));
    if (now < facts.not_before) warnings.push_back(whose + " isn't valid before " + dateText(facts.not_before));
  }
  return warnings;
}

std::string alpnOnWire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) continue;
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

Fingerprint digestOf(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) {
    all += std::to_string(part.size()) + ":";
    all += part;
  }
  Fingerprint digest;
  SHA256(reinterpret_cast<const uint8_t*>(all.data()), all.size(), digest.data());
  return digest;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += std::to_string(text.size()) + ":" + text;
  return all;
}

std::string bytesOf(const std::string& path) {
  return path.empty() ? std::string() : readFile(path).value_or(std::string());
}

}  // namespace remora::tls
