#include "http/h1_parser.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

namespace remora::http {
namespace {

enum CharClass : uint8_t { kToken = 1, kValue = 2, kTarget = 4 };

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    uint8_t bits = 0;
    if (c < 128 && ascii::isTokenChar(static_cast<char>(c))) bits |= kToken;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValue;  // RFC 9110 section 5.5, obs-text kept
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTarget;      // a fragment is never sent (RFC 9112 3.2)
    classes[static_cast<size_t>(c)] = bits;
  }
  return classes;
}();

bool is(char c, CharClass cls) {
  return kClasses[static_cast<uint8_t>(c)] & cls;
}

const char* skip(const char* at, const char* end, CharClass cls) {
  while (at < end && is(*at, cls)) ++at;
  return at;
}

#if defined(__SSSE3__)
// A token character by its halves: kTokenLow[low half] has bit `high half` set. Bytes from 0x80 on have none.
constexpr std::array<uint8_t, 16> kTokenLow = [] {
  std::array<uint8_t, 16> bits{};
  for (size_t c = 0; c < 128; ++c) {
    if (ascii::isTokenChar(static_cast<char>(c))) bits[c & 15] |= static_cast<uint8_t>(1u << (c >> 4));
  }
  return bits;
}();
constexpr std::array<uint8_t, 16> kBitOfHigh = {1, 2, 4, 8, 16, 32, 64, 128};
#endif

// The first byte that is no token character. 16 bytes at a time: a name is seldom longer, and more follows it.
const char* endOfToken(const char* at, const char* end) {
#if defined(__SSSE3__)
  const __m128i low_bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kTokenLow.data()));
  const __m128i high_bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kBitOfHigh.data()));
  const __m128i half = _mm_set1_epi8(0x0f);
  while (end - at >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_shuffle_epi8(low_bits, _mm_and_si128(block, half));
    const __m128i high = _mm_shuffle_epi8(high_bits, _mm_and_si128(_mm_srli_epi16(block, 4), half));
    const __m128i none = _mm_cmpeq_epi8(_mm_and_si128(low, high), _mm_setzero_si128());
    const int mask = _mm_movemask_epi8(none);
    if (mask) return at + __builtin_ctz(static_cast<unsigned>(mask));
    at += 16;
  }
#endif
  return skip(at, end, kToken);
}

// The first byte that may not be in a field value: CR in a valid message. 16 bytes at a time, since values are most
// of a head's bytes.
const char* endOfValue(const char* at, const char* end) {
#if defined(__SSSE3__)
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i tab = _mm_set1_epi8('\t');
  while (end - at >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i bad = _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block);
    bad = _mm_andnot_si128(_mm_cmpeq_epi8(block, tab), bad);
    bad = _mm_or_si128(bad, _mm_cmpeq_epi8(block, del));
    const int mask = _mm_movemask_epi8(bad);
    if (mask) return at + __builtin_ctz(static_cast<unsigned>(mask));
    at += 16;
  }
#endif
  return skip(at, end, kValue);
}

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<size_t>(to - from)};
}

// HTTP-version at `at`; the caller has seen eight bytes.
Result<uint8_t> versionAt(const char* at, Reason malformed) {
  if (std::memcmp(at, "HTTP/", 5) != 0 || !ascii::isDigit(at[5]) || at[6] != '.' || !ascii::isDigit(at[7])) {
    return fail(malformed);
  }
  if (at[5] != '1' || at[7] > '1') return fail(malformed == Reason::kBadResponse ? malformed : Reason::kBadVersion);
  return static_cast<uint8_t>(at[7] - '0');
}

}  // namespace

