#include "observe/trace_context.h"

#include <bit>

#include "observe/hex.h"

namespace remora::observe {

std::optional<TraceContext> parseTraceparent(std::string_view value) {
  constexpr size_t kLength = 55;
  if (value.size() < kLength || value[2] != '-' || value[35] != '-' || value[52] != '-') return std::nullopt;
  const auto version = parseHex(value.substr(0, 2));
  if (!version || *version == 0xff) return std::nullopt;
  if (value.size() > kLength && (*version == 0 || value[kLength] != '-')) return std::nullopt;

  const auto high = parseHex16(value.data() + 3);
  const auto low = parseHex16(value.data() + 19);
  const auto span = parseHex16(value.data() + 36);
  const auto flags = parseHex(value.substr(53, 2));
  if (!high || !low || !span || !flags || (*high | *low) == 0 || *span == 0) return std::nullopt;
  // Of a higher version only the sampled flag is known to mean the same (section 4.3).
  const uint8_t kept = *version == 0 ? kSampled | kRandomTraceId : kSampled;
  return TraceContext{*high, *low, *span, static_cast<uint8_t>(*flags & kept)};
}

void Traceparent::assign(const TraceContext& context) {
  std::memcpy(text_.data(), "00-", 3);
  putHex16(&text_[3], context.trace_high);
  putHex16(&text_[19], context.trace_low);
  text_[35] = '-';
  putHex16(&text_[36], context.span);
  text_[52] = '-';
  text_[53] = kLowerHexDigits[context.flags >> 4];
  text_[54] = kLowerHexDigits[context.flags & 15];
}

// splitmix64 spreads the seed: xoshiro stands still on zeros and is slow to leave states that are nearly zero.
IdSource::IdSource(Seed seed) : state_(seed) {
  uint64_t mixed = 0;
  for (uint64_t& word : state_) {
    mixed += word + 0x9e3779b97f4a7c15ULL;
    uint64_t z = mixed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    word = z ^ z >> 31;
  }
  if ((state_[0] | state_[1] | state_[2] | state_[3]) == 0) state_[0] = 1;
}

uint64_t IdSource::next() {
  const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t IdSource::nextNonZero() {
  for (;;) {
    if (const uint64_t id = next(); id != 0) [[likely]]
      return id;
  }
}

TraceContext IdSource::newTrace(uint8_t flags) {
  return {next(), nextNonZero(), nextNonZero(), flags};
}

TraceContext IdSource::continueTrace(const TraceContext& received) {
  return {received.trace_high, received.trace_low, nextNonZero(), received.flags};
}

RequestId IdSource::newRequestId() {
  const uint64_t high = (next() & ~0xf000ULL) | 0x4000;        // version 4
  const uint64_t low = (next() & ~(3ULL << 62)) | 2ULL << 62;  // variant 10
  std::array<char, 2 * kHexDigits> digits;
  putHex16(digits.data(), high);
  putHex16(digits.data() + kHexDigits, low);
  RequestId id;
  const char* from = digits.data();
  char* at = id.text.data();
  for (const size_t group : {8, 4, 4, 4}) {
    std::memcpy(at, from, group);
    at[group] = '-';
    at += group + 1;
    from += group;
  }
  std::memcpy(at, from, 12);
  return id;
}

}  // namespace remora::observe
