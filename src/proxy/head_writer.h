// Writes a message head: as HTTP/1 text into memory that is given, or as the list of fields that HTTP/2 sends, with
// only what had to be put together in that memory. Running out of room is remembered, not fatal: the caller asks at the
// end. Belongs to one core.
#pragma once

#include <charconv>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "http/head_field.h"
#include "http/headers.h"

namespace remora::proxy {

class HeadWriter {
 public:
  // HTTP/1.
  explicit HeadWriter(std::span<char> into) : begin_(into.data()), at_(begin_), end_(begin_ + into.size()) {}
  // HTTP/2. With kListed, names and values that are written must hold until the fields are sent.
  enum class Texts : uint8_t { kListed, kCopied };
  HeadWriter(std::span<char> into, std::vector<http::HeadField>& fields, Texts texts) : HeadWriter(into) {
    fields_ = &fields;
    copies_ = texts == Texts::kCopied;
    fields.clear();
  }

  bool isHttp2() const { return fields_ != nullptr; }

  void requestLine(std::string_view method, std::string_view target) {
    put(method);
    put(" ");
    put(target);
    put(" HTTP/1.1\r\n");
  }
  void statusLine(uint16_t status, std::string_view phrase);

  void field(std::string_view name, std::string_view value) {
    if (fields_) return listField(name, copies_ ? copied(value) : value);
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
  // A field as it was received, whose id tells what is secret.
  void field(const http::Field& received);

  // A field whose value is put together: open, put what it consists of, close.
  void open(std::string_view name) {
    opened_ = name;
    if (!fields_) {
      put(name);
      put(": ");
    }
    value_at_ = at_;
  }
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
  void close() {
    if (fields_) {
      listField(opened_, {value_at_, static_cast<size_t>(at_ - value_at_)});
    } else {
      put("\r\n");
    }
  }
  // The empty line after the fields.
  void finish() {
    if (!fields_) put("\r\n");
  }

  bool hasOverflowed() const { return overflowed_; }
  size_t room() const { return static_cast<size_t>(end_ - at_); }
  std::string_view text() const { return {begin_, static_cast<size_t>(at_ - begin_)}; }

 private:
  void listField(std::string_view name, std::string_view value);
  std::string_view copied(std::string_view text) {
    char* const at = at_;
    put(text);
    return overflowed_ ? std::string_view() : std::string_view(at, text.size());
  }

  char* begin_;
  char* at_;
  char* end_;
  std::vector<http::HeadField>* fields_ = nullptr;
  std::string_view opened_;
  char* value_at_ = nullptr;
  bool copies_ = false;
  bool overflowed_ = false;
};

}  // namespace remora::proxy
