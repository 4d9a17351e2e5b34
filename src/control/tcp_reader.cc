#include "control/tcp_reader.h"

#include "base/ascii.h"
#include "control/addresses.h"
#include "control/destination_reader.h"
#include "control/match_reader.h"
#include "control/route_reader.h"
#include "control/service_reader.h"

namespace remora::control {

namespace {

constexpr size_t kMostItems = 1000;  // each connection is compared with one after the other
constexpr size_t kMostNames = 1000;

// What SNI can ask for (RFC 6066 section 3): a DNS name, never an address.
std::optional<Misspelt> refuseServerName(std::string_view text) {
  constexpr std::string_view kExpected = "a host name without port, or \"*.example.com\"";
  if (text == "*")
    return Misspelt{"'*' is no server name", std::string(kExpected), "without server_names every name fits"};
  const std::string_view address =
      text.starts_with('[') && text.ends_with(']') ? text.substr(1, text.size() - 2) : text;
  if (isIpAddress(address)) {
    return Misspelt{quoted(text) + " is an address, which TLS never asks for", std::string(kExpected),
                    "match it with the key 'destinations'"};
  }
  std::optional<Misspelt> refused = refuseHost(text);
  if (refused) refused->expected = kExpected;
  return refused;
}

void readServerNames(ConfigReader& reader, Fields& fields, model::ChainMatch& match) {
  const std::optional<Place> at = fields.find("server_names");
  if (!at) return;
  const std::vector<Place> items = reader.items(*at, fields.forms("server_names"));
  if (items.size() > kMostNames) {
    return reader.error(*at, std::to_string(items.size()) + " names", "at most " + std::to_string(kMostNames));
  }
  for (const Place& item : items) {
    std::string text;
    if (!reader.readScalar(item, fields.forms("server_names"), text)) continue;
    if (const std::optional<Misspelt> refused = refuseServerName(text)) {
      reader.error(item, *refused);
    } else {
      match.server_names.push_back(ascii::toLower(text));
    }
  }
}

model::ChainMatch readTcpMatch(ConfigReader& reader, const Place& place) {
  model::ChainMatch match;
  Fields fields(reader, place, kTcpMatchSpec);
  if (!fields.isOpen()) return match;
  if (place.node->entries.empty()) {
    reader.error(place, "this match asks for nothing", "one of server_names, destinations, sources",
                 "leave 'match' out where everything fits");
  }
  readServerNames(reader, fields, match);
  if (const auto at = fields.find("destinations")) {
    readNetworks(reader, *at, fields.forms("destinations"), match.destination_cidrs);
  }
  if (const auto at = fields.find("sources")) readNetworks(reader, *at, fields.forms("sources"), match.source_cidrs);
  return match;
}

}  // namespace

void readTcp(ConfigReader& reader, const Place& place, std::span<const Form> forms,
             const std::vector<std::string_view>& services, model::Listener& listener) {
  const std::vector<Place> items = reader.items(place, forms);
  if (items.size() > kMostItems) {
    return reader.error(place, std::to_string(items.size()) + " items", "at most " + std::to_string(kMostItems));
  }
  std::string taken_by;  // the path of the item that takes all that is left
  for (size_t i = 0; i < items.size(); ++i) {
    const Place& item = items[i];
    model::Chain chain;
    chain.name = "tcp[" + std::to_string(i) + "]";
    chain.protocol = model::Protocol::kTcp;
    chain.tls = listener.default_chain.tls;
    chain.tcp.emplace();
    bool has_match = false;
    if (item.isMap()) {
      Fields fields(reader, item, kTcpSpec);
      readLabel(reader, fields, "name", chain.name);
      has_match = fields.has("match");
      if (const auto at = fields.find("match")) chain.match = readTcpMatch(reader, *at);
      if (const auto at = fields.find("to")) {
        model::WeightedCluster to;
        readDestination(reader, *at, fields.forms("to"), services, to);
        chain.tcp->cluster = std::move(to.cluster);
        chain.tcp->subset = std::move(to.subset);
      }
      fields.read("idle", chain.tcp->idle);
    } else {
      readServiceName(reader, item, kTcpSpec.find("to")->forms, services, chain.tcp->cluster);
    }
    if (!taken_by.empty()) {
      reader.error(item, "this is never reached: " + taken_by + " takes every connection",
                   "an item without 'match' only at the end");
    } else if (has_match) {
      listener.chains.push_back(std::move(chain));
    } else {
      taken_by = item.path;
      listener.default_chain = std::move(chain);
    }
  }
}

}  // namespace remora::control
