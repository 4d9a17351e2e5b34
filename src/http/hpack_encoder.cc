#include <algorithm>
#include <cstring>

#include "http/hpack.h"
#include "http/hpack_static.h"

namespace remora::http {
namespace {

using hpack::kStatic;

// What a field adds to its texts at most: an index and two lengths.
constexpr size_t kFieldExtra = 16;
// Two changes of the table's limit.
constexpr size_t kBlockExtra = 8;

// The first bits of a representation (section 6) and how many are left for its number.
struct Form {
  uint8_t bits;
  int prefix_bits;
};
constexpr Form kIndexed{0x80, 7};
constexpr Form kKept{0x40, 6};
constexpr Form kResized{0x20, 5};
constexpr Form kNever{0x10, 4};
constexpr Form kPlain{0x00, 4};
constexpr Form kText{0x00, 7};

char* putNumber(char* at, Form form, uint32_t value) {
  const uint32_t prefix = (1U << form.prefix_bits) - 1;
  if (value < prefix) {
    *at++ = static_cast<char>(form.bits | value);
    return at;
  }
  *at++ = static_cast<char>(form.bits | prefix);
  value -= prefix;
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80U);
  *at++ = static_cast<char>(value);
  return at;
}

char* putText(char* at, std::string_view text) {
  at = putNumber(at, kText, static_cast<uint32_t>(text.size()));
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

// The ends of a text tell most texts apart. What they don't tell costs a comparison, or a place in the table.
uint64_t digest(std::string_view text) {
  uint64_t first = 0;
  uint64_t last = 0;
  const size_t size = text.size();
  if (size >= 8) {
    std::memcpy(&first, text.data(), 8);
    std::memcpy(&last, text.data() + size - 8, 8);
  } else if (size > 0) {
    std::memcpy(&first, text.data(), size);
  }
  return (first * 0x9e3779b97f4a7c15ULL) ^ (last * 0xc2b2ae3d27d4eb4fULL) ^ (size << 32);
}

uint32_t fold(uint64_t mixed) {
  mixed ^= mixed >> 29;
  mixed *= 0xbf58476d1ce4e5b9ULL;
  return static_cast<uint32_t>(mixed >> 32);
}

}  // namespace

size_t HpackEncoder::bound(std::span<const HeadField> fields) const {
  size_t bytes = kBlockExtra;
  for (const HeadField& field : fields) bytes += field.name.size() + field.value.size() + kFieldExtra;
  return bytes;
}

size_t HpackEncoder::encode(std::span<const HeadField> fields, char* into) {
  char* at = into;
  if (limit_changed_) {
    // The peer has dropped entries at the least of what it asked for since the last block (section 4.2).
    if (least_limit_ < table_.limit()) at = putNumber(at, kResized, least_limit_);
    at = putNumber(at, kResized, static_cast<uint32_t>(table_.limit()));
    limit_changed_ = false;
  }
  for (const HeadField& field : fields) at = encodeField(field, at);
  return static_cast<size_t>(at - into);
}

void HpackEncoder::setPeerLimit(uint32_t bytes) {
  const auto limit = std::min<uint32_t>(bytes, HpackTable::kLimit);
  if (!limit_changed_ && limit == table_.limit()) return;
  least_limit_ = limit_changed_ ? std::min(least_limit_, limit) : limit;
  limit_changed_ = true;
  table_.setLimit(limit);
}

// 0: it isn't in the table. `value` is null where only the name must agree.
uint32_t HpackEncoder::indexOf(uint32_t hash, std::string_view name, const std::string_view* value) const {
  const uint32_t number = slots_[hash % kSlots];
  const uint32_t age = table_.inserted() - number;
  if (number == 0 || age >= table_.count()) return 0;
  const HpackTable::Entry entry = table_.at(age);
  if (entry.tag != hash && value) return 0;
  if (entry.name != name || (value && entry.value != *value)) return 0;
  return static_cast<uint32_t>(kStatic.size()) + age;
}

// Whether it was sent lately: what repeats goes into the table, what is new each time would only push others out.
bool HpackEncoder::wasSeen(uint32_t hash) {
  uint16_t& seen = seen_[hash % kSeen];
  const auto mark = static_cast<uint16_t>(hash >> 16 | 1);
  if (seen == mark) return true;
  seen = mark;
  return false;
}

char* HpackEncoder::encodeField(const HeadField& field, char* at) {
  const uint32_t static_index = hpack::staticIndexOf(field.name);
  uint32_t name_index = static_index;
  if (field.is_secret) {
    at = putNumber(at, kNever, name_index);
    if (name_index == 0) at = putText(at, field.name);
    return putText(at, field.value);
  }
  for (size_t i = static_index; i > 0 && i < kStatic.size() && kStatic[i].name == field.name; ++i) {
    if (kStatic[i].value == field.value) return putNumber(at, kIndexed, static_cast<uint32_t>(i));
  }
  const uint64_t name_digest = digest(field.name);
  const uint32_t hash = fold(name_digest * 31 ^ digest(field.value));
  if (const uint32_t index = indexOf(hash, field.name, &field.value)) return putNumber(at, kIndexed, index);

  bool is_kept = wasSeen(hash);
  uint32_t name_hash = 0;
  if (static_index == 0) {
    name_hash = fold(name_digest);
    name_index = indexOf(name_hash, field.name, nullptr);
    is_kept = is_kept || (name_index == 0 && wasSeen(name_hash));
  }
  is_kept = is_kept && field.name.size() + field.value.size() + HpackTable::kEntryOverhead <= table_.limit() / 4;
  at = putNumber(at, is_kept ? kKept : kPlain, name_index);
  if (name_index == 0) at = putText(at, field.name);
  at = putText(at, field.value);
  if (is_kept && table_.add(field.name, field.value, hash)) {
    slots_[hash % kSlots] = table_.inserted();
    if (static_index == 0) slots_[name_hash % kSlots] = table_.inserted();
  }
  return at;
}

}  // namespace remora::http
