// Times and sizes as people write them, and back. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/deadline.h"

namespace remora::control {

// Why a text is refused: continues "expected ..." and, when there is one, the right spelling.
struct Misspelt {
  std::string problem;
  std::string expected;
  std::string suggestion = {};
};

template <class T>
using Spelt = std::expected<T, Misspelt>;

// "250ms", "2s", "1.5s", "1m", "1m30s", "1h"; "0" needs no unit. Whole milliseconds only.
Spelt<Milliseconds> parseDuration(std::string_view text);
std::string durationText(Milliseconds value);  // the shortest exact spelling: "250ms", "90s", "1h"

// "512B", "64KiB", "10MiB", "1GiB", decimal "10MB"; "0" needs no unit.
Spelt<Bytes> parseSize(std::string_view text);
std::string sizeText(Bytes value);

}  // namespace remora::control
