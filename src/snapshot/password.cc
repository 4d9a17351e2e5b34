#include "snapshot/password.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/ascii.h"

namespace remora::snapshot {

std::expected<std::string, std::string> readPassword(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(path + " can't be read: " + ascii::toLower(std::strerror(errno)));
  std::string text(kLongestPassword + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::unexpected(path + " can't be read: it is no file, or is damaged");
  text.resize(static_cast<size_t>(file.gcount()));
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  if (text.empty()) return std::unexpected(path + " has no password in its first line");
  if (text.size() > kLongestPassword) {
    return std::unexpected("the first line of " + path + " is longer than " + std::to_string(kLongestPassword) +
                           " bytes");
  }
  return text;
}

}  // namespace remora::snapshot
