// A password out of a file.
#pragma once

#include <expected>
#include <string>

namespace remora::snapshot {

inline constexpr size_t kLongestPassword = 4096;

// The first line of the file, without its end; or what is wrong with the file.
std::expected<std::string, std::string> readPassword(const std::string& path);

}  // namespace remora::snapshot
