// HPACK (RFC 7541): the fields of a connection's heads out of header blocks and into them. Pure but for the tables, of
// which each direction of a connection has one; belongs to its core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/head_field.h"
#include "http/headers.h"
#include "http/hpack_table.h"

namespace remora::http {

// As it came. Views hold until the next one is asked for.
struct HpackField {
  std::string_view name;
  std::string_view value;
  HeaderId id = HeaderId::kOther;
  bool is_name_sound = false;  // http/h2_field.h; of a name after its ':'
  bool is_value_sound = false;
};

class HpackDecoder {
 public:
  enum class Step : uint8_t {
    kField,   // one was taken
    kMore,    // what is left is the beginning of one; or nothing
    kBroken,  // it can't be read, and nothing on this connection can be read any more
  };

  void beginBlock() { may_resize_ = true; }
  // Takes one field from the front of `block`.
  Step next(std::string_view& block, HpackField& field);
  // Gives the room of long texts back.
  void rest();

 private:
  class Room {
   public:
    char* of(size_t bytes);
    void shrink();

   private:
    std::unique_ptr<char[]> bytes_;
    size_t size_ = 0;
  };
  Step indexed(std::string_view& block, HpackField& field);
  Step literal(std::string_view& block, HpackField& field);
  Step resize(std::string_view& block);
  bool name(size_t index, HpackField& field);
  static Step text(std::string_view& block, Room& room, std::string_view& into);

  HpackTable table_;
  Room name_room_;
  Room value_room_;
  bool may_resize_ = false;
};

class HpackEncoder {
 public:
  // Of what these fields may need.
  size_t bound(std::span<const HeadField> fields) const;
  // Gives how much was written to `into`.
  size_t encode(std::span<const HeadField> fields, char* into);
  // SETTINGS_HEADER_TABLE_SIZE of the peer.
  void setPeerLimit(uint32_t bytes);

 private:
  bool wasSeen(uint32_t hash);
  char* encodeField(const HeadField& field, char* at);
  uint32_t indexOf(uint32_t hash, std::string_view name, const std::string_view* value) const;

  static constexpr size_t kSlots = 128;
  static constexpr size_t kSeen = 64;

  HpackTable table_;
  std::array<uint32_t, kSlots> slots_{};  // by hash, of a field or of a name: 1 + the number of its newest entry
  std::array<uint16_t, kSeen> seen_{};    // what was sent lately and isn't in the table
  uint32_t least_limit_ = HpackTable::kLimit;
  bool limit_changed_ = false;
};

}  // namespace remora::http
