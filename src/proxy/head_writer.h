// Writes a message head into memory that is given. Running out of room is remembered, not fatal: the caller asks at
// the end. Nothing is allocated. Belongs to one core.
#pragma once

#include <charconv>
#include <cstring>
#include <span>
#include <string_view>

namespace remora::proxy {

class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> into) : begin_(into.data()), at_(begin_), end_(begin_ + into.size()) {}

  void put(std::string_view text) {
    if (static_cast<size_t>(end_ - at_) < text.size()) {
      overflowed_ = true;
      return;
    }
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void putNumber(uint64_t number) {
    char digits[20];
    put({digits, static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits)});
  }
  void field(std::string_view name, std::string_view value) {
    const size_t length = name.size() + value.size() + 4;
    if (static_cast<size_t>(end_ - at_) < length) {
      overflowed_ = true;
      return;
    }
    std::memcpy(at_, name.data(), name.size());
    at_ += name.size();
    *at_++ = ':';
    *at_++ = ' ';
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());  // an empty view may point nowhere
    at_ += value.size();
    *at_++ = '\r';
    *at_++ = '\n';
  }
  bool hasOverflowed() const { return overflowed_; }
  size_t room() const { return static_cast<size_t>(end_ - at_); }
  std::string_view text() const { return {begin_, static_cast<size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool overflowed_ = false;
};

}  // namespace remora::proxy
