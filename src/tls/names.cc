#include "tls/names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/ascii.h"
#include "net/address.h"

namespace remora::tls {
namespace {

// An address in the form that identities have; empty when it is none.
std::string ipText(std::string_view text) {
  const std::optional<net::Peer> peer = net::parsePeer(text);
  if (!peer || peer->port) return {};
  std::array<char, net::kPeerTextMax> out;
  return {out.data(), net::printIp(*peer, out)};
}

bool hasSan(const PeerIdentity& identity, std::string_view wanted) {
  if (wanted.find("://") != std::string_view::npos)
    return std::ranges::find(identity.uris, wanted) != identity.uris.end();
  if (const std::string ip = ipText(wanted); !ip.empty()) {
    return std::ranges::find(identity.ips, ip) != identity.ips.end();
  }
  return std::ranges::any_of(identity.dns_names, [&](const std::string& name) {
    return coversName(wanted, name) || coversName(name, wanted);
  });
}

bool isOfTrustDomain(const PeerIdentity& identity, const std::vector<std::string>& domains) {
  // A certificate with a SPIFFE ID has no other URI (SPIFFE X509-SVID section 2): with two, which one counts?
  if (identity.uris.size() != 1) return false;
  const std::string_view domain = trustDomainOf(identity.uris[0]);
  return !domain.empty() && std::ranges::find(domains, domain) != domains.end();
}

}  // namespace

NameVerdict checkNames(const model::PeerNames& wanted, const PeerIdentity& identity) {
  if (!wanted.sans.empty() &&
      std::ranges::none_of(wanted.sans, [&](const std::string& san) { return hasSan(identity, san); })) {
    return NameVerdict::kNoSan;
  }
  if (!wanted.trust_domains.empty() && !isOfTrustDomain(identity, wanted.trust_domains)) {
    return NameVerdict::kNoTrustDomain;
  }
  return NameVerdict::kFits;
}

bool fitsPattern(const model::PeerNames& wanted, const PeerIdentity& identity) {
  const auto fits = [&](std::string_view san) {
    if (!san.ends_with("/*")) return hasSan(identity, san);
    san.remove_suffix(1);
    return std::ranges::any_of(identity.uris,
                               [&](std::string_view uri) { return uri.size() > san.size() && uri.starts_with(san); });
  };
  return (wanted.sans.empty() || std::ranges::any_of(wanted.sans, fits)) &&
         (wanted.trust_domains.empty() || isOfTrustDomain(identity, wanted.trust_domains));
}

bool isForHost(const PeerIdentity& identity, std::string_view host) {
  if (host.empty()) return false;
  if (const std::string ip = ipText(host); !ip.empty()) {
    return std::ranges::find(identity.ips, ip) != identity.ips.end();
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::ranges::any_of(identity.dns_names, [&](const std::string& name) { return coversName(name, host); });
}

bool coversName(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return false;
  if (!pattern.starts_with("*.")) return ascii::equalsIgnoreCase(pattern, name);
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos || name.starts_with('*')) return ascii::equalsIgnoreCase(pattern, name);
  // One label: "*.example.com" isn't for "a.b.example.com". And "*.com" is for nobody.
  const std::string_view domain = pattern.substr(2);
  return domain.find('.') != std::string_view::npos && ascii::equalsIgnoreCase(domain, name.substr(dot + 1));
}

std::string_view trustDomainOf(std::string_view spiffe_id) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!spiffe_id.starts_with(kScheme)) return {};
  spiffe_id.remove_prefix(kScheme.size());
  const std::string_view domain = spiffe_id.substr(0, spiffe_id.find('/'));
  for (const char c : domain) {
    const bool is_lower = c >= 'a' && c <= 'z';
    if (!is_lower && !ascii::isDigit(c) && c != '.' && c != '-' && c != '_') return {};
  }
  return domain;
}

}  // namespace remora::tls
