#include "proxy/descriptor.h"

#include <array>

#include "base/check.h"
#include "base/utf8.h"
#include "http/grpc_rate_limit.h"
#include "tls/digest.h"

namespace remora::proxy {

bool writeDescriptorQuestion(std::string& out, std::string_view domain,
                             const std::vector<model::DescriptorEntry>& descriptor, const Keyed& keyed) {
  constexpr size_t kMost = model::kDescriptorEntriesMost;
  check(descriptor.size() <= kMost, "the configuration bounds the entries of a descriptor");
  std::array<http::grpc::RateLimitEntry, kMost> entries;
  std::array<std::string, kMost> digests;
  std::array<char, net::kPeerTextMax> address;  // the only value that is written is the same for every entry
  for (size_t i = 0; i < descriptor.size(); ++i) {
    const model::DescriptorEntry& entry = descriptor[i];
    std::string_view value = entry.value;
    if (entry.from) value = valueOf(keyed, *entry.from, address).value_or(std::string_view());
    if (value.empty()) return false;
    if (value.size() > model::kLongestEntryValue || !utf8::isWellFormed(value)) {
      value = digests[i] = "#" + tls::sha256Hex(value);
    }
    entries[i] = {entry.key, value};
  }
  http::grpc::writeRateLimitQuestion(out, domain, std::span(entries).first(descriptor.size()));
  return true;
}

}  // namespace remora::proxy
