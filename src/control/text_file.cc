#include "control/text_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/ascii.h"
#include "control/yaml_tree.h"

namespace remora::control {
namespace {

std::unexpected<Misspelt> unreadable(int error, std::string expected = {}) {
  return std::unexpected(
      Misspelt{std::string("can't be read: ") + ascii::toLower(std::strerror(error)), std::move(expected)});
}

}  // namespace

Spelt<std::string> readTextFile(const std::string& path, std::string_view what) {
  const std::string expected = "the path of " + std::string(what);
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) return unreadable(errno, expected);
  if (S_ISDIR(facts.st_mode)) return std::unexpected(Misspelt{"is a directory", expected});
  if (facts.st_size > static_cast<off_t>(kLargestFile)) {
    return std::unexpected(Misspelt{"is too large", "at most 4MiB"});
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(errno);
  // A pipe or a file that grows has no honest size: one byte beyond the bound is enough to refuse it.
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) {
    return std::unexpected(Misspelt{"reading stopped half-way; the file or its disk is damaged", std::string()});
  }
  text.resize(static_cast<size_t>(file.gcount()));
  text.shrink_to_fit();
  return text;
}

std::string folderOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return (error ? std::filesystem::path(path) : absolute).parent_path().string();
}

}  // namespace remora::control
