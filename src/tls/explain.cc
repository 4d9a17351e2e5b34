#include "tls/explain.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <vector>

#include "base/ascii.h"
#include "tls/detail.h"
#include "tls/names.h"
#include "tls/peer_identity.h"
#include "tls/pem_files.h"

namespace remora::tls {
namespace {

std::string line(std::string_view name, std::string_view value) {
  std::string text = "  ";
  text += name;
  text.append(name.size() < 13 ? 13 - name.size() : 1, ' ');
  text += value.empty() ? "-" : value;
  text += '\n';
  return text;
}

std::string list(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string namesText(const PeerIdentity& identity) {
  std::vector<std::string> names = identity.uris;
  names.insert(names.end(), identity.dns_names.begin(), identity.dns_names.end());
  names.insert(names.end(), identity.ips.begin(), identity.ips.end());
  if (names.empty()) return "none: no name fits it, whatever its subject says";
  return list(names) + (identity.has_bad_name ? " (and one with control characters, which counts for nothing)" : "");
}

std::string validityText(const PeerIdentity& identity, int64_t now) {
  const std::string span = dateText(identity.not_before) + " to " + dateText(identity.not_after);
  if (now < identity.not_before) return span + ", in " + spanText(identity.not_before - now) + " only";
  if (now > identity.not_after) return span + ", expired " + spanText(now - identity.not_after) + " ago";
  return span + ", " + spanText(identity.not_after - now) + " left";
}

std::string keyText(const X509& certificate) {
  EVP_PKEY* const key = X509_get0_pubkey(&certificate);
  if (!key) return "unreadable";
  std::string bits = std::to_string(EVP_PKEY_bits(key)) + " bits";
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA:
      return "RSA, " + bits;
    case EVP_PKEY_EC:
      return "elliptic curve, " + bits;
    case EVP_PKEY_ED25519:
      return "Ed25519";
    default:
      return bits;
  }
}

std::string purposeText(X509& certificate) {
  if (X509_check_ca(&certificate)) return "signing certificates";
  const uint32_t usage = X509_get_extended_key_usage(&certificate);
  if (usage == UINT32_MAX) return "servers and clients (it doesn't say)";
  const bool servers = (usage & XKU_SSL_SERVER) != 0;
  const bool clients = (usage & XKU_SSL_CLIENT) != 0;
  if (servers && clients) return "servers and clients";
  if (servers) return "servers only: it can't be shown as a client's";
  return clients ? "clients only: it can't be shown as a server's" : "neither servers nor clients";
}

}  // namespace

std::string spanText(int64_t seconds) {
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  for (const Unit unit : {Unit{86'400, "day"}, Unit{3600, "hour"}, Unit{60, "minute"}}) {
    const int64_t count = seconds / unit.seconds;
    if (count > 0) return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
  }
  return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds");
}

std::string explainIdentity(const PeerIdentity& identity, int64_t now) {
  std::string text = line("subject", identity.subject);
  text += line("names", namesText(identity));
  const std::string_view domain = trustDomainOf(identity.spiffeId());
  if (!domain.empty()) text += line("trust domain", domain);
  text += line("signed by", identity.issuer);
  text += line("valid", validityText(identity, now));
  text += line("serial", identity.serial);
  return text;
}

std::expected<std::string, std::string> explainFile(const std::string& path, int64_t now) {
  const auto chain = readCertificates(path);
  if (!chain) return std::unexpected(chain.error());
  std::string text;
  for (size_t i = 0; i < chain->size(); ++i) {
    X509& certificate = *(*chain)[i];
    text += "certificate " + std::to_string(i + 1) + " of " + std::to_string(chain->size()) + " in " + path + "\n";
    text += explainIdentity(identityOf(certificate), now);
    text += line("for", purposeText(certificate));
    text += line("key", keyText(certificate));
    if (X509_check_issued(&certificate, &certificate) == X509_V_OK) text += line("", "signed by itself");
    if (i + 1 == chain->size()) break;
    const bool is_next = X509_check_issued((*chain)[i + 1].get(), &certificate) == X509_V_OK;
    text += line("", is_next ? "the next one signed it" : "the next one did not sign it");
  }
  return text;
}

std::string explainFacts(const Facts& facts, int64_t now) {
  std::string text = "the handshake succeeded";
  text += facts.is_resumed ? ", resuming an earlier session\n" : "\n";
  text += line("version", facts.version);
  text += line("cipher", facts.cipher);
  text += line("group", facts.group);
  text += line("server name", facts.server_name);
  text += line("protocol", facts.alpn.empty() ? "none was agreed on" : facts.alpn);
  if (!facts.peer) return text + "the peer showed no certificate that was verified\n";
  return text + "the peer's certificate\n" + explainIdentity(*facts.peer, now);
}

std::string explainFailure(const Failure& failure, const PeerIdentity* refused, const model::PeerNames& wanted,
                           std::string_view host, int64_t now) {
  std::string text = "the handshake failed: " + describeTlsDetail(failure) + "\n";
  if (!refused) return text;
  text += "the peer's certificate\n" + explainIdentity(*refused, now);
  if (!wanted.sans.empty()) text += line("wanted", "one of the names " + list(wanted.sans));
  if (!wanted.trust_domains.empty()) text += line("wanted", "the trust domain " + list(wanted.trust_domains));
  if (wanted.isEmpty() && !host.empty()) text += line("wanted", "the name " + std::string(host));
  if (wanted.isEmpty() && !host.empty() && refused->dns_names.empty() && refused->ips.empty()) {
    text += line("", "it has no DNS name or address; where peers have SPIFFE IDs, configure names");
  }
  return text;
}

}  // namespace remora::tls
