// HPACK's dynamic table (RFC 7541 sections 2.3.2 and 4): the fields that were put in last, as many as its limit allows.
// An empty one owns no memory. One for each direction of a connection; belongs to its core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace remora::http {

class HpackTable {
 public:
  static constexpr size_t kLimit = 4096;        // SETTINGS_HEADER_TABLE_SIZE that nobody has changed
  static constexpr size_t kEntryOverhead = 32;  // section 4.1

  struct Entry {
    std::string_view name;
    std::string_view value;
    uint32_t tag;  // of whoever put it in
  };

  size_t count() const { return count_; }
  // The newest is 0. Holds until the next add().
  Entry at(size_t i) const {
    const Place& place = placeAt(i);
    const char* const text = text_.get() + place.at;
    return {{text, place.name_bytes}, {text + place.name_bytes, place.value_bytes}, place.tag};
  }
  uint32_t inserted() const { return inserted_; }  // ever, so that entry i is number inserted() - 1 - i

  // Makes room by dropping the oldest; false: it is larger than the table, which is empty now. Neither text may be the
  // table's own.
  bool add(std::string_view name, std::string_view value, uint32_t tag);
  // At most kLimit.
  void setLimit(size_t bytes);
  size_t limit() const { return limit_; }

 private:
  struct Place {
    uint32_t at;
    uint16_t name_bytes;
    uint16_t value_bytes;
    uint32_t tag;
  };
  const Place& placeAt(size_t i) const { return places_[(inserted_ - 1 - i) & (places_room_ - 1)]; }
  void evict(size_t to_bytes);
  void makeRoom(size_t text_bytes);

  std::unique_ptr<Place[]> places_;  // a ring
  std::unique_ptr<char[]> text_;     // of the entries, the oldest first, without gaps
  uint32_t places_room_ = 0;         // a power of two
  uint32_t text_room_ = 0;
  uint32_t text_end_ = 0;
  uint32_t inserted_ = 0;
  uint32_t count_ = 0;
  uint32_t bytes_ = 0;  // as section 4.1 counts them
  uint32_t limit_ = kLimit;
};

}  // namespace remora::http
