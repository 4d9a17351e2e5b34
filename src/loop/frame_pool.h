// Memory for coroutine frames: free lists by size, one set a thread, so that an exchange in steady state allocates
// nothing. Under a sanitizer it is plain malloc, so that a use after free is seen. It keeps what it once needed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace remora::loop {

struct FrameCounts {
  uint64_t taken = 0;      // frames handed out since the thread began
  uint64_t from_heap = 0;  // of those, not served from a free list
};

void* takeFrame(size_t bytes);
void giveFrame(void* frame, size_t bytes) noexcept;

// Of the calling thread. Tests assert budgets on the differences.
FrameCounts frameCounts();

}  // namespace remora::loop
