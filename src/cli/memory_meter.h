// What the system says of this process: memory, its own and its cgroup's, and descriptors.
#pragma once

#include <cstdint>

#include "net/cgroup_memory.h"
#include "proxy/overload.h"

namespace remora::cli {

class SystemMeter final : public proxy::OverloadMeter {
 public:
  SystemMeter();
  ~SystemMeter() override;
  SystemMeter(const SystemMeter&) = delete;

  proxy::OverloadUse memory(Bytes configured) override;
  proxy::OverloadUse descriptors() override;
  proxy::OverloadUse memoryNow() override;

 private:
  uint64_t ownBytes() const;

  net::CgroupMemory cgroup_;
  uint64_t looks_ = 0;
  int statm_;
  uint64_t page_bytes_;
  uint64_t besides_ = 0;    // the cgroup's: kernel memory, sockets, other processes
  uint64_t limit_ = 0;      // the cgroup's
  uint64_t limit_now_ = 0;  // the one that counts
};

}  // namespace remora::cli
