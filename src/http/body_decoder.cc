#include "http/body_decoder.h"

#include <algorithm>
#include <cstring>

#include "http/h1_parser.h"
#include "http/validate.h"

namespace remora::http {
namespace {

// 15 hexadecimal digits: more than any body, and no way to overflow 64 bits (RFC 9112 section 7.1).
constexpr uint8_t kSizeDigitsMax = 15;

// What a quoted string may hold: no control but tab, in particular no bare CR or LF (RFC 9112 section 7.1.1).
bool isExtensionChar(char c) {
  return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

BodyDecoder::BodyDecoder(BodyPlan plan, BodyLimits limits) : plan_(plan), limits_(limits) {
  switch (plan.framing) {
    case Framing::kNone:
      state_ = State::kEnd;
      break;
    case Framing::kLength:
      left_ = plan.length;
      state_ = left_ ? State::kPlain : State::kEnd;
      break;
    case Framing::kUntilClose:
    case Framing::kStream:
      left_ = plan.is_length_known ? plan.length : 0;
      state_ = State::kPlain;
      break;
    case Framing::kChunked:
      state_ = State::kSize;
      break;
  }
}

Result<BodyDecoder::Step> BodyDecoder::decode(std::span<char> bytes) {
  if (state_ == State::kEnd) return Step{};
  if (endsWithStream()) {
    left_ -= std::min<uint64_t>(left_, bytes.size());  // that an announced length is kept is the HTTP/2 session's care
    return Step{bytes.size(), bytes.size()};
  }
  if (plan_.framing == Framing::kChunked) return decodeChunked(bytes);
  const size_t n = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
  left_ -= n;
  if (left_ == 0) state_ = State::kEnd;
  return Step{n, n};
}

Result<BodyDecoder::Step> BodyDecoder::decodeChunked(std::span<char> bytes) {
  Step step;
  while (step.consumed < bytes.size() && state_ != State::kEnd) {
    char* const at = bytes.data() + step.consumed;
    const size_t rest = bytes.size() - step.consumed;
    switch (state_) {
      case State::kData: {
        const size_t n = static_cast<size_t>(std::min<uint64_t>(rest, left_));
        if (bytes.data() + step.payload != at) std::memmove(bytes.data() + step.payload, at, n);
        step.payload += n;
        step.consumed += n;
        left_ -= n;
        if (left_ == 0) state_ = State::kDataCr;
        break;
      }
      case State::kDataCr:
      case State::kDataLf:
        if (*at != (state_ == State::kDataCr ? '\r' : '\n')) return fail(Reason::kBadChunk);
        state_ = state_ == State::kDataCr ? State::kDataLf : State::kSize;
        digits_ = 0;
        ++step.consumed;
        break;
      case State::kTrailer: {
        const Result<size_t> used = trailerLines({at, rest});
        if (!used) return std::unexpected(used.error());
        step.consumed += *used;
        break;
      }
      default: {
        const Result<size_t> used = sizeLine({at, rest});
        if (!used) return std::unexpected(used.error());
        step.consumed += *used;
      }
    }
  }
  return step;
}

// chunk-size [ chunk-ext ] CRLF, byte by byte: it is short, and every state can be cut.
Result<size_t> BodyDecoder::sizeLine(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size()) {
    const char c = bytes[used++];
    if (state_ == State::kSizeLf) {
      if (c != '\n') return fail(Reason::kBadChunk);
      state_ = left_ ? State::kData : State::kTrailer;
      return used;
    }
    if (state_ == State::kSize) {
      const int digit = ascii::hexValue(c);
      if (digit >= 0) {
        if (++digits_ > kSizeDigitsMax) return fail(Reason::kBadChunk);
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
        continue;
      }
      if (digits_ == 0) return fail(Reason::kBadChunk);
      if (c != ';' && c != '\r') return fail(Reason::kBadChunk);
      state_ = c == ';' ? State::kExtension : State::kSizeLf;
      extension_ = Extension::kBeforeName;
      continue;
    }
    if (++extension_bytes_ > limits_.chunk_extension_bytes || !takeExtension(c)) return fail(Reason::kBadChunk);
  }
  return used;
}

// One more byte of a chunk extension (RFC 9112 section 7.1.1); false when the grammar has no place for it.
bool BodyDecoder::takeExtension(char c) {
  const bool may_end = extension_ == Extension::kName || extension_ == Extension::kAfterName ||
                       extension_ == Extension::kToken || extension_ == Extension::kAfterValue;
  if (c == '\r' || c == ';') {
    if (c == ';' && (extension_ == Extension::kQuoted || extension_ == Extension::kEscaped)) {
      extension_ = Extension::kQuoted;
      return true;
    }
    if (!may_end) return false;
    if (c == '\r') state_ = State::kSizeLf;
    extension_ = Extension::kBeforeName;
    return true;
  }
  switch (extension_) {
    case Extension::kBeforeName:
      if (ascii::isBlank(c)) return true;
      extension_ = Extension::kName;
      return ascii::isTokenChar(c);
    case Extension::kName:
    case Extension::kAfterName:
      if (c == '=') {
        extension_ = Extension::kBeforeValue;
        return true;
      }
      if (ascii::isBlank(c)) {
        extension_ = Extension::kAfterName;
        return true;
      }
      return extension_ == Extension::kName && ascii::isTokenChar(c);
    case Extension::kBeforeValue:
      if (ascii::isBlank(c)) return true;
      extension_ = c == '"' ? Extension::kQuoted : Extension::kToken;
      return c == '"' || ascii::isTokenChar(c);
    case Extension::kToken:
      if (ascii::isBlank(c)) extension_ = Extension::kAfterValue;
      return ascii::isBlank(c) || ascii::isTokenChar(c);
    case Extension::kQuoted:
      if (c == '"') extension_ = Extension::kAfterValue;
      if (c == '\\') extension_ = Extension::kEscaped;
      return isExtensionChar(c);
    case Extension::kEscaped:
      extension_ = Extension::kQuoted;
      return isExtensionChar(c);
    case Extension::kAfterValue:
      return ascii::isBlank(c);
  }
  return false;
}

Result<size_t> BodyDecoder::trailerLines(std::string_view bytes) {
  // Nearly always there is no trailer: just the empty line, in one piece.
  if (trailer_text_.empty() && bytes.starts_with("\r\n")) {
    state_ = State::kEnd;
    return 2;
  }
  // Byte by byte up to the empty line, so that what follows the body is left alone; then parsed as a whole.
  for (size_t used = 0; used < bytes.size();) {
    const char c = bytes[used++];
    if (trailer_text_.size() >= limits_.trailer_bytes) return fail(Reason::kBadTrailer);
    const bool after_cr = trailer_text_.ends_with('\r');
    if ((c == '\n') != after_cr) return fail(Reason::kBadTrailer);
    trailer_text_ += c;
    if (c != '\n' || (trailer_text_.size() > 2 && !trailer_text_.ends_with("\r\n\r\n"))) continue;
    size_t next = 0;
    const Result<size_t> end = parseFieldLines(trailer_text_, next, limits_.trailer_fields, trailers_);
    if (!end || *end != trailer_text_.size()) return fail(Reason::kBadTrailer);
    for (const Field& field : trailers_) {
      if (!mayBeTrailer(field)) return fail(Reason::kBadTrailer);
    }
    state_ = State::kEnd;
    return used;
  }
  return bytes.size();
}

}  // namespace remora::http
