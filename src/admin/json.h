// JSON as the admin pages write it: members in the order they were given, and text that isn't UTF-8 mended rather than
// thrown about. Only for .cc files of this folder, since the library's header is large.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace remora::admin {

using Json = nlohmann::ordered_json;

inline std::string printJson(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace remora::admin
