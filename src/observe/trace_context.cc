#include "observe/trace_context.h"

#include <bit>

namespace remora::observe {
namespace {

// The value of a lower case hexadecimal digit; 0x80 for every other byte.
constexpr auto kLowerHex = [] {
  std::array<uint8_t, 256> values{};
  values.fill(0x80);
  for (uint8_t i = 0; i < 16; ++i) values[static_cast<uint8_t>("0123456789abcdef"[i])] = i;
  return values;
}();

// Looks at all digits before it judges: a branch a digit costs more than the rest.
std::optional<uint64_t> parseHex(std::string_view digits) {
  uint64_t value = 0;
  uint8_t bad = 0;
  for (const char c : digits) {
    const uint8_t digit = kLowerHex[static_cast<uint8_t>(c)];
    bad |= digit;
    value = value << 4 | digit;
  }
  return (bad & 0x80) == 0 ? std::optional(value) : std::nullopt;
}

constexpr auto kHexPairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (size_t i = 0; i < 256; ++i) pairs[i] = {"0123456789abcdef"[i >> 4], "0123456789abcdef"[i & 15]};
  return pairs;
}();

// The lowest `bytes` bytes of `value`, most significant first.
char* putHex(char* at, uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8, at += 2) {
    const auto& pair = kHexPairs[value >> shift & 0xff];
    at[0] = pair[0];
    at[1] = pair[1];
  }
  return at;
}

char* putDash(char* at) {
  *at = '-';
  return at + 1;
}

}  // namespace

std::optional<TraceContext> parseTraceparent(std::string_view value) {
  constexpr size_t kLength = 55;
  if (value.size() < kLength || value[2] != '-' || value[35] != '-' || value[52] != '-') return std::nullopt;
  const auto version = parseHex(value.substr(0, 2));
  if (!version || *version == 0xff) return std::nullopt;
  if (value.size() > kLength && (*version == 0 || value[kLength] != '-')) return std::nullopt;

  const auto high = parseHex(value.substr(3, 16));
  const auto low = parseHex(value.substr(19, 16));
  const auto span = parseHex(value.substr(36, 16));
  const auto flags = parseHex(value.substr(53, 2));
  if (!high || !low || !span || !flags || (*high | *low) == 0 || *span == 0) return std::nullopt;
  // Of a higher version only the sampled flag is known to mean the same (section 4.3).
  const uint8_t kept = *version == 0 ? kSampled | kRandomTraceId : kSampled;
  return TraceContext{*high, *low, *span, static_cast<uint8_t>(*flags & kept)};
}

void Traceparent::assign(const TraceContext& context) {
  char* at = text_.data();
  at = putDash(putHex(at, 0, 1));
  at = putHex(at, context.trace_high, 8);
  at = putDash(putHex(at, context.trace_low, 8));
  at = putDash(putHex(at, context.span, 8));
  putHex(at, context.flags, 1);
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
  RequestId id;
  char* at = id.text.data();
  at = putDash(putHex(at, high >> 32, 4));
  at = putDash(putHex(at, high >> 16, 2));
  at = putDash(putHex(at, high, 2));
  at = putDash(putHex(at, low >> 48, 2));
  putHex(at, low, 6);
  return id;
}

}  // namespace remora::observe
