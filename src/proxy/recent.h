// The last exchanges of one core, always on: what /recent shows after the incident. Fixed memory, no allocation after
// the start; long texts are cut. Belongs to one core; other threads get copies by mailbox.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "observe/exchange_record.h"

namespace remora::proxy {

// A text of bounded length that lives in the entry itself.
template <size_t kMost>
class ShortText {
 public:
  void assign(std::string_view text) {
    size_ = static_cast<uint8_t>(std::min(text.size(), kMost));
    std::copy_n(text.data(), size_, bytes_.data());
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  static_assert(kMost < 256);
  uint8_t size_ = 0;
  std::array<char, kMost> bytes_;
};

struct RecentExchange {
  int64_t start_wall_nanos = 0;
  Duration duration{0};
  Duration upstream{0};
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint32_t generation = 0;
  int32_t detail = 0;
  uint16_t status = 0;
  Reason reason = Reason::kOk;
  uint8_t attempts = 0;
  bool inbound = true;
  bool reused = false;
  bool is_tcp = false;  // a whole opaque connection
  ShortText<12> method;
  ShortText<40> host;
  ShortText<96> target;
  ShortText<48> remote;
  ShortText<24> listener;
  ShortText<32> route;
  ShortText<32> service;
  ShortText<48> endpoint;
  ShortText<36> request_id;
  ShortText<32> trace_id;
  observe::Trail trail;
};

class RecentRing {
 public:
  explicit RecentRing(size_t capacity) : entries_(capacity) {}
  void add(const observe::ExchangeRecord& record);
  // The newest first.
  std::vector<RecentExchange> copy() const;
  size_t capacity() const { return entries_.size(); }

 private:
  std::vector<RecentExchange> entries_;
  uint64_t added_ = 0;
};

}  // namespace remora::proxy
