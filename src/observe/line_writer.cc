#include "observe/line_writer.h"

#include <algorithm>
#include <array>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace remora::observe {
namespace {

constexpr uint64_t everyByte(uint8_t value) {
  return 0x0101010101010101ULL * value;
}

// Nonzero when some byte of x is zero; likewise below `limit` (limit at most 0x80). Exact as a yes or no, which is all
// that is asked (a byte above a hit may be reported falsely).
constexpr uint64_t anyZero(uint64_t x) {
  return (x - everyByte(1)) & ~x;
}
constexpr uint64_t anyBelow(uint64_t x, uint8_t limit) {
  return (x - everyByte(limit)) & ~x;
}

// True when none of the eight bytes needs a second look.
template <Escaping kStyle>
constexpr bool isHarmless(uint64_t x) {
  // Blank is 0x20, so for a word "below 0x21" refuses the blank together with the control characters.
  uint64_t bad = anyBelow(x, kStyle == Escaping::kWord ? 0x21 : 0x20) | x | anyZero(x ^ everyByte(0x7f));
  if constexpr (kStyle != Escaping::kLoose) bad |= anyZero(x ^ everyByte('"')) | anyZero(x ^ everyByte('\\'));
  return (bad & everyByte(0x80)) == 0;
}

uint64_t load64(const char* at) {
  uint64_t x;
  std::memcpy(&x, at, 8);
  return x;
}

#if defined(__SSE2__)
template <Escaping kStyle>
bool isHarmless(__m128i x) {
  const __m128i last_bad = _mm_set1_epi8(kStyle == Escaping::kWord ? 0x20 : 0x1f);
  __m128i bad = _mm_cmpeq_epi8(_mm_min_epu8(x, last_bad), x);
  bad = _mm_or_si128(bad, _mm_cmpeq_epi8(_mm_max_epu8(x, _mm_set1_epi8(0x7f)), x));
  if constexpr (kStyle != Escaping::kLoose) {
    bad =
        _mm_or_si128(bad, _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
  }
  return _mm_movemask_epi8(bad) == 0;
}

template <Escaping kStyle>
bool copyBlockIfHarmless(const char* from, char* to) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), x);
  return isHarmless<kStyle>(x);
}
#endif

// Blocks with an overlapping last step: a line has a dozen short values, and byte loops over their tails cost more than
// the rest of the line.
template <Escaping kStyle>
bool copyIfHarmless(const char* from, size_t size, char* to) {
#if defined(__SSE2__)
  if (size >= 16) {
    for (size_t i = 0; i + 16 < size; i += 16) {
      if (!copyBlockIfHarmless<kStyle>(from + i, to + i)) return false;
    }
    return copyBlockIfHarmless<kStyle>(from + size - 16, to + size - 16);
  }
#endif
  if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8) {
      const uint64_t x = load64(from + i);
      std::memcpy(to + i, &x, 8);
      if (!isHarmless<kStyle>(x)) return false;
    }
    const uint64_t x = load64(from + size - 8);
    std::memcpy(to + size - 8, &x, 8);
    return isHarmless<kStyle>(x);
  }
  if (size >= 4) {
    uint32_t first, last;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
    return isHarmless<kStyle>(first | static_cast<uint64_t>(last) << 32);
  }
  if (size == 0) return true;
  const char first = from[0], middle = from[size / 2], last = from[size - 1];
  to[0] = first;
  to[size / 2] = middle;
  to[size - 1] = last;
  const uint64_t x = static_cast<uint8_t>(first) | static_cast<uint64_t>(static_cast<uint8_t>(middle)) << 8 |
                     static_cast<uint64_t>(static_cast<uint8_t>(last)) << 16 | (everyByte('a') << 24);
  return isHarmless<kStyle>(x);
}

// The length of the UTF-8 sequence at the start of `text` (Unicode 15 table 3-7), or 0 when there is none.
size_t utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool overlong = lead == 0xf0 && byte(1) < 0x90;
    const bool beyond = lead == 0xf4 && byte(1) > 0x8f;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

constexpr char kHex[] = "0123456789abcdef";

// One character of the input as it stands in the output.
struct Escaped {
  std::array<char, 6> text{};
  size_t size = 0;
  size_t consumed = 1;
};

Escaped asHex(unsigned code, size_t consumed) {
  return {{'\\', 'u', kHex[code >> 12 & 15], kHex[code >> 8 & 15], kHex[code >> 4 & 15], kHex[code & 15]}, 6, consumed};
}

