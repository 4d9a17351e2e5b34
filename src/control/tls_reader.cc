#include "control/tls_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "control/addresses.h"

namespace remora::control {

namespace {

constexpr size_t kMostCertificates = 1000;  // each is read and kept by every snapshot
constexpr size_t kMostNames = 1000;         // compared one after the other in each handshake

// Both or neither; true when both are there.
bool hasPair(ConfigReader& reader, const Fields& fields) {
  const bool has_certificate = fields.has("certificate");
  const bool has_key = fields.has("key");
  if (has_certificate == has_key) return has_certificate;
  reader.error(fields.find(has_certificate ? "certificate" : "key").value_or(fields.place()),
               has_certificate ? "the certificate has no key" : "the key has no certificate",
               has_certificate ? "'key' beside 'certificate'" : "'certificate' beside 'key'",
               has_certificate ? "add for example key: key.pem" : "add for example certificate: cert.pem");
  return false;
}

model::CertificateFiles readPair(ConfigReader& reader, Fields& fields) {
  model::CertificateFiles files;
  files.origin = reader.origin(fields.find("certificate").value_or(fields.place()));
  fields.readFile("certificate", files.certificate);
  fields.readFile("key", files.key);
  return files;
}

void readCertificates(ConfigReader& reader, Fields& fields, model::TlsServer& tls) {
  const std::optional<Place> list = fields.find("certificates");
  const bool has_one = fields.has("certificate") || fields.has("key");
  if (list && has_one) {
    return reader.error(
        *list, "'certificates' and '" + std::string(fields.has("key") ? "key" : "certificate") + "' exclude each other",
        "either 'certificate' and 'key', or 'certificates'", "move that pair into the list");
  }
  if (!list) {
    if (!has_one && !fields.has("certificates")) {
      reader.error(fields.place(), "there is no certificate", "'certificate' and 'key', or 'certificates'",
                   "add for example certificate: cert.pem and key: key.pem");
    }
    if (hasPair(reader, fields)) tls.certificates.push_back(readPair(reader, fields));
    return;
  }
  const std::vector<Place> items = reader.items(*list, fields.forms("certificates"));
  if (items.size() > kMostCertificates) {
    return reader.error(*list, std::to_string(items.size()) + " certificates",
                        "at most " + std::to_string(kMostCertificates));
  }
  for (const Place& item : items) {
    Fields pair(reader, item, kCertificateSpec);
    if (pair.isOpen()) tls.certificates.push_back(readPair(reader, pair));
  }
}

// ---- names that a certificate must have

bool isVisible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

std::optional<Misspelt> refuseSan(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme != std::string_view::npos && scheme > 0 && text.size() > scheme + 3 && isVisible(text))
    return std::nullopt;
  const std::string_view host = text.starts_with("*.") ? text.substr(2) : text;
  if (isIpAddress(text) || isHostName(host)) return std::nullopt;
  std::string suggestion;
  if (text.starts_with("spiffe:/") && scheme == std::string_view::npos) {
    suggestion = spelling("spiffe://" + std::string(text.substr(8)));
  }
  return Misspelt{quoted(text) + " can't be an alternative name",
                  "a URI such as spiffe://example.org/web, an IP address, or a DNS name such as \"*.example.com\"",
                  std::move(suggestion)};
}

// The SPIFFE ID standard, section 2.1: lower case letters, digits, '.', '-' and '_'.
std::optional<Misspelt> refuseTrustDomain(std::string_view text) {
  const auto isAllowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  };
  if (!text.empty() && text.size() <= 255 && std::ranges::all_of(text, isAllowed)) return std::nullopt;
  std::string_view name = text;
  if (name.starts_with("spiffe://")) name.remove_prefix(9);
  return Misspelt{quoted(text) + " is not a trust domain", "a name in lower case such as example.org",
                  spelling(ascii::toLower(name.substr(0, name.find('/'))))};
}

// A name, or a URI with a star for the rest of its path.
std::optional<Misspelt> refusePattern(std::string_view text) {
  const size_t scheme = text.find("://");
  const size_t star = text.find('*');
  if (scheme == std::string_view::npos || star == std::string_view::npos) return refuseSan(text);
  const bool has_host = text.size() > scheme + 3 && text[scheme + 3] != '/' && star > scheme + 4;
  if (has_host && star == text.size() - 1 && text[star - 1] == '/') return refuseSan(text);
  return Misspelt{quoted(text) + " has its star in the wrong place",
                  "a star only at the end, behind a '/', such as spiffe://example.org/batch/*"};
}

void readNames(ConfigReader& reader, Fields& fields, std::string_view key, std::vector<std::string>& out,
               const auto& refuse, size_t most = kMostNames) {
  const std::optional<Place> at = fields.find(key);
  if (!at) return;
  const std::vector<Place> items = reader.items(*at, fields.forms(key));
  if (items.size() > most) {
    return reader.error(*at, std::to_string(items.size()) + " names", "at most " + std::to_string(most));
  }
  for (const Place& item : items) {
    std::string text;
    if (!reader.readScalar(item, fields.forms(key), text)) continue;
    if (const std::optional<Misspelt> refused = refuse(text)) {
      reader.error(item, *refused);
    } else {
      out.push_back(std::move(text));
    }
  }
}

void readPeerNames(ConfigReader& reader, Fields& fields, model::PeerNames& names) {
  readNames(reader, fields, "sans", names.sans, refuseSan);
  readNames(reader, fields, "trust_domains", names.trust_domains, refuseTrustDomain);
}

