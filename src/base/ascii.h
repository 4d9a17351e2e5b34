// Text as HTTP sees it: bytes, ASCII case folding only, no locale. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace remora::ascii {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool isAlpha(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
constexpr bool isBlank(char c) {
  return c == ' ' || c == '\t';
}

// The value of a hexadecimal digit, or -1.
constexpr int hexValue(char c) {
  if (isDigit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// RFC 9110 section 5.6.2.
constexpr bool isTokenChar(char c) {
  if (isAlpha(c) || isDigit(c)) return true;
  switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
      return true;
    default:
      return false;
  }
}

constexpr bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

// Like equalsIgnoreCase, for a `b` that is already lower case and of letters, digits and '-' only: words at a time, the
// last one overlapping the one before, since every header name of every message goes through it. Folding 0x20 may also
// match control bytes with '-' or digits; the parser has refused those in names before.
inline bool equalsLower(std::string_view a, std::string_view b) {
  const size_t size = a.size();
  if (size != b.size()) return false;
  const auto differ = [&]<class Word>(size_t at, Word fold) {
    Word x, y;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    return static_cast<Word>((x | fold) ^ y);
  };
  constexpr uint64_t kFold = 0x2020202020202020ULL;
  if (size >= 8) {
    uint64_t difference = differ(size - 8, kFold);
    for (size_t at = 0; at + 8 < size; at += 8) difference |= differ(at, kFold);
    return difference == 0;
  }
  if (size >= 4) return (differ(0, static_cast<uint32_t>(kFold)) | differ(size - 4, static_cast<uint32_t>(kFold))) == 0;
  for (size_t i = 0; i < size; ++i) {
    if ((a[i] | 0x20) != b[i]) return false;
  }
  return true;
}

constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

// 1*DIGIT without sign, blanks or overflow; nothing otherwise (RFC 9110 section 8.6 wants exactly this).
constexpr std::optional<uint64_t> parseDecimal(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (!isDigit(c)) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// Calls visit(member) for each non-empty member of a comma-separated list (RFC 9110 section 5.6.1).
template <class Visit>
constexpr void forEachListMember(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view member = trim(list.substr(0, comma));
    if (!member.empty()) visit(member);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

inline std::string toLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

}  // namespace remora::ascii
