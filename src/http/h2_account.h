// What the codec keeps of each open stream, and the table that finds it by its id. Accounts are their owners'; an open
// one must not be destroyed (H2Codec::reset() closes it). Belongs to one session and its core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace remora::http {

struct H2Account {
  int32_t id = 0;  // 0 until a client's head is sent
  bool is_open = false;
  bool has_sent_end = false;      // END_STREAM
  bool has_received_end = false;  // END_STREAM
  // RFC 9113 section 6.9, in bytes; a change of SETTINGS may make them negative.
  int32_t may_send = 0;
  int32_t may_receive = 0;
  int32_t read = 0;  // of what came, whose credit wasn't given back yet
};

class H2Accounts {
 public:
  size_t size() const { return size_; }
  H2Account* find(int32_t id) const {
    if (size_ == 0) return nullptr;
    for (size_t i = slotOf(id);; i = (i + 1) & mask_) {
      if (!slots_[i] || slots_[i]->id == id) return slots_[i];
    }
  }
  void add(H2Account& account);
  void remove(H2Account& account);
  // `visit` must not add or remove.
  template <class Visit>
  void forEach(Visit visit) const {
    for (size_t i = 0; slots_ && i <= mask_; ++i) {
      if (slots_[i]) visit(*slots_[i]);
    }
  }

 private:
  // The ids of one side follow each other by two: spread, so that no long run must be searched, or moved up.
  size_t slotOf(int32_t id) const { return (static_cast<uint32_t>(id) * 0x9e3779b1U >> 16) & mask_; }
  void grow();

  std::unique_ptr<H2Account*[]> slots_;  // never more than half full
  size_t mask_ = 0;
  size_t size_ = 0;
};

}  // namespace remora::http
