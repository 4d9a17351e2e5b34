#include "net/srv_answer.h"

#include <ares.h>

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace remora::net {
namespace {

constexpr uint16_t kClassIn = 1;
constexpr uint16_t kTypeCname = 5;
constexpr uint16_t kTypeSrv = 33;
constexpr size_t kHeader = 12;

// Reads forward through a message; after a step past its end nothing more is read.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> message) : message_(message) {}

  bool isBroken() const { return is_broken_; }
  size_t at() const { return at_; }
  void skip(size_t bytes) { at_ = take(bytes) ? at_ + bytes : at_; }
  uint16_t u16() {
    if (!take(2)) return 0;
    at_ += 2;
    return static_cast<uint16_t>(message_[at_ - 2] << 8 | message_[at_ - 1]);
  }
  uint32_t u32() {
    const uint32_t high = u16();
    return high << 16 | u16();
  }
  std::string name() {
    char* text = nullptr;
    long bytes = 0;
    if (!take(1) || ares_expand_name(message_.data() + at_, message_.data(), static_cast<int>(message_.size()), &text,
                                     &bytes) != ARES_SUCCESS) {
      is_broken_ = true;
      return {};
    }
    std::string name = ascii::toLower(text);
    ares_free_string(text);
    at_ += static_cast<size_t>(bytes);
    return name;
  }

 private:
  bool take(size_t bytes) {
    is_broken_ |= bytes > message_.size() - at_;
    return !is_broken_;
  }

  std::span<const uint8_t> message_;
  size_t at_ = 0;
  bool is_broken_ = false;
};

// c-ares writes odd bytes with escapes: what isn't made of these is no host name.
bool isHostName(std::string_view name) {
  const auto isFine = [](char c) { return ascii::isAlpha(c) || ascii::isDigit(c) || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && std::ranges::all_of(name, isFine);
}

}  // namespace

std::expected<SrvAnswer, std::string> parseSrvAnswer(std::span<const uint8_t> message) {
  const std::unexpected<std::string> malformed(std::string("the DNS server's answer is malformed"));
  if (message.size() < kHeader || message.size() > 65'535) return malformed;
  Reader reader(message);
  reader.skip(4);
  const uint16_t questions = reader.u16();
  const uint16_t answers = reader.u16();
  reader.skip(4);
  for (uint16_t i = 0; i < questions && !reader.isBroken(); ++i) {
    reader.name();
    reader.skip(4);
  }
  SrvAnswer answer;
  std::optional<uint32_t> ttl;
  for (uint16_t i = 0; i < answers && !reader.isBroken(); ++i) {
    reader.name();
    const uint16_t type = reader.u16();
    const uint16_t type_class = reader.u16();
    const uint32_t lives = reader.u32();
    const uint16_t bytes = reader.u16();
    const size_t end = reader.at() + bytes;
    if (type_class == kClassIn && (type == kTypeSrv || type == kTypeCname)) {
      // RFC 2181 section 8: a TTL with the highest bit set counts as 0.
      ttl = std::min(ttl.value_or(UINT32_MAX), lives >> 31 ? 0 : lives);
    }
    if (type_class == kClassIn && type == kTypeSrv) {
      SrvRecord record;
      record.priority = reader.u16();
      record.weight = reader.u16();
      record.port = reader.u16();
      record.target = reader.name();
      if (!reader.isBroken() && isHostName(record.target) && record.port) answer.records.push_back(std::move(record));
    }
    if (reader.isBroken() || reader.at() > end) return malformed;
    reader.skip(end - reader.at());
  }
  if (reader.isBroken()) return malformed;
  if (answer.records.empty()) {
    return std::unexpected(std::string(ttl ? "its SRV records name no host: the service isn't offered there"
                                           : "the name exists but has no SRV record"));
  }
  std::ranges::sort(answer.records);
  answer.records.erase(std::unique(answer.records.begin(), answer.records.end()), answer.records.end());
  if (answer.records.size() > kMostSrvRecords) answer.records.resize(kMostSrvRecords);
  answer.ttl = std::chrono::seconds(ttl.value_or(0));
  return answer;
}

}  // namespace remora::net