// ---- what both sides have

void readVersions(ConfigReader& reader, Fields& fields, model::TlsVersion& least, model::TlsVersion& most) {
  fields.readWord("min_version", least);
  fields.readWord("max_version", most);
  if (least <= most) return;
  reader.error(fields.find("max_version").value_or(fields.place()), "max_version 1.2 is older than min_version 1.3",
               "a max_version of at least min_version");
}

void refuseIdle(ConfigReader& reader, const Fields& fields, std::initializer_list<std::string_view> keys,
                const std::string& why, const std::string& expected) {
  for (const std::string_view key : keys) {
    if (const auto at = fields.find(key)) reader.error(*at, quoted(key) + " has no effect: " + why, expected);
  }
}

void readClient(ConfigReader& reader, Fields& fields, model::TlsServer& tls) {
  using Client = model::TlsServer::Client;
  if (fields.has("client_ca")) tls.client = Client::kRequired;
  fields.readWord("client", tls.client);
  fields.readFile("client_ca", tls.client_ca);
  fields.readFile("crl", tls.crl);
  if (const auto at = fields.find("client_names")) {
    Fields names(reader, *at, kPeerNamesSpec);
    if (names.isOpen()) {
      if (!names.has("sans") && !names.has("trust_domains")) {
        reader.error(*at, "client_names asks for nothing", "'sans' or 'trust_domains'");
      }
      readPeerNames(reader, names, tls.client_names);
    }
  }
  if (tls.client == Client::kNone) {
    refuseIdle(reader, fields, {"client_ca", "client_names", "crl"}, "clients are asked for no certificate",
               "client: required or client: optional");
  } else if (!fields.has("client_ca")) {
    reader.error(*fields.find("client"), "nothing says who may have signed the clients' certificates",
                 "'client_ca' beside 'client'", "add for example client_ca: ca.pem");
  }
}

// ---- of a service

void readServerName(ConfigReader& reader, Fields& fields, model::TlsClient& tls) {
  fields.read("server_name", tls.server_name);
  const std::optional<Place> at = fields.find("server_name");
  if (!at || (isHostName(tls.server_name) && !isIpAddress(tls.server_name))) return;
  reader.error(*at, quoted(tls.server_name) + " is not a host name", "a name such as orders.internal, without port",
               isIpAddress(tls.server_name) ? "an address is verified with the key 'sans'" : "");
}

void refuseNameless(ConfigReader& reader, const Place& place, const model::Cluster& cluster) {
  const auto isUnix = [](const model::Endpoint& endpoint) {
    return endpoint.address.kind == model::SocketAddress::Kind::kUnix;
  };
  const model::TlsClient& tls = *cluster.tls;
  if (!tls.verifies || !tls.server_name.empty() || !tls.names.isEmpty()) return;
  if (std::ranges::none_of(cluster.endpoints, isUnix)) return;
  reader.error(place, "a Unix socket has no host name to verify", "'server_name', 'sans' or 'trust_domains'");
}

}  // namespace

void readIdentityPatterns(ConfigReader& reader, Fields& fields, size_t most, model::PeerNames& names) {
  readNames(reader, fields, "sans", names.sans, refusePattern, most);
  readNames(reader, fields, "trust_domains", names.trust_domains, refuseTrustDomain, most);
}

model::TlsServer readTlsServer(ConfigReader& reader, const Place& place, std::string name) {
  model::TlsServer tls;
  tls.origin = reader.origin(place);
  tls.name = std::move(name);
  Fields fields(reader, place, kTlsServerSpec);
  if (!fields.isOpen()) return tls;
  readCertificates(reader, fields, tls);
  readClient(reader, fields, tls);
  fields.readWord("plaintext", tls.plaintext);
  fields.readWord("unknown_name", tls.unknown_name);
  readVersions(reader, fields, tls.least, tls.most);
  fields.read("tickets", tls.tickets);
  fields.read("ticket_lifetime", tls.ticket_lifetime);
  if (!tls.tickets) refuseIdle(reader, fields, {"ticket_lifetime"}, "there are no tickets", "tickets: true");
  fields.read("handshake", tls.handshake);
  return tls;
}

void readTlsClient(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Cluster& cluster) {
  model::TlsClient tls;
  tls.origin = reader.origin(place);
  if (!place.isMap()) {
    bool is_on = false;
    if (!place.isScalar()) return reader.error(place, "found a list", expectation(forms));
    if (!reader.readBool(place, forms, is_on) || !is_on) return;
    cluster.tls = std::move(tls);
    return refuseNameless(reader, place, cluster);
  }
  Fields fields(reader, place, kTlsClientSpec);
  fields.readFile("ca", tls.ca);
  if (hasPair(reader, fields)) tls.certificate = readPair(reader, fields);
  fields.read("verify", tls.verifies);
  readServerName(reader, fields, tls);
  readPeerNames(reader, fields, tls.names);
  fields.readFile("crl", tls.crl);
  readVersions(reader, fields, tls.least, tls.most);
  fields.read("resume", tls.resumes);
  if (!tls.verifies) {
    refuseIdle(reader, fields, {"ca", "sans", "trust_domains", "crl"}, "nothing is verified", "verify: true");
    reader.warning(*fields.find("verify"),
                   "whoever answers is believed: anyone on the way can read and change what is "
                   "sent to this service",
                   "give it 'ca' instead");
  }
  cluster.tls = std::move(tls);
  refuseNameless(reader, place, cluster);
}

}  // namespace remora::control
