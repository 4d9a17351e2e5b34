#include "snapshot/tcp_chain.h"

namespace remora::snapshot {
namespace {

std::expected<std::vector<route::SourceRange>, std::string> rangesOf(const std::vector<std::string>& cidrs) {
  std::vector<route::SourceRange> ranges;
  for (const std::string& cidr : cidrs) {
    auto range = route::SourceRange::parse(cidr);
    if (!range) return std::unexpected(std::move(range.error()));
    ranges.push_back(*range);
  }
  return ranges;
}

// "a.example", or "*.example" for every name below it.
bool isServerName(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && name.find('*') == std::string_view::npos;
}

}  // namespace

std::expected<TcpChain, std::string> compileTcpChain(const model::Chain& source, uint32_t index) {
  if (!source.match.application_protocols.empty()) {
    return std::unexpected(std::string("a TCP chain can't be chosen by application protocols"));
  }
  if (const std::string& transport = source.match.transport;
      !transport.empty() && transport != "tls" && transport != "raw_buffer") {
    return std::unexpected("'" + transport + "' isn't a transport; there are tls and raw_buffer");
  }
  for (const std::string& name : source.match.server_names) {
    if (!isServerName(name)) {
      return std::unexpected("'" + name + "' isn't a server name such as a.example or *.example");
    }
  }
  auto destinations = rangesOf(source.match.destination_cidrs);
  if (!destinations) return std::unexpected(std::move(destinations.error()));
  auto sources = rangesOf(source.match.source_cidrs);
  if (!sources) return std::unexpected(std::move(sources.error()));
  return TcpChain{
      .source = &source, .index = index, .destinations = std::move(*destinations), .sources = std::move(*sources)};
}

}  // namespace remora::snapshot
