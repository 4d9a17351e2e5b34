// Finds the payload and the end of a body in the bytes that arrive (RFC 9112 section 7); an HTTP/2 stream gives nothing
// but payload. No I/O. Cutting the
// input anywhere gives the same payload, the same end and the same refusals. Belongs to one core.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace remora::http {

struct BodyLimits {
  size_t chunk_extension_bytes = 4 << 10;  // of one body together
  size_t trailer_bytes = 8 << 10;
  uint32_t trailer_fields = 100;
};

class BodyDecoder {
 public:
  BodyDecoder(BodyPlan plan, BodyLimits limits);

  struct Step {
    size_t payload = 0;   // payload bytes, moved to the front of the input
    size_t consumed = 0;  // bytes of the input that belong to this body; less than all only at the end
  };
  // Moves the payload in `bytes` together in place. Fails with kBadChunk or kBadTrailer.
  Result<Step> decode(std::span<char> bytes);
  // The end of the connection, or of an HTTP/2 stream, is the end of the body; otherwise it would cut it.
  bool endsWithStream() const { return plan_.framing == Framing::kUntilClose || plan_.framing == Framing::kStream; }
  void markEnded() { state_ = State::kEnd; }
  bool isEnded() const { return state_ == State::kEnd; }
  // Bytes that are known to be missing still; 0 when that isn't known.
  uint64_t remaining() const { return plan_.framing == Framing::kChunked ? 0 : left_; }
  // Trailer fields, once isEnded(); views into this object.
  const Headers& trailers() const { return trailers_; }

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kPlain, kEnd };
  // Where in *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) the extension is.
  enum class Extension : uint8_t {
    kBeforeName,
    kName,
    kAfterName,
    kBeforeValue,
    kToken,
    kQuoted,
    kEscaped,
    kAfterValue
  };
  Result<Step> decodeChunked(std::span<char> bytes);
  Result<size_t> sizeLine(std::string_view bytes);
  bool takeExtension(char c);
  Result<size_t> trailerLines(std::string_view bytes);

  BodyPlan plan_;
  BodyLimits limits_;
  State state_;
  Extension extension_ = Extension::kBeforeName;
  uint8_t digits_ = 0;
  uint64_t left_ = 0;  // of the body, or of the chunk
  size_t extension_bytes_ = 0;
  std::string trailer_text_;
  Headers trailers_;
};

}  // namespace remora::http