Result<size_t> parseFieldLines(std::string_view bytes, size_t& next, uint32_t most_fields, Headers& headers) {
  const char* const end = bytes.data() + bytes.size();
  for (;;) {
    const char* at = bytes.data() + next;
    if (at == end) return 0;
    if (*at == '\r') {
      if (at + 1 == end) return 0;
      if (at[1] != '\n') return fail(Reason::kBadHeader);
      return next + 2;
    }
    const char* const name_end = endOfToken(at, end);
    if (name_end == end) return 0;
    // Also refuses a space before the colon, a folded line and an empty name (RFC 9112 sections 5.1 and 5.2).
    if (*name_end != ':' || name_end == at) return fail(Reason::kBadHeader);
    const char* value = name_end + 1;
    while (value < end && ascii::isBlank(*value)) ++value;
    const char* const line_end = endOfValue(value, end);
    if (end - line_end < 2) {
      if (line_end < end && *line_end != '\r') return fail(Reason::kBadHeader);
      return 0;
    }
    if (line_end[0] != '\r' || line_end[1] != '\n') return fail(Reason::kBadHeader);
    if (headers.size() >= most_fields) return fail(Reason::kTooManyHeaders);
    const char* value_end = line_end;
    while (value_end > value && ascii::isBlank(value_end[-1])) --value_end;
    const std::string_view name = between(at, name_end);
    headers.add(name, between(value, value_end), headerIdOf(name), static_cast<uint32_t>(line_end + 2 - at));
    next = static_cast<size_t>(line_end + 2 - bytes.data());
  }
}

void H1RequestParser::reset() {
  raw_.headers.clear();
  raw_.method = raw_.target = {};
  raw_.minor = 1;
  base_ = nullptr;
  start_ = next_ = seen_ = 0;
}

Result<size_t> H1RequestParser::feed(std::string_view bytes) {
  if (base_ && base_ != bytes.data()) {
    const ptrdiff_t distance = bytes.data() - base_;
    raw_.headers.rebase(distance);
    if (!raw_.method.empty()) {  // the first line was parsed
      raw_.method = {raw_.method.data() + distance, raw_.method.size()};
      raw_.target = {raw_.target.data() + distance, raw_.target.size()};
    }
  }
  base_ = bytes.data();
  seen_ = bytes.size();
  if (next_ == start_) {
    if (start_ == 0 && bytes.starts_with('\r')) {
      if (bytes.size() == 1) {
        seen_ = 0;
        return 0;
      }
      if (bytes[1] != '\n') return fail(Reason::kBadRequestLine);
      start_ = next_ = 2;
    }
    const Result<size_t> line_end = parseRequestLine(bytes);
    if (!line_end) return line_end;
    if (*line_end == 0) {
      if (bytes.size() >= limits_.head_bytes) return fail(Reason::kHeadTooLarge);
      return 0;
    }
    next_ = *line_end;
  }
  const Result<size_t> end = parseFieldLines(bytes, next_, limits_.header_count, raw_.headers);
  if (!end) return end;
  if (*end ? *end > limits_.head_bytes : bytes.size() >= limits_.head_bytes) return fail(Reason::kHeadTooLarge);
  return end;
}

