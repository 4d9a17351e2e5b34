#include "cli/memory_meter.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/machine.h"

namespace remora::cli {

SystemMeter::SystemMeter()
    : statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      page_bytes_(static_cast<uint64_t>(sysconf(_SC_PAGESIZE))) {}

SystemMeter::~SystemMeter() {
  if (statm_ >= 0) ::close(statm_);
}

proxy::OverloadUse SystemMeter::memory(Bytes configured) {
  constexpr uint64_t kLooksBetween = 10;  // limits may be changed under a running process, but seldom are
  if (looks_++ % kLooksBetween == 0) {
    std::ifstream file("/proc/self/cgroup");
    cgroup_ = net::CgroupMemory::find("/sys/fs/cgroup", std::string((std::istreambuf_iterator<char>(file)), {}));
    limit_ = cgroup_.limit();
  }
  const uint64_t own = ownBytes();
  besides_ = 0;
  if (limit_) {
    const uint64_t held = cgroup_.used();
    besides_ = held > own ? held - own : 0;
  }
  // Of two limits the one that is nearer; what is configured is for this process alone.
  const uint64_t mine = configured.count;
  if (mine && (limit_ == 0 || own * limit_ >= (own + besides_) * mine)) {
    besides_ = 0;
    return {own, limit_now_ = mine};
  }
  return {own + besides_, limit_now_ = limit_};
}

proxy::OverloadUse SystemMeter::memoryNow() {
  return {ownBytes() + besides_, limit_now_};
}

// Resident pages that are nobody's but ours; those of files the kernel can read again.
uint64_t SystemMeter::ownBytes() const {
  char text[128];
  const ssize_t length = ::pread(statm_, text, sizeof text, 0);
  if (length <= 0) return 0;
  uint64_t fields[3] = {};
  const char* at = text;
  const char* const end = text + length;
  for (uint64_t& field : fields) {
    const auto [next, error] = std::from_chars(at, end, field);
    if (error != std::errc()) return 0;
    at = next + (next < end);
  }
  const uint64_t resident = fields[1];
  const uint64_t shared = fields[2];
  return resident > shared ? (resident - shared) * page_bytes_ : 0;
}

proxy::OverloadUse SystemMeter::descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  return {countDescriptors(), limit.rlim_cur};
}

}  // namespace remora::cli
