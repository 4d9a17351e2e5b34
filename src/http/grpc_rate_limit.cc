#include "http/grpc_rate_limit.h"

#include <algorithm>
#include <array>

#include "http/grpc.h"
#include "http/protobuf.h"

namespace remora::http::grpc {
namespace {

// RateLimitResponse.Code
constexpr uint64_t kOk = 1;
constexpr uint64_t kOverLimit = 2;

// RateLimit.Unit, by its number; months and years as long as they are at most.
constexpr std::array<std::chrono::seconds, 8> kUnits{
    std::chrono::seconds(0), std::chrono::seconds(1),     std::chrono::minutes(1),      std::chrono::hours(1),
    std::chrono::hours(24),  std::chrono::hours(24 * 31), std::chrono::hours(24 * 366), std::chrono::hours(24 * 7)};

struct Status {
  bool is_over = false;
  std::optional<Duration> wait;
  uint32_t requests = 0;
  Duration window{0};
};

size_t sizeOf(const RateLimitEntry& entry) {
  return protobuf::sizeOfBytes(entry.key.size()) + protobuf::sizeOfBytes(entry.value.size());
}

// False, of all of these: it is broken, or says what can't be.
bool readLimit(std::string_view message, Status& status) {
  protobuf::Fields fields(message);
  while (fields.next()) {
    if (fields.isNumber(1)) status.requests = static_cast<uint32_t>(fields.number());
    if (fields.isNumber(2)) status.window = fields.number() < kUnits.size() ? kUnits[fields.number()] : Duration(0);
  }
  return !fields.isBroken();
}

bool readDuration(std::string_view message, std::optional<Duration>& out) {
  constexpr uint64_t kSecondsMost = kRateLimitWaitMost / std::chrono::seconds(1);
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  protobuf::Fields fields(message);
  while (fields.next()) {
    if (fields.isNumber(1)) seconds = fields.number();
    if (fields.isNumber(2)) nanos = fields.number();
  }
  const bool is_negative = seconds > INT64_MAX || nanos > INT64_MAX;
  if (fields.isBroken() || is_negative || nanos > 999'999'999) return false;
  const Duration span = std::chrono::seconds(std::min(seconds, kSecondsMost)) + std::chrono::nanoseconds(nanos);
  out = std::min(span, kRateLimitWaitMost);
  return true;
}

bool readStatus(std::string_view message, Status& status) {
  protobuf::Fields fields(message);
  while (fields.next()) {
    if (fields.isNumber(1)) status.is_over = fields.number() == kOverLimit;
    if (fields.isBytes(2) && !readLimit(fields.bytes(), status)) return false;
    if (fields.isBytes(4) && !readDuration(fields.bytes(), status.wait)) return false;
  }
  return !fields.isBroken();
}

}  // namespace

void writeRateLimitQuestion(std::string& out, std::string_view domain,
                            std::span<const RateLimitDescriptor> descriptors) {
  const size_t begun = beginFrame(out);
  protobuf::addBytes(out, 1, domain);
  for (const RateLimitDescriptor& descriptor : descriptors) {
    size_t size = 0;
    for (const RateLimitEntry& entry : descriptor) size += protobuf::sizeOfBytes(sizeOf(entry));
    protobuf::addMessageHead(out, 2, size);
    for (const RateLimitEntry& entry : descriptor) {
      protobuf::addMessageHead(out, 1, sizeOf(entry));
      protobuf::addBytes(out, 1, entry.key);
      protobuf::addBytes(out, 2, entry.value);
    }
  }
  protobuf::addNumber(out, 3, 1);  // hits_addend
  endFrame(out, begun);
}

Result<RateLimitAnswer> parseRateLimitAnswer(std::string_view body) {
  const std::optional<std::string_view> message = messageOf(body);
  if (!message) return fail(Reason::kBadResponse);
  uint64_t code = 0;
  RateLimitAnswer answer;
  protobuf::Fields fields(*message);
  while (fields.next()) {
    if (fields.isNumber(1)) code = fields.number();
    if (!fields.isBytes(2)) continue;
    Status status;
    if (!readStatus(fields.bytes(), status)) return fail(Reason::kBadResponse);
    // Of several that are over, whichever lasts longest.
    if (!status.is_over || (answer.wait && status.wait <= answer.wait)) continue;
    answer.wait = status.wait;
    answer.requests = status.requests;
    answer.window = status.window;
  }
  if (fields.isBroken() || (code != kOk && code != kOverLimit)) return fail(Reason::kBadResponse);
  answer.is_allowed = code == kOk;
  return answer;
}

}  // namespace remora::http::grpc
