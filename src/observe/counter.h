// A number that one core writes and any thread reads at any time: relaxed loads and stores, no locked instruction on
// the hot path, no torn value.
#pragma once

#include <atomic>
#include <cstdint>

namespace remora::observe {

// One writer; any number of readers.
class Counter {
 public:
  void add(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void add(int64_t n = 1) { set(value() + n); }
  void sub(int64_t n = 1) { set(value() - n); }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

}  // namespace remora::observe
