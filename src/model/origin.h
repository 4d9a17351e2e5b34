// Where a piece of configuration was written: what errors, `explain`, trails and logs point at. Plain data.
#pragma once

#include <cstdint>
#include <string>

namespace remora::model {

struct Origin {
  std::string file;     // as given on the command line; empty when there is no file
  uint32_t line = 0;    // from 1; 0 when there is no file
  uint32_t column = 0;  // from 1
  std::string path;     // "inbound[0].routes[3].match.path", or an xDS resource's name

  bool operator==(const Origin&) const = default;
};

// "routes[3].match.path in shop.yaml line 41"; without the line or the file when there is none.
inline std::string describe(const Origin& origin) {
  if (origin.file.empty()) return origin.path;
  if (origin.line == 0) return origin.path + " in " + origin.file;
  return origin.path + " in " + origin.file + " line " + std::to_string(origin.line);
}

}  // namespace remora::model
