// Memory for coroutine frames, and for what lives as long as an exchange: free lists by size, one set a thread, so that
// an exchange in steady state allocates nothing. Under a sanitizer it is plain malloc, so that a use after free is
// seen. It keeps what it once needed.
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
// Frees what the calling thread keeps and doesn't use.
void giveFramesBack() noexcept;

// For a class whose objects come and go with exchanges.
struct Pooled {
  static void* operator new(size_t bytes) { return takeFrame(bytes); }
  static void operator delete(void* memory, size_t bytes) noexcept { giveFrame(memory, bytes); }
};

// For a container that does.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(takeFrame(count * sizeof(T))); }
  void deallocate(T* memory, size_t count) noexcept { giveFrame(memory, count * sizeof(T)); }
  bool operator==(const PoolAllocator&) const = default;
};

// Under a sanitizer nothing is.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool kIsPooled = false;
#else
inline constexpr bool kIsPooled = true;
#endif

// Of the calling thread. Tests assert budgets on the differences.
FrameCounts frameCounts();

}  // namespace remora::loop
