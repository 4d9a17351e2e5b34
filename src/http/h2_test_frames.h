// Frames of HTTP/2 by hand, for tests that must send what no codec would (RFC 9113 sections 4 and 6): a writer, a
// reader, and HPACK by another codec than ours.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h2_codec.h"

namespace remora::http::frames {

using h2::kPreface;
inline constexpr uint8_t kEndStream = 1, kEndHeaders = 4, kPadded = 8, kAck = 1;

inline std::string number(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

inline std::string frame(H2Frame type, uint8_t flags, int32_t id, std::string_view payload = {}) {
  std::string bytes = number(static_cast<uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes + number(static_cast<uint32_t>(id)) + std::string(payload);
}

inline std::string settings() {
  return frame(H2Frame::kSettings, 0, 0);
}
inline std::string setting(uint16_t id, uint32_t value) {
  std::string payload{static_cast<char>(id >> 8), static_cast<char>(id)};
  return frame(H2Frame::kSettings, 0, 0, payload + number(value));
}
inline std::string settingsAck() {
  return frame(H2Frame::kSettings, kAck, 0);
}
inline std::string ping() {
  return frame(H2Frame::kPing, 0, 0, "12345678");
}
inline std::string reset(int32_t id, H2Error code = H2Error::kCancel) {
  return frame(H2Frame::kReset, 0, id, number(static_cast<uint32_t>(code)));
}
inline std::string windowUpdate(int32_t id, uint32_t by) {
  return frame(H2Frame::kWindowUpdate, 0, id, number(by));
}
inline std::string priority(int32_t id, uint32_t on) {
  return frame(H2Frame::kPriority, 0, id, number(on) + "\x10");
}
inline std::string data(int32_t id, std::string_view payload, uint8_t flags = 0) {
  return frame(H2Frame::kData, flags, id, payload);
}
inline std::string goAway(int32_t last, H2Error code = H2Error::kNone) {
  return frame(H2Frame::kGoAway, 0, 0, number(static_cast<uint32_t>(last)) + number(static_cast<uint32_t>(code)));
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// One direction's HPACK.
class Hpack {
 public:
  Hpack() { nghttp2_hd_deflate_new(&deflater_, 4096); }
  ~Hpack() { nghttp2_hd_deflate_del(deflater_); }
  Hpack(const Hpack&) = delete;
  Hpack& operator=(const Hpack&) = delete;

  std::string block(const Fields& fields) {
    std::vector<nghttp2_nv> natives;
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
    };
    for (const auto& [name, value] : fields) {
      natives.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_, natives.data(), natives.size()), '\0');
    const ssize_t used = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(out.data()), out.size(),
                                               natives.data(), natives.size());
    out.resize(static_cast<size_t>(used));
    return out;
  }
  std::string head(int32_t id, const Fields& fields, uint8_t flags = kEndStream) {
    return frame(H2Frame::kHeaders, flags | kEndHeaders, id, block(fields));
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

class HpackReader {
 public:
  HpackReader() { nghttp2_hd_inflate_new(&inflater_); }
  ~HpackReader() { nghttp2_hd_inflate_del(inflater_); }
  HpackReader(const HpackReader&) = delete;
  HpackReader& operator=(const HpackReader&) = delete;

  void resize(size_t bytes) { nghttp2_hd_inflate_change_table_size(inflater_, bytes); }
  // Of a whole block; "broken" when it is.
  Fields read(std::string_view block) {
    Fields fields;
    const auto* at = reinterpret_cast<const uint8_t*>(block.data());
    size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      if (used < 0) return {{"broken", ""}};
      at += used;
      left -= static_cast<size_t>(used);
      const auto text = [](const uint8_t* bytes, size_t length) {
        return std::string(reinterpret_cast<const char*>(bytes), length);
      };
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        fields.emplace_back(text(field.name, field.namelen), text(field.value, field.valuelen));
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
      if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && left == 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return fields;
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

struct Seen {
  H2Frame type;
  uint8_t flags;
  int32_t id;
  std::string payload;

  uint32_t number(size_t at) const {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4 && i < payload.size(); ++i) value = value << 8 | static_cast<uint8_t>(payload[i]);
    return value;
  }
};

// The frames in `bytes`, which may begin with a client's preface.
inline std::vector<Seen> read(std::string_view bytes) {
  if (bytes.starts_with(kPreface)) bytes.remove_prefix(kPreface.size());
  std::vector<Seen> seen;
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  while (bytes.size() >= 9) {
    const size_t length = static_cast<size_t>(at(0)) << 16 | static_cast<size_t>(at(1)) << 8 | at(2);
    if (bytes.size() < 9 + length) break;
    const uint32_t id = uint32_t{at(5)} << 24 | uint32_t{at(6)} << 16 | uint32_t{at(7)} << 8 | at(8);
    seen.push_back(
        {static_cast<H2Frame>(at(3)), at(4), static_cast<int32_t>(id), std::string(bytes.substr(9, length))});
    bytes.remove_prefix(9 + length);
  }
  return seen;
}

}  // namespace remora::http::frames
