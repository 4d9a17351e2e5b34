// Reads what Redis answers: as much of RESP2 as what remora asks can give. A text, an error, a number, or a few numbers
// in an array; anything else, or more than the bounds allow, is no answer. No I/O; the reader keeps nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora::upstream {

struct RedisReply {
  enum class Kind : uint8_t { kPartial, kBroken, kText, kError, kNumbers };
  static constexpr size_t kMostLine = 1024;  // bytes of a line with its end; the longest errors of 7.0 have 400
  static constexpr size_t kMostNumbers = 4;
  static constexpr size_t kMostBytes = kMostLine * (kMostNumbers + 1);  // of a whole reply

  Kind kind = Kind::kPartial;
  size_t used = 0;        // bytes of a whole reply
  std::string_view text;  // of a text or an error; a view into what was read
  std::array<int64_t, kMostNumbers> numbers{};
  size_t count = 0;  // of numbers
};

// The first reply of `bytes`. kPartial: more must come first, which is never so with kMostBytes or more.
RedisReply readRedisReply(std::string_view bytes);

// Appends the beginning of a command with so many words, then each word: by its length, so that whatever bytes it has
// it stays one word.
void beginRedisCommand(std::string& out, size_t words);
void addRedisWord(std::string& out, std::string_view word);

}  // namespace remora::upstream
