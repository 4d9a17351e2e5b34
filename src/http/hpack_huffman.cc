#include "http/hpack_huffman.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace remora::http {
namespace {

constexpr int kSymbols = 257;
constexpr int kEos = 256;
constexpr int kLongest = 30;

// Bits of each symbol's code, from appendix B. The codes follow from them: they count up from the shortest, in the
// order of the symbols.
constexpr std::array<uint8_t, kSymbols> kLengths{
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,
    7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,
    5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24,
    24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26,
    27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23,
    22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};

// So many bits are looked up at once, which are one or two symbols of most text.
constexpr int kFast = 11;

struct FastEntry {
  uint8_t first = 0;
  uint8_t second = 0;
  uint8_t symbols = 0;  // 0: a longer code
  uint8_t first_bits = 0;
  uint8_t bits = 0;  // of all its symbols
};

// The symbols of one length, whose codes follow each other.
struct Span {
  uint32_t code = 0;  // of the first
  uint16_t count = 0;
  uint16_t at = 0;  // of the first, among the symbols by code
};

struct Tables {
  std::array<FastEntry, 1 << kFast> fast{};
  std::array<Span, kLongest + 1> spans{};
  std::array<uint16_t, kSymbols> by_code{};
};

consteval Tables makeTables() {
  Tables tables;
  uint32_t code = 0;
  uint16_t at = 0;
  for (int length = 1; length <= kLongest; ++length) {
    Span& span = tables.spans[static_cast<size_t>(length)];
    code <<= 1;
    span = {code, 0, at};
    for (int symbol = 0; symbol < kSymbols; ++symbol) {
      if (kLengths[static_cast<size_t>(symbol)] != length) continue;
      tables.by_code[at++] = static_cast<uint16_t>(symbol);
      ++span.count;
      if (length <= kFast) {
        const uint32_t begin = code << (kFast - length);
        for (uint32_t i = 0; i < 1U << (kFast - length); ++i) {
          tables.fast[begin + i] = {static_cast<uint8_t>(symbol), 0, 1, static_cast<uint8_t>(length),
                                    static_cast<uint8_t>(length)};
        }
      }
      ++code;
    }
  }
  if (code != 1U << kLongest) throw "the code is complete";
  for (size_t bits = 0; bits < tables.fast.size(); ++bits) {
    FastEntry& entry = tables.fast[bits];
    if (entry.symbols != 1) continue;
    const FastEntry& rest = tables.fast[bits << entry.first_bits & ((1U << kFast) - 1)];
    if (rest.symbols == 0 || entry.first_bits + rest.first_bits > kFast) continue;
    entry.second = rest.first;
    entry.symbols = 2;
    entry.bits = static_cast<uint8_t>(entry.first_bits + rest.first_bits);
  }
  return tables;
}
constexpr Tables kTables = makeTables();

// Bits from the front of a text, the next one highest.
class Bits {
 public:
  explicit Bits(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  // Afterwards there are more than 32 of them, unless these are all.
  void fill() {
    if (have_ > 32) return;
    if (end_ - at_ >= 4) {
      uint32_t word;
      std::memcpy(&word, at_, sizeof word);
      if constexpr (std::endian::native == std::endian::little) word = std::byteswap(word);
      bits_ |= static_cast<uint64_t>(word) << (32 - have_);
      have_ += 32;
      at_ += 4;
      return;
    }
    for (; at_ < end_ && have_ <= 56; have_ += 8) bits_ |= uint64_t{static_cast<uint8_t>(*at_++)} << (56 - have_);
  }
  uint32_t top(int count) const { return static_cast<uint32_t>(bits_ >> (64 - count)); }
  void drop(int count) {
    bits_ <<= count;
    have_ -= count;
  }
  int have() const { return have_; }
  // What is left is the padding of the last byte.
  bool isPadding() const { return have_ < 8 && (have_ == 0 || top(have_) == (1U << have_) - 1); }

 private:
  const char* at_;
  const char* end_;
  uint64_t bits_ = 0;
  int have_ = 0;
};

// The next symbol, whose code is longer than kFast bits; nothing when there is none.
std::optional<uint8_t> takeLong(Bits& bits) {
  for (int length = kFast + 1; length <= kLongest && length <= bits.have(); ++length) {
    const Span& span = kTables.spans[static_cast<size_t>(length)];
    const uint32_t code = bits.top(length);
    if (code < span.code || code - span.code >= span.count) continue;
    const uint16_t symbol = kTables.by_code[span.at + (code - span.code)];
    if (symbol == kEos) return std::nullopt;
    bits.drop(length);
    return static_cast<uint8_t>(symbol);
  }
  return std::nullopt;
}

}  // namespace

std::optional<size_t> decodeHuffman(std::string_view coded, char* into) {
  char* at = into;
  Bits bits(coded);
  for (;;) {
    bits.fill();
    const FastEntry& entry = kTables.fast[bits.top(kFast)];
    if (entry.symbols == 2 && entry.bits <= bits.have()) {
      *at++ = static_cast<char>(entry.first);
      *at++ = static_cast<char>(entry.second);
      bits.drop(entry.bits);
    } else if (entry.symbols > 0 && entry.first_bits <= bits.have()) {
      *at++ = static_cast<char>(entry.first);
      bits.drop(entry.first_bits);
    } else if (bits.isPadding()) {
      return static_cast<size_t>(at - into);
    } else if (entry.symbols > 0) {
      return std::nullopt;
    } else if (const std::optional<uint8_t> symbol = takeLong(bits)) {
      *at++ = static_cast<char>(*symbol);
    } else {
      return std::nullopt;
    }
  }
}

}  // namespace remora::http
