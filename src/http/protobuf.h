// Protocol buffers, as much of them as a few small messages need: numbers, texts and messages within. Fields that
// nobody knows are passed over. No I/O, no allocation; any thread.
// Source: "Encoding" of the protocol buffers' documentation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remora::http::protobuf {

// 7 bits a byte, the lowest first. Nothing for what is cut or longer than 64 bits.
std::optional<uint64_t> takeVarint(std::string_view& bytes);

// The fields of one message, in its order. Views are into the message.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  // False: there are no more, or the message is broken.
  bool next();
  bool isBroken() const { return is_broken_; }

  // Whether it is this field, with the type that it should have; with another type it is a field that nobody knows.
  bool isNumber(uint32_t field) const { return field_ == field && type_ == kVarint; }
  bool isBytes(uint32_t field) const { return field_ == field && type_ == kLengthDelimited; }
  uint64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }  // a text, or a message

 private:
  enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };
  bool take();
  bool takeBytes(uint64_t length);

  std::string_view rest_;
  uint32_t field_ = 0;
  uint8_t type_ = 0;
  bool is_broken_ = false;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

// Fields with numbers up to 15 only.
void addNumber(std::string& out, uint32_t field, uint64_t number);
void addBytes(std::string& out, uint32_t field, std::string_view bytes);
// Before a message of so many bytes; it follows.
void addMessageHead(std::string& out, uint32_t field, size_t bytes);
// What addBytes() appends.
size_t sizeOfBytes(size_t bytes);

}  // namespace remora::http::protobuf
