// Puts one log line together in the caller's memory: escaped text, numbers, timestamps. No allocation, no locale, no
// bounds of its own: the caller reserves what the pieces need at most. Lives on the stack of one core.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace remora::observe {

// What a value must not contain, by where it stands. Every style escapes control characters (C0, DEL, C1, U+2028 and
// U+2029) and writes bytes that aren't UTF-8 as \u00XX, so that a value can neither end its line nor move a terminal.
enum class Escaping : uint8_t {
  kQuoted,  // between double quotes: '"' and '\' as well; the result is the inside of a JSON string
  kWord,    // a blank separated word: like kQuoted, and blanks too
  kLoose,   // the rest of a text line: nothing else
};

// Stands behind a value that was cut, with the number of bytes left out: "...(+1234)".
inline constexpr size_t kLongestCutMark = 26;

// How many bytes `value` needs at most when it's cut at `most` bytes of escaped text.
constexpr size_t mostEscaped(size_t most) {
  return most + kLongestCutMark;
}

inline constexpr size_t kPadding = 32;

class LineWriter {
 public:
  explicit LineWriter(char* out) : begin_(out), at_(out) {}

  size_t size() const { return static_cast<size_t>(at_ - begin_); }
  std::string_view view() const { return {begin_, size()}; }

  void put(char c) { *at_++ = c; }
  // As it is: for constants, and values that are known to be harmless.
  void put(std::string_view constant) {
    std::memcpy(at_, constant.data(), constant.size());
    at_ += constant.size();
  }
  // Like put for constants, of which kPadding bytes may be read and for which kPadding may be written whatever their
  // size: a copy of fixed length is five times as fast as one of any, and a line has twenty.
  void putPadded(const char* constant, size_t size) {
    if (size <= kPadding) [[likely]] {
      std::memcpy(at_, constant, kPadding);
    } else {
      std::memcpy(at_, constant, size);
    }
    at_ += size;
  }
  template <class Integer>
  void number(Integer value) {
    if (value >= 0 && value < 10) {  // half of a line's numbers
      put(static_cast<char>('0' + value));
    } else {
      at_ = std::to_chars(at_, at_ + 20, value).ptr;
    }
  }
  // Escaped and at most `most` bytes long; what is longer is cut between two characters and marked.
  // Writes at most mostEscaped(most).
  void escaped(std::string_view value, Escaping style, size_t most) {
    if (value.size() <= most && copyHarmless(value, style)) [[likely]]
      return;
    escapeSlowly(value, style, most);
  }
  // "2026-11-23T03:42:14.123Z", 24 bytes, for nanoseconds since 1970 (RFC 3339, UTC). Years 1970 to 9999.
  void timestamp(int64_t wall_nanos);

 private:
  // Copies while looking; true when nothing in `value` had to be escaped. Otherwise nothing has been written.
  bool copyHarmless(std::string_view value, Escaping style);
  void escapeSlowly(std::string_view value, Escaping style, size_t most);

  char* begin_;
  char* at_;
};

inline constexpr size_t kTimestampLength = 24;
inline constexpr size_t kLongestNumber = 20;

}  // namespace remora::observe
