#include "net/cgroup_memory.h"

#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "base/ascii.h"

namespace remora::net {
namespace {

// "max" and version 1's nearly endless number are no limit.
std::optional<uint64_t> readNumber(const std::string& path) {
  constexpr uint64_t kEndless = uint64_t{1} << 60;
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  const std::optional<uint64_t> number = ascii::parseDecimal(text);
  return number && *number < kEndless ? number : std::nullopt;
}

struct Hierarchy {
  std::string mount;
  std::string path;  // of the process in it
  bool is_v2 = false;
};

// Lines such as "0::/a/b" (version 2) and "4:memory:/a/b"; with both the memory controller of version 1 counts.
std::optional<Hierarchy> hierarchyOf(const std::string& root, const std::string& own) {
  std::optional<Hierarchy> found;
  std::istringstream lines(own);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers.find(",memory,") != std::string::npos) return Hierarchy{root + "/memory", path, false};
    if (controllers == ",,") found = Hierarchy{root, path, true};
  }
  return found;
}

bool exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

CgroupMemory CgroupMemory::find(const std::string& root, const std::string& own) {
  const std::optional<Hierarchy> hierarchy = hierarchyOf(root, own);
  if (!hierarchy) return {};
  const char* const limit_name = hierarchy->is_v2 ? "/memory.max" : "/memory.limit_in_bytes";
  CgroupMemory found;
  uint64_t least = UINT64_MAX;
  std::string path = hierarchy->path == "/" ? "" : hierarchy->path;
  // In a container the path may be the host's, and the mount the container's own group.
  if (!exists(hierarchy->mount + path + limit_name)) path.clear();
  for (;;) {
    const std::string folder = hierarchy->mount + path;
    const std::optional<uint64_t> limit = readNumber(folder + limit_name);
    if (limit && *limit < least) {
      least = *limit;
      found = {.limit_file = folder + limit_name,
               .usage_file = folder + (hierarchy->is_v2 ? "/memory.current" : "/memory.usage_in_bytes"),
               .stat_file = folder + "/memory.stat",
               .is_v2 = hierarchy->is_v2};
    }
    if (path.empty()) return found;
    path.resize(path.rfind('/'));
  }
}

uint64_t CgroupMemory::limit() const {
  return limit_file.empty() ? 0 : readNumber(limit_file).value_or(0);
}

uint64_t CgroupMemory::used() const {
  const uint64_t usage = readNumber(usage_file).value_or(0);
  const std::string inactive = is_v2 ? "inactive_file" : "total_inactive_file";
  const std::string active = is_v2 ? "active_file" : "total_active_file";
  std::ifstream stat(stat_file);
  std::string name;
  uint64_t value = 0;
  uint64_t taken_back = 0;
  while (stat >> name >> value) {
    if (name == inactive || name == active) taken_back += value;
  }
  return usage > taken_back ? usage - taken_back : 0;
}

}  // namespace remora::net