Result<size_t> H1RequestParser::parseRequestLine(std::string_view bytes) {
  const char* at = bytes.data() + start_;
  const char* const end = bytes.data() + bytes.size();
  const char* const method_end = skip(at, end, kToken);
  if (method_end - at > static_cast<ptrdiff_t>(kMethodBytesMost)) return fail(Reason::kBadRequestLine);
  if (method_end == end) return 0;
  if (*method_end != ' ' || method_end == at) return fail(Reason::kBadRequestLine);
  const char* const target = method_end + 1;
  const char* const target_end = skip(target, end, kTarget);
  if (static_cast<size_t>(target_end - target) > limits_.target_bytes) return fail(Reason::kTargetTooLong);
  if (target_end == end) return 0;
  if (*target_end != ' ') {
    const bool line_ended = *target_end == '\r' || *target_end == '\n';  // HTTP/0.9, or no version
    return fail(line_ended ? Reason::kBadRequestLine : Reason::kBadTarget);
  }
  if (target_end == target) return fail(Reason::kBadRequestLine);
  const char* const version = target_end + 1;
  constexpr ptrdiff_t kVersionLine = 10;  // HTTP/1.1 CR LF
  if (end - version < kVersionLine) {
    // Whatever is there must be the beginning of a version line: garbage is refused without waiting for more.
    constexpr std::string_view kStart = "HTTP/";
    const std::string_view seen = between(version, end).substr(0, kStart.size());
    if (!kStart.starts_with(seen)) return fail(Reason::kBadRequestLine);
    return 0;
  }
  const Result<uint8_t> minor = versionAt(version, Reason::kBadRequestLine);
  if (!minor) return std::unexpected(minor.error());
  if (version[8] != '\r' || version[9] != '\n') return fail(Reason::kBadRequestLine);
  raw_.method = between(at, method_end);
  raw_.target = between(target, target_end);
  raw_.minor = *minor;
  return static_cast<size_t>(version + kVersionLine - bytes.data());
}

void H1ResponseParser::reset() {
  raw_.headers.clear();
  raw_.phrase = {};
  raw_.status = 0;
  base_ = nullptr;
  next_ = 0;
}

Result<size_t> H1ResponseParser::feed(std::string_view bytes) {
  if (base_ && base_ != bytes.data()) {
    const ptrdiff_t distance = bytes.data() - base_;
    raw_.headers.rebase(distance);
    if (!raw_.phrase.empty()) raw_.phrase = {raw_.phrase.data() + distance, raw_.phrase.size()};
  }
  base_ = bytes.data();
  const char* const end = bytes.data() + bytes.size();
  if (next_ == 0) {
    constexpr size_t kStatusLineMin = 12;  // "HTTP/1.1 200"
    constexpr std::string_view kStart = "HTTP/1.";
    if (!kStart.starts_with(bytes.substr(0, kStart.size()))) return fail(Reason::kBadResponse);
    if (bytes.size() < kStatusLineMin + 2) return 0;
    const Result<uint8_t> minor = versionAt(bytes.data(), Reason::kBadResponse);
    if (!minor) return std::unexpected(minor.error());
    const char* at = bytes.data() + 8;
    if (at[0] != ' ' || !ascii::isDigit(at[1]) || !ascii::isDigit(at[2]) || !ascii::isDigit(at[3])) {
      return fail(Reason::kBadResponse);
    }
    raw_.minor = *minor;
    raw_.status = static_cast<uint16_t>((at[1] - '0') * 100 + (at[2] - '0') * 10 + at[3] - '0');
    at += 4;
    // The space before an empty phrase is often left out; nothing hangs on it.
    if (*at == ' ') {
      ++at;
    } else if (*at != '\r') {
      return fail(Reason::kBadResponse);
    }
    const char* const line_end = endOfValue(at, end);
    if (end - line_end < 2) {
      if (line_end < end && *line_end != '\r') return fail(Reason::kBadResponse);
      if (bytes.size() >= limits_.head_bytes) return fail(Reason::kResponseTooLarge);
      return 0;
    }
    if (line_end[0] != '\r' || line_end[1] != '\n') return fail(Reason::kBadResponse);
    raw_.phrase = between(at, line_end);
    next_ = static_cast<size_t>(line_end + 2 - bytes.data());
  }
  const Result<size_t> head_end = parseFieldLines(bytes, next_, limits_.header_count, raw_.headers);
  if (!head_end) {
    const bool too_many = head_end.error().reason == Reason::kTooManyHeaders;
    return fail(too_many ? Reason::kResponseTooLarge : Reason::kBadResponse);
  }
  if (*head_end ? *head_end > limits_.head_bytes : bytes.size() >= limits_.head_bytes) {
    return fail(Reason::kResponseTooLarge);
  }
  return head_end;
}

}  // namespace remora::http
