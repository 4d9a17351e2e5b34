// The memory of this process's cgroup, version 1 or 2: what the kernel allows before it kills. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace remora::net {

// Where the figures are: of all groups around the process the one with the smallest limit.
struct CgroupMemory {
  std::string limit_file;  // empty: none has a limit
  std::string usage_file;
  std::string stat_file;
  bool is_v2 = false;

  // `root` is where cgroups are mounted, `own` the text of /proc/self/cgroup.
  static CgroupMemory find(const std::string& root, const std::string& own);

  uint64_t limit() const;  // 0: none
  // Without what the kernel takes back before it kills, which is the cache of files.
  uint64_t used() const;
};

}  // namespace remora::net
