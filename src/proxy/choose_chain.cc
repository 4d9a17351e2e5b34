#include "proxy/choose_chain.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace remora::proxy {
namespace {

bool liesIn(const std::vector<route::SourceRange>& ranges, const net::Peer& peer) {
  return ranges.empty() ||
         std::ranges::any_of(ranges, [&](const route::SourceRange& range) { return range.contains(peer.ipSpan()); });
}

bool fitsAddresses(const snapshot::TcpChain& chain, const ChainFacts& facts) {
  const uint16_t port = chain.source->match.destination_port;
  return (port == 0 || port == facts.destination.port) && liesIn(chain.destinations, facts.destination) &&
         liesIn(chain.sources, facts.source);
}

// What a client sends may be in any case, and hold any byte.
bool fitsName(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with("*.")) return ascii::equalsIgnoreCase(name, pattern);
  const std::string_view suffix = pattern.substr(1);
  return name.size() > suffix.size() && ascii::equalsIgnoreCase(name.substr(name.size() - suffix.size()), suffix);
}

bool fitsFirstBytes(const model::ChainMatch& match, const FirstBytes& first) {
  const bool is_tls = first.kind == FirstBytes::Kind::kTls;
  if (!match.transport.empty() && (match.transport == "tls") != is_tls) return false;
  return match.server_names.empty() || std::ranges::any_of(match.server_names, [&](const std::string& pattern) {
           return fitsName(pattern, first.server_name);
         });
}

}  // namespace

FirstBytes readFirstBytes(std::span<const char> bytes) {
  tls::FirstBytes read = tls::readFirstBytes({bytes.data(), bytes.size()});
  return {.kind = read.kind, .server_name = std::move(read.server_name), .is_complete = read.isDecided()};
}

ChainChoice chooseTcpChain(const snapshot::ListenerPlan& plan, const ChainFacts& facts) {
  for (const snapshot::TcpChain& chain : plan.tcp_chains) {
    if (chain.is_default) return {ChainChoice::Kind::kTcp, &chain};
    if (!fitsAddresses(chain, facts)) continue;
    if (chain.needsFirstBytes()) {
      if (!facts.first.is_complete) return {ChainChoice::Kind::kWait};
      if (!fitsFirstBytes(chain.source->match, facts.first)) continue;
    }
    return {ChainChoice::Kind::kTcp, &chain};
  }
  return {plan.routes ? ChainChoice::Kind::kHttp : ChainChoice::Kind::kNone};
}

}  // namespace remora::proxy
