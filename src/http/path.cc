#include "http/path.h"

#include <array>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/ascii.h"

namespace remora::http {
namespace {

consteval std::array<bool, 256> refusedBytes() {
  std::array<bool, 256> refused{};
  for (size_t c = 0; c < refused.size(); ++c) refused[c] = c <= ' ' || c >= 0x7f || c == '\\' || c == '#' || c == '?';
  return refused;
}
constexpr std::array<bool, 256> kRefused = refusedBytes();

bool isRefused(char c) {
  return kRefused[static_cast<uint8_t>(c)];
}

bool isUnreserved(char c) {
  return ascii::isAlpha(c) || ascii::isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// True when nothing in the path needs a second look: the case of nearly every request. A segment that begins with a
// dot isn't plain, though it may well be normal ("/.well-known").
bool isPlainFrom(std::string_view path, size_t at, bool after_slash) {
  for (; at < path.size(); ++at) {
    const char c = path[at];
    if (isRefused(c) || c == '%' || (after_slash && (c == '/' || c == '.'))) return false;
    after_slash = c == '/';
  }
  return true;
}

#if defined(__SSE2__)
bool isPlain(std::string_view path) {
  size_t at = 0;
  unsigned after_slash = 0;
  for (; at + 16 <= path.size(); at += 16) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(path.data() + at));
    const auto equals = [text](char c) { return _mm_cmpeq_epi8(text, _mm_set1_epi8(c)); };
    // Compared as signed bytes, so that 0x80 and above count as below '!' too.
    __m128i odd = _mm_cmplt_epi8(text, _mm_set1_epi8('!'));
    odd = _mm_or_si128(odd, _mm_or_si128(equals('%'), equals('\\')));
    odd = _mm_or_si128(odd, _mm_or_si128(_mm_or_si128(equals('#'), equals('?')), equals(0x7f)));
    const __m128i slash = equals('/');
    const auto slashes = static_cast<unsigned>(_mm_movemask_epi8(slash));
    const auto slashes_or_dots = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(slash, equals('.'))));
    if (_mm_movemask_epi8(odd) != 0 || ((slashes << 1 | after_slash) & slashes_or_dots) != 0) return false;
    after_slash = slashes >> 15;
  }
  return isPlainFrom(path, at, after_slash != 0);
}
#else
bool isPlain(std::string_view path) {
  return isPlainFrom(path, 0, false);
}
#endif

bool isDots(std::string_view name) {
  return name == "." || name == "..";
}

// "..;x" is ".." to servers that strip parameters first, "a%2F.." to those that decode first. `segment` isn't a plain
// dot segment, and its escapes are in upper case.
bool hidesDots(std::string_view segment) {
  for (;;) {
    const size_t slash = segment.find("%2F");
    std::string_view piece = segment.substr(0, slash);
    piece = piece.substr(0, piece.find(';'));
    piece = piece.substr(0, piece.find("%3B"));
    if (isDots(piece)) return true;
    if (slash == std::string_view::npos) return false;
    segment.remove_prefix(slash + 3);
  }
}

// Writes the normal form of `raw_` to `out_`, segment by segment. What is written never overtakes what was read, so
// both may be the same memory.
class PathWriter {
 public:
  PathWriter(std::string_view raw, PathPolicy policy, char* out) : raw_(raw), policy_(policy), out_(out) {}

  bool write() {
    out_[size_++] = '/';
    read_ = 1;
    for (;;) {
      const size_t start = size_;
      if (!copySegment()) return false;
      const bool is_last = read_ == raw_.size();
      if (!endSegment(start, is_last)) return false;
      if (is_last) return true;
      ++read_;  // the slash
    }
  }

  std::string_view written() const { return {out_, size_}; }
  bool hasEncodedSlash() const { return has_encoded_slash_; }

 private:
  // Copies up to the next slash, with escapes in their normal form. False: something is refused.
  bool copySegment() {
    for (; read_ < raw_.size() && raw_[read_] != '/'; ++read_) {
      const char c = raw_[read_];
      if (isRefused(c)) return false;
      if (c != '%') {
        out_[size_++] = c;
      } else if (!copyEscape()) {
        return false;
      }
    }
    return true;
  }

  bool copyEscape() {
    if (raw_.size() - read_ < 3) return false;
    const int high = ascii::hexValue(raw_[read_ + 1]);
    const int low = ascii::hexValue(raw_[read_ + 2]);
    if (high < 0 || low < 0) return false;
    const char decoded = static_cast<char>(high << 4 | low);
    if (decoded == '\0' || decoded == '\\') return false;
    read_ += 2;
    if (isUnreserved(decoded)) {
      out_[size_++] = decoded;
      return true;
    }
    constexpr std::string_view kHex = "0123456789ABCDEF";
    out_[size_++] = '%';
    out_[size_++] = kHex[static_cast<size_t>(high)];
    out_[size_++] = kHex[static_cast<size_t>(low)];
    has_encoded_slash_ |= decoded == '/';
    return true;
  }

  // Keeps, drops or resolves the segment that was written from `start`. False: it is refused.
  bool endSegment(size_t start, bool is_last) {
    const std::string_view segment(out_ + start, size_ - start);
    if (segment == "..") return leaveParent(start);
    if (segment == "." || (segment.empty() && policy_.slashes == Slashes::kMerge)) {
      size_ = start;
      return true;
    }
    if ((segment.starts_with('.') || has_encoded_slash_) && hidesDots(segment)) return false;
    if (!is_last) out_[size_++] = '/';
    return true;
  }

  bool leaveParent(size_t start) {
    if (start == 1) return false;  // above the root
    size_ = start - 1;
    while (out_[size_ - 1] != '/') --size_;
    return true;
  }

  std::string_view raw_;
  PathPolicy policy_;
  char* out_;
  size_t read_ = 0;
  size_t size_ = 0;  // of what was written; always ends after a '/' when a segment begins
  bool has_encoded_slash_ = false;
};

}  // namespace

Result<NormalizedPath> normalizePath(std::string_view raw_path, PathPolicy policy, std::span<char> scratch) {
  if (raw_path.empty() || raw_path.front() != '/') return fail(Reason::kBadPath);
  if (isPlain(raw_path)) [[likely]]
    return NormalizedPath{raw_path};
  if (scratch.size() < raw_path.size()) return fail(Reason::kTargetTooLong);
  PathWriter writer(raw_path, policy, scratch.data());
  if (!writer.write()) return fail(Reason::kBadPath);
  const std::string_view path = writer.written();
  return NormalizedPath{path == raw_path ? raw_path : path, writer.hasEncodedSlash()};
}

}  // namespace remora::http