Escaped escapeMultibyte(std::string_view rest) {
  const auto lead = static_cast<uint8_t>(rest[0]);
  const size_t length = utf8Length(rest);
  if (length == 0) return asHex(lead, 1);
  const auto second = static_cast<uint8_t>(rest[1]);
  // C1 controls steer terminals; U+2028 and U+2029 end a line for some readers of JSON lines.
  if (lead == 0xc2 && second < 0xa0) return asHex(second, 2);
  if (rest.starts_with("\xe2\x80\xa8")) return asHex(0x2028, 3);
  if (rest.starts_with("\xe2\x80\xa9")) return asHex(0x2029, 3);
  Escaped out;
  std::copy_n(rest.begin(), length, out.text.begin());
  out.size = out.consumed = length;
  return out;
}

Escaped escapeFirst(std::string_view rest, Escaping style) {
  const char c = rest[0];
  if (static_cast<uint8_t>(c) >= 0x80) return escapeMultibyte(rest);
  switch (c) {
    case '\n':
      return {{'\\', 'n'}, 2};
    case '\r':
      return {{'\\', 'r'}, 2};
    case '\t':
      return {{'\\', 't'}, 2};
    case '"':
    case '\\':
      if (style != Escaping::kLoose) return {{'\\', c}, 2};
      break;
    default:
      break;
  }
  const bool control = c < 0x20 || c == 0x7f;
  if (control || (c == ' ' && style == Escaping::kWord)) return asHex(static_cast<unsigned>(c), 1);
  return {{c}, 1};
}

constexpr auto kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 200; ++i) pairs[i] = static_cast<char>('0' + (i % 2 == 0 ? i / 20 : i / 2 % 10));
  return pairs;
}();

// `value` below 100 as two digits, and what separates them from the next.
char* putPair(char* at, uint32_t value, char behind) {
  std::memcpy(at, &kDigitPairs[value * 2], 2);
  at[2] = behind;
  return at + 3;
}

}  // namespace

bool LineWriter::copyHarmless(std::string_view value, Escaping style) {
  bool harmless = false;
  switch (style) {
    [[likely]] case Escaping::kQuoted:
      harmless = copyIfHarmless<Escaping::kQuoted>(value.data(), value.size(), at_);
      break;
    case Escaping::kWord:
      harmless = copyIfHarmless<Escaping::kWord>(value.data(), value.size(), at_);
      break;
    case Escaping::kLoose:
      harmless = copyIfHarmless<Escaping::kLoose>(value.data(), value.size(), at_);
      break;
  }
  if (harmless) at_ += value.size();
  return harmless;
}

void LineWriter::escapeSlowly(std::string_view value, Escaping style, size_t most) {
  const char* const stop = at_ + most;
  while (!value.empty()) {
    const Escaped next = escapeFirst(value, style);
    if (next.size > static_cast<size_t>(stop - at_)) break;
    std::memcpy(at_, next.text.data(), next.size);
    at_ += next.size;
    value.remove_prefix(next.consumed);
  }
  if (value.empty()) return;
  put("...(+");
  number(value.size());
  put(')');
}

// Computed each time: 15 ns (access_log_format_bench), while a cached second would make the writer's owner
// unshareable between cores.
void LineWriter::timestamp(int64_t wall_nanos) {
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(wall_nanos, 0)) / 1'000'000;
  const uint64_t seconds = millis / 1000;
  const auto day_second = static_cast<uint32_t>(seconds % 86'400);
  // Days to year, month and day with years that begin in March, so that leap days come last (days from 0000-03-01).
  const auto days = static_cast<uint32_t>(seconds / 86'400) + 719'468;
  const uint32_t era = days / 146'097;
  const uint32_t day_of_era = days % 146'097;
  const uint32_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t march_month = (5 * day_of_year + 2) / 153;
  const uint32_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
  const uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const uint32_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

  const auto milli = static_cast<uint32_t>(millis % 1000);
  const uint32_t shown_year = std::min(year, 9999U);
  at_ = putPair(at_, shown_year / 100, ' ') - 1;
  at_ = putPair(at_, shown_year % 100, '-');
  at_ = putPair(at_, month, '-');
  at_ = putPair(at_, day, 'T');
  at_ = putPair(at_, day_second / 3600, ':');
  at_ = putPair(at_, day_second / 60 % 60, ':');
  at_ = putPair(at_, day_second % 60, '.');
  at_ = putPair(at_, milli / 10, static_cast<char>('0' + milli % 10));
  put('Z');
}

}  // namespace remora::observe
