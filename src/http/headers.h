// Header fields of one message, in the order and case in which they arrived. Views only: the bytes belong to the
// buffer of whoever parsed or to the configuration, and must outlive this. Belongs to one core.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ascii.h"

namespace remora::http {

// Fields that remora itself reads, recognised once while parsing. kOther: everything else.
enum class HeaderId : uint8_t {
  kOther,
  kAccept,
  kAuthorization,
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kGrpcMessage,
  kGrpcStatus,
  kGrpcTimeout,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kLocation,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kProxyStatus,
  kReferer,
  kSecWebsocketAccept,
  kSecWebsocketKey,
  kServer,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
  kCount,
};

HeaderId headerIdOf(std::string_view name);  // any case
std::string_view nameOf(HeaderId id);        // lower case; empty for kOther

struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without the blanks around it
  HeaderId id = HeaderId::kOther;
  // Of the whole line as received, from the name to CRLF, so that it can be passed on in one piece with its neighbours;
  // 0 when there is no such line.
  uint32_t line_bytes = 0;
};

class Headers {
 public:
  Headers() {}  // first_ means something only where present_ says so
  void clear() {
    fields_.clear();
    present_ = repeated_ = 0;
  }
  void add(std::string_view name, std::string_view value, HeaderId id, uint32_t line_bytes = 0) {
    if (id != HeaderId::kOther) {
      const uint64_t bit = bitOf(id);
      if (!(present_ & bit)) first_[static_cast<size_t>(id)] = static_cast<uint32_t>(fields_.size());
      repeated_ |= present_ & bit;
      present_ |= bit;
    }
    fields_.push_back({name, value, id, line_bytes});
  }
  void add(std::string_view name, std::string_view value) { add(name, value, headerIdOf(name)); }

  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  const Field& operator[](size_t i) const { return fields_[i]; }

  // The first field of that id or name; null when there is none.
  const Field* find(HeaderId id) const {
    return present_ & bitOf(id) ? &fields_[first_[static_cast<size_t>(id)]] : nullptr;
  }
  // More than one field of that id.
  bool isRepeated(HeaderId id) const { return repeated_ & bitOf(id); }
  const Field* find(std::string_view name) const {
    for (const Field& field : fields_) {
      if (ascii::equalsIgnoreCase(field.name, name)) return &field;
    }
    return nullptr;
  }
  std::string_view valueOf(HeaderId id) const {
    const Field* field = find(id);
    return field ? field->value : std::string_view();
  }

  // The fields' text moved by `distance` bytes (its buffer was replaced by a larger one).
  void rebase(ptrdiff_t distance) {
    for (Field& field : fields_) {
      field.name = {field.name.data() + distance, field.name.size()};
      field.value = {field.value.data() + distance, field.value.size()};
    }
  }

 private:
  static constexpr uint64_t bitOf(HeaderId id) { return uint64_t{1} << static_cast<unsigned>(id); }
  static_assert(static_cast<size_t>(HeaderId::kCount) <= 64);

  std::vector<Field> fields_;  // keeps its capacity from exchange to exchange
  // By id, so that asking for a field doesn't walk them all: kOther is never asked for.
  uint64_t present_ = 0;
  uint64_t repeated_ = 0;
  std::array<uint32_t, static_cast<size_t>(HeaderId::kCount)> first_;
};

}  // namespace remora::http
