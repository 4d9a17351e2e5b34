// The last few descriptors of the process are nobody's but the admin side's, logs' and reloads': when connections have
// eaten all others, a person must still be able to ask what is going on. Any thread.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>

namespace remora::net {

// Enough for a few admin connections, a reload and a reopened log.
inline constexpr int kReservedDescriptors = 16;

namespace detail {
inline std::atomic<int> first_reserved{INT_MAX};
}

// `limit` is RLIMIT_NOFILE; a process with very few descriptors reserves none. Once, at the start.
inline void reserveDescriptors(uint64_t limit) {
  if (limit >= 4 * kReservedDescriptors && limit < INT_MAX) {
    detail::first_reserved.store(static_cast<int>(limit) - kReservedDescriptors, std::memory_order_relaxed);
  }
}

// Descriptors are given out from the lowest: one in the reserve means that all others are in use.
inline bool isReserved(int fd) {
  return fd >= detail::first_reserved.load(std::memory_order_relaxed);
}

}  // namespace remora::net
