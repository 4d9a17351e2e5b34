#include "http/hpack_static.h"

#include <cstddef>

namespace remora::http::hpack {
namespace {

// No two names share a slot, so that asking is one comparison. The factors were found by trying.
constexpr size_t kSlots = 128;
constexpr size_t slotOf(std::string_view name) {
  const size_t size = name.size();
  return (size_t{27} * size + size_t{54} * static_cast<uint8_t>(name.back()) +
          size_t{19} * static_cast<uint8_t>(name[size / 2]) + size_t{37} * static_cast<uint8_t>(name[(size - 1) / 4])) %
         kSlots;
}

consteval std::array<uint8_t, kSlots> indexBySlot() {
  std::array<uint8_t, kSlots> slots{};
  for (size_t i = 1; i < kStatic.size(); ++i) {
    if (kStatic[i].name == kStatic[i - 1].name) continue;  // those of one name stand together
    uint8_t& slot = slots[slotOf(kStatic[i].name)];
    if (slot) throw "two names in one slot";
    slot = static_cast<uint8_t>(i);
  }
  return slots;
}
constexpr std::array<uint8_t, kSlots> kIndexBySlot = indexBySlot();

}  // namespace

uint8_t staticIndexOf(std::string_view name) {
  if (name.empty()) return 0;
  const uint8_t index = kIndexBySlot[slotOf(name)];
  return kStatic[index].name == name ? index : 0;
}

}  // namespace remora::http::hpack
