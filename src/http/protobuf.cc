#include "http/protobuf.h"

#include "base/check.h"

namespace remora::http::protobuf {
namespace {

constexpr uint64_t kFieldMost = (1 << 29) - 1;

void addVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void addTag(std::string& out, uint32_t field, uint32_t type) {
  check(field >= 1 && field <= 15, "a field's tag is one byte");
  out += static_cast<char>(field << 3 | type);
}

}  // namespace

std::optional<uint64_t> takeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return std::nullopt;
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    bytes.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

bool Fields::next() {
  if (rest_.empty() || is_broken_) return false;
  is_broken_ = !take();
  return !is_broken_;
}

bool Fields::take() {
  const std::optional<uint64_t> tag = takeVarint(rest_);
  if (!tag || *tag >> 3 == 0 || *tag >> 3 > kFieldMost) return false;
  field_ = static_cast<uint32_t>(*tag >> 3);
  type_ = static_cast<uint8_t>(*tag & 7);
  switch (type_) {
    case kVarint: {
      const std::optional<uint64_t> number = takeVarint(rest_);
      number_ = number.value_or(0);
      return number.has_value();
    }
    case kFixed64:
      return takeBytes(8);
    case kLengthDelimited: {
      const std::optional<uint64_t> length = takeVarint(rest_);
      return length && takeBytes(*length);
    }
    case kFixed32:
      return takeBytes(4);
    default:
      return false;  // groups, which nobody sends any more
  }
}

bool Fields::takeBytes(uint64_t length) {
  if (length > rest_.size()) return false;
  bytes_ = rest_.substr(0, static_cast<size_t>(length));
  rest_.remove_prefix(static_cast<size_t>(length));
  return true;
}

void addNumber(std::string& out, uint32_t field, uint64_t number) {
  addTag(out, field, 0);
  addVarint(out, number);
}

void addBytes(std::string& out, uint32_t field, std::string_view bytes) {
  addMessageHead(out, field, bytes.size());
  out += bytes;
}

void addMessageHead(std::string& out, uint32_t field, size_t bytes) {
  addTag(out, field, 2);
  addVarint(out, bytes);
}

size_t sizeOfBytes(size_t bytes) {
  size_t size = 2 + bytes;  // the tag, and the last byte of the length
  for (size_t rest = bytes; rest >= 0x80; rest >>= 7) ++size;
  return size;
}

}  // namespace remora::http::protobuf
