#include "proxy/descriptor.h"

#include <array>
#include <forward_list>
#include <span>

#include "base/check.h"
#include "base/utf8.h"
#include "http/grpc_rate_limit.h"
#include "tls/digest.h"

namespace remora::proxy {

namespace {

constexpr size_t kDescriptorsMost = model::kDescriptorsMost;
constexpr size_t kEntriesMost = model::kDescriptorEntriesMost;

class Question {
 public:
  explicit Question(const Keyed& keyed) : keyed_(keyed) {}

  // Unless the request lacks one of its values.
  void add(const model::Descriptor& descriptor) {
    check(count_ < kDescriptorsMost && descriptor.size() <= kEntriesMost, "the configuration bounds what is asked");
    std::array<http::grpc::RateLimitEntry, kEntriesMost>& entries = entries_[count_];
    for (size_t i = 0; i < descriptor.size(); ++i) {
      const std::string_view value = valueOfEntry(descriptor[i]);
      if (value.empty()) return;
      entries[i] = {descriptor[i].key, value};
    }
    descriptors_[count_++] = std::span(entries).first(descriptor.size());
  }
  std::span<const http::grpc::RateLimitDescriptor> descriptors() const { return std::span(descriptors_).first(count_); }

 private:
  std::string_view valueOfEntry(const model::DescriptorEntry& entry) {
    if (!entry.from) return entry.value;
    const std::string_view value = valueOf(keyed_, *entry.from, address_).value_or(std::string_view());
    if (value.size() <= model::kLongestEntryValue && utf8::isWellFormed(value)) return value;
    return digests_.emplace_front("#" + tls::sha256Hex(value));
  }

  const Keyed& keyed_;
  size_t count_ = 0;
  std::array<std::array<http::grpc::RateLimitEntry, kEntriesMost>, kDescriptorsMost> entries_;
  std::array<http::grpc::RateLimitDescriptor, kDescriptorsMost> descriptors_;
  std::forward_list<std::string> digests_;
  std::array<char, net::kPeerTextMax> address_;  // the only value that is written is the same for every entry
};

}  // namespace

bool writeDescriptorQuestion(std::string& out, std::string_view domain,
                             const std::vector<model::Descriptor>& descriptors, const Keyed& keyed) {
  Question question(keyed);
  for (const model::Descriptor& descriptor : descriptors) question.add(descriptor);
  if (question.descriptors().empty()) return false;
  http::grpc::writeRateLimitQuestion(out, domain, question.descriptors());
  return true;
}

}  // namespace remora::proxy
