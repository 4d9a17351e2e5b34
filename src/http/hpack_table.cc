#include "http/hpack_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace remora::http {
namespace {

constexpr uint32_t kPlacesFirst = 16;
constexpr size_t kTextFirst = 512;

}  // namespace

bool HpackTable::add(std::string_view name, std::string_view value, uint32_t tag) {
  const size_t text_bytes = name.size() + value.size();
  const size_t bytes = text_bytes + kEntryOverhead;
  evict(bytes > limit_ ? 0 : limit_ - bytes);
  if (bytes > limit_) return false;
  makeRoom(text_bytes);
  char* const at = text_.get() + text_end_;
  if (!name.empty()) std::memcpy(at, name.data(), name.size());
  if (!value.empty()) std::memcpy(at + name.size(), value.data(), value.size());
  places_[inserted_ & (places_room_ - 1)] = {text_end_, static_cast<uint16_t>(name.size()),
                                             static_cast<uint16_t>(value.size()), tag};
  text_end_ += static_cast<uint32_t>(text_bytes);
  bytes_ += static_cast<uint32_t>(bytes);
  ++inserted_;
  ++count_;
  return true;
}

void HpackTable::setLimit(size_t bytes) {
  check(bytes <= kLimit, "a table of HPACK has its most");
  limit_ = static_cast<uint32_t>(bytes);
  evict(bytes);
}

void HpackTable::evict(size_t to_bytes) {
  while (bytes_ > to_bytes) {
    const Place& oldest = placeAt(count_ - 1);
    bytes_ -= static_cast<uint32_t>(size_t{oldest.name_bytes} + oldest.value_bytes + kEntryOverhead);
    --count_;
  }
}

void HpackTable::makeRoom(size_t text_bytes) {
  if (count_ == places_room_) {
    const uint32_t room = std::max(kPlacesFirst, places_room_ * 2);
    auto places = std::make_unique_for_overwrite<Place[]>(room);
    for (uint32_t i = 0; i < count_; ++i) {
      const uint32_t number = inserted_ - 1 - i;
      places[number & (room - 1)] = placeAt(i);
    }
    places_ = std::move(places);
    places_room_ = room;
  }
  if (count_ == 0) text_end_ = 0;
  if (text_end_ + text_bytes <= text_room_) return;

  const uint32_t begin = count_ ? placeAt(count_ - 1).at : 0;
  const size_t live = text_end_ - begin;
  // Half as much again as is alive, so that moving it is rare.
  const size_t wanted = live + text_bytes;
  if (wanted + wanted / 2 > text_room_) {
    const size_t room = std::max(kTextFirst, std::bit_ceil(wanted + wanted / 2));
    auto text = std::make_unique_for_overwrite<char[]>(room);
    if (live) std::memcpy(text.get(), text_.get() + begin, live);
    text_ = std::move(text);
    text_room_ = static_cast<uint32_t>(room);
  } else if (live) {
    std::memmove(text_.get(), text_.get() + begin, live);
  }
  for (uint32_t i = 0; i < count_; ++i) places_[(inserted_ - 1 - i) & (places_room_ - 1)].at -= begin;
  text_end_ = static_cast<uint32_t>(live);
}

}  // namespace remora::http
