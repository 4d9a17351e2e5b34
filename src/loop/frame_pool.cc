#include "loop/frame_pool.h"

#include <array>
#include <cstdlib>
#include <new>

namespace remora::loop {
namespace {

constexpr size_t kStep = 64;
constexpr size_t kClasses = 64;  // frames up to 4 KiB are kept; larger ones would be a mistake worth seeing

struct FreeFrame {
  FreeFrame* next;
};

// Plain and constant-initialised, so that reaching it costs one instruction. What a thread kept when it ends is not
// given back: cores live as long as the process.
struct FramePool {
  std::array<FreeFrame*, kClasses> free;
  FrameCounts counts;
};

constinit thread_local FramePool pool{};

size_t classOf(size_t bytes) {
  return (bytes + kStep - 1) / kStep;
}

}  // namespace

void* takeFrame(size_t bytes) {
  FramePool& own = pool;
  ++own.counts.taken;
  const size_t cls = classOf(bytes);
  if (kIsPooled && cls < kClasses) {
    if (FreeFrame* frame = own.free[cls]) {
      own.free[cls] = frame->next;
      return frame;
    }
  }
  ++own.counts.from_heap;
  void* frame = std::malloc(cls * kStep);
  if (!frame) throw std::bad_alloc();
  return frame;
}

void giveFrame(void* frame, size_t bytes) noexcept {
  const size_t cls = classOf(bytes);
  if (!kIsPooled || cls >= kClasses) {
    std::free(frame);
    return;
  }
  FramePool& own = pool;
  auto* free_frame = static_cast<FreeFrame*>(frame);
  free_frame->next = own.free[cls];
  own.free[cls] = free_frame;
}

void giveFramesBack() noexcept {
  for (FreeFrame*& first : pool.free) {
    while (FreeFrame* const frame = first) {
      first = frame->next;
      std::free(frame);
    }
  }
}

FrameCounts frameCounts() {
  return pool.counts;
}

}  // namespace remora::loop
