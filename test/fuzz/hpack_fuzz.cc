// HPACK three ways: any bytes as header blocks, whole and in pieces, which two readers, ours and nghttp2's, must
// understand alike; and any fields, written by our encoder, which both must read back as they were.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h2_field.h"
#include "http/h2_test_frames.h"
#include "http/hpack.h"

namespace {

using namespace remora;
using http::frames::Fields;
using Step = http::HpackDecoder::Step;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view cut(std::string_view& bytes, size_t scale) {
  if (bytes.empty()) return {};
  const size_t length = std::min<size_t>(static_cast<uint8_t>(bytes[0]) * scale, bytes.size() - 1);
  const std::string_view piece = bytes.substr(1, length);
  bytes.remove_prefix(1 + length);
  return piece;
}

// Nothing when the block is broken.
std::optional<Fields> read(http::HpackDecoder& decoder, std::string_view block) {
  Fields fields;
  http::HpackField field;
  decoder.beginBlock();
  Step step;
  while ((step = decoder.next(block, field)) == Step::kField) {
    fields.emplace_back(field.name, field.value);
    const std::string_view name = field.name.starts_with(':') ? field.name.substr(1) : field.name;
    require(field.is_name_sound == http::isFieldName(name));
    require(field.is_value_sound == http::isFieldValue(field.value));
    require(field.id == http::headerIdOf(field.name));
  }
  if (step == Step::kBroken || !block.empty()) return std::nullopt;
  return fields;
}

// As continuations bring it: what is left of a piece comes again before the next one.
std::optional<Fields> readPieces(http::HpackDecoder& decoder, std::string_view block, size_t piece) {
  Fields fields;
  http::HpackField field;
  std::string held;
  decoder.beginBlock();
  for (;;) {
    held += block.substr(0, piece);
    block.remove_prefix(std::min(piece, block.size()));
    std::string_view rest = held;
    Step step;
    while ((step = decoder.next(rest, field)) == Step::kField) fields.emplace_back(field.name, field.value);
    if (step == Step::kBroken) return std::nullopt;
    held = std::string(rest);
    if (block.empty()) break;
  }
  if (!held.empty()) return std::nullopt;
  return fields;
}

void decodeAny(std::string_view bytes, size_t piece) {
  http::HpackDecoder decoder;
  http::HpackDecoder cut_decoder;
  http::frames::HpackReader other;
  while (!bytes.empty()) {
    const std::string_view block = cut(bytes, 1);
    const std::optional<Fields> ours = read(decoder, block);
    require(readPieces(cut_decoder, block, piece) == ours);
    const Fields theirs = other.read(block);
    const bool is_broken = theirs.size() == 1 && theirs[0].first == "broken";
    if (ours) {
      require(!is_broken && theirs == *ours);
    } else {
      require(is_broken);
      return;
    }
  }
}

void encodeAny(std::string_view bytes) {
  http::HpackEncoder encoder;
  http::HpackDecoder decoder;
  http::frames::HpackReader other;
  bool may_resize = true;
  while (!bytes.empty()) {
    std::vector<http::HeadField> fields;
    Fields expected;
    const size_t count = static_cast<uint8_t>(bytes[0]) % 8;
    if (static_cast<uint8_t>(bytes[0]) >= 0xf0 && may_resize) {
      const size_t limit = size_t{static_cast<uint8_t>(bytes[0]) & 0x0fU} * 300;
      other.resize(limit);
      encoder.setPeerLimit(static_cast<uint32_t>(limit));
      may_resize = false;  // the other reader wants to be told of each
    } else {
      may_resize = true;
    }
    bytes.remove_prefix(1);
    for (size_t i = 0; i < count && !bytes.empty(); ++i) {
      const bool is_secret = static_cast<uint8_t>(bytes[0]) % 5 == 4;
      const std::string_view name = cut(bytes, 1);
      const std::string_view value = cut(bytes, 3);
      fields.push_back({name, value, is_secret});
      expected.emplace_back(name, value);
    }
    std::string block(encoder.bound(fields), '\0');
    block.resize(encoder.encode(fields, block.data()));
    require(read(decoder, block) == expected);
    require(other.read(block) == expected);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const auto kind = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  kind % 2 ? decodeAny(bytes, 1 + kind / 2 % 20) : encodeAny(bytes);
  return 0;
}
