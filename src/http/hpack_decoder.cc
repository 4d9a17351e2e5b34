#include <algorithm>
#include <optional>

#include "http/h2_field.h"
#include "http/hpack.h"
#include "http/hpack_huffman.h"
#include "http/hpack_static.h"

namespace remora::http {
namespace {

using hpack::kStatic;
using Step = HpackDecoder::Step;

// No index and no text is that large; what could be more overflows.
constexpr uint32_t kNumberMost = 1 << 28;

// Kept for the next field; a longer one was an exception.
constexpr size_t kRoomKept = 1 << 10;
constexpr size_t kRoomFirst = 128;

// What is known of a field in the table.
constexpr uint32_t kNameSound = 1 << 8;
constexpr uint32_t kValueSound = 1 << 9;

constexpr uint32_t tagOf(const HpackField& field) {
  return static_cast<uint32_t>(field.id) | (field.is_name_sound ? kNameSound : 0) |
         (field.is_value_sound ? kValueSound : 0);
}

// Section 5.1. `block` begins behind the number only when all of it is there.
Step takeNumber(std::string_view& block, int prefix_bits, uint32_t& value) {
  if (block.empty()) return Step::kMore;
  const uint32_t prefix = (1U << prefix_bits) - 1;
  value = static_cast<uint8_t>(block[0]) & prefix;
  size_t at = 1;
  if (value == prefix) {
    for (int shift = 0;; shift += 7) {
      if (at == block.size()) return Step::kMore;
      const auto byte = static_cast<uint8_t>(block[at++]);
      if (shift > 21) return Step::kBroken;
      value += (byte & 0x7fU) << shift;
      if (!(byte & 0x80U)) break;
    }
    if (value > kNumberMost) return Step::kBroken;
  }
  block.remove_prefix(at);
  return Step::kField;
}

std::array<HeaderId, kStatic.size()> staticIds() {
  std::array<HeaderId, kStatic.size()> ids{};
  std::ranges::transform(kStatic, ids.begin(), [](const auto& entry) { return headerIdOf(entry.name); });
  return ids;
}
const std::array<HeaderId, kStatic.size()> kStaticIds = staticIds();

void examineName(HpackField& field) {
  field.id = headerIdOf(field.name);
  field.is_name_sound = isFieldName(field.name.starts_with(':') ? field.name.substr(1) : field.name);
}

}  // namespace

char* HpackDecoder::Room::of(size_t bytes) {
  if (bytes > size_) {
    size_ = std::max(kRoomFirst, bytes);
    bytes_ = std::make_unique_for_overwrite<char[]>(size_);
  }
  return bytes_.get();
}

void HpackDecoder::Room::shrink() {
  if (size_ <= kRoomKept) return;
  bytes_.reset();
  size_ = 0;
}

void HpackDecoder::rest() {
  name_room_.shrink();
  value_room_.shrink();
}

HpackDecoder::Step HpackDecoder::next(std::string_view& block, HpackField& field) {
  while (!block.empty()) {
    const auto first = static_cast<uint8_t>(block[0]);
    if (first & 0x80U) return indexed(block, field);
    if ((first & 0xe0U) != 0x20U) return literal(block, field);
    if (const Step step = resize(block); step != Step::kField) return step;
  }
  return Step::kMore;
}

// Section 6.1.
HpackDecoder::Step HpackDecoder::indexed(std::string_view& block, HpackField& field) {
  uint32_t index = 0;
  if (const Step step = takeNumber(block, 7, index); step != Step::kField) return step;
  may_resize_ = false;
  if (index == 0) return Step::kBroken;
  if (index < kStatic.size()) {
    field = {kStatic[index].name, kStatic[index].value, kStaticIds[index], true, true};
    return Step::kField;
  }
  index -= kStatic.size();
  if (index >= table_.count()) return Step::kBroken;
  const HpackTable::Entry entry = table_.at(index);
  field = {entry.name, entry.value, static_cast<HeaderId>(entry.tag & 0xffU), (entry.tag & kNameSound) != 0,
           (entry.tag & kValueSound) != 0};
  return Step::kField;
}

// Section 6.2: with an entry for the table, without one, or never to have one.
HpackDecoder::Step HpackDecoder::literal(std::string_view& block, HpackField& field) {
  const bool is_kept = static_cast<uint8_t>(block[0]) & 0x40U;
  std::string_view rest = block;
  uint32_t index = 0;
  if (const Step step = takeNumber(rest, is_kept ? 6 : 4, index); step != Step::kField) return step;
  if (index > 0) {
    if (!name(index, field)) return Step::kBroken;
  } else {
    if (const Step step = text(rest, name_room_, field.name); step != Step::kField) return step;
    examineName(field);
  }
  if (const Step step = text(rest, value_room_, field.value); step != Step::kField) return step;
  field.is_value_sound = isFieldValue(field.value);
  may_resize_ = false;
  block = rest;
  if (is_kept) table_.add(field.name, field.value, tagOf(field));
  return Step::kField;
}

bool HpackDecoder::name(size_t index, HpackField& field) {
  if (index < kStatic.size()) {
    field = {kStatic[index].name, {}, kStaticIds[index], true, false};
    return true;
  }
  index -= kStatic.size();
  if (index >= table_.count()) return false;
  const HpackTable::Entry entry = table_.at(index);
  char* const copy = name_room_.of(entry.name.size());  // which may be dropped before the field is told
  std::ranges::copy(entry.name, copy);
  field = {
      {copy, entry.name.size()}, {}, static_cast<HeaderId>(entry.tag & 0xffU), (entry.tag & kNameSound) != 0, false};
  return true;
}

// Section 5.2.
HpackDecoder::Step HpackDecoder::text(std::string_view& block, Room& room, std::string_view& into) {
  if (block.empty()) return Step::kMore;
  const bool is_huffman = static_cast<uint8_t>(block[0]) & 0x80U;
  uint32_t bytes = 0;
  if (const Step step = takeNumber(block, 7, bytes); step != Step::kField) return step;
  if (bytes > block.size()) return Step::kMore;
  into = block.substr(0, bytes);
  block.remove_prefix(bytes);
  if (!is_huffman) return Step::kField;
  char* const decoded = room.of(huffmanBound(bytes));
  const std::optional<size_t> length = decodeHuffman(into, decoded);
  if (!length) return Step::kBroken;
  into = {decoded, *length};
  return Step::kField;
}

// Section 6.3: only before the first field.
HpackDecoder::Step HpackDecoder::resize(std::string_view& block) {
  uint32_t limit = 0;
  if (const Step step = takeNumber(block, 5, limit); step != Step::kField) return step;
  if (!may_resize_ || limit > HpackTable::kLimit) return Step::kBroken;
  table_.setLimit(limit);
  return Step::kField;
}

}  // namespace remora::http
