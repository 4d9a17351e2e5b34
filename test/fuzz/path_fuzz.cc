// normalizePath over any bytes: what it accepts is sound, not longer, and normal itself.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/path.h"

namespace {

using remora::http::normalizePath;
using remora::http::Slashes;

void require(bool holds) {
  if (!holds) std::abort();
}

void checkSound(std::string_view path, Slashes slashes) {
  require(path.starts_with('/'));
  for (const char c : path) {
    const auto byte = static_cast<uint8_t>(c);
    require(byte > ' ' && byte < 0x7f && c != '\\' && c != '#' && c != '?');
  }
  const std::string closed = std::string(path) + "/";
  require(closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos);
  require(closed.find("/..;") == std::string::npos && closed.find("%00") == std::string::npos);
  require(path.find("%2f") == std::string_view::npos && path.find("%2E") == std::string_view::npos);
  if (slashes == Slashes::kMerge) require(path.find("//") == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string raw(reinterpret_cast<const char*>(data), size);
  for (const Slashes slashes : {Slashes::kMerge, Slashes::kKeep}) {
    std::vector<char> scratch(raw.size());
    const auto once = normalizePath(raw, {slashes}, scratch);

    std::string in_place = raw;
    const auto over_itself = normalizePath(in_place, {slashes}, in_place);
    require(over_itself.has_value() == once.has_value());
    if (!once) continue;
    require(over_itself->path == once->path && over_itself->has_encoded_slash == once->has_encoded_slash);

    require(once->path.size() <= raw.size());
    checkSound(once->path, slashes);
    std::vector<char> second_scratch(once->path.size());
    const auto twice = normalizePath(once->path, {slashes}, second_scratch);
    require(twice.has_value() && twice->path == once->path && twice->path.data() == once->path.data());
  }
  return 0;
}
