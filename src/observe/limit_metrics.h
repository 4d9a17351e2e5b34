// What remora counts about the questions that it asks rate_limit_services. One core writes; any thread may read at any
// time, also while a service is added.
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "observe/counter.h"
#include "observe/limit_answer.h"

namespace remora::observe {

struct LimitSeries {
  std::string service;
  std::array<Counter, kLimitResults> results;
  Counter nanos;  // that requests waited, in all

  void count(const LimitAnswer& answer) {
    results[static_cast<size_t>(answer.result)].add();
    nanos.add(static_cast<uint64_t>(answer.took.count()));
  }
};

class LimitMetrics {
 public:
  // As many as a configuration may have. Past that, of reloads that name ever new ones, the last is shared.
  static constexpr size_t kMost = 32;

  LimitSeries& of(std::string_view service) {
    const size_t known = size();
    for (size_t i = 0; i < known; ++i) {
      if (series_[i].service == service) return series_[i];
    }
    if (known == kMost) return series_.back();
    series_[known].service = service;
    size_.store(known + 1, std::memory_order_release);
    return series_[known];
  }
  size_t size() const { return size_.load(std::memory_order_acquire); }
  const LimitSeries& at(size_t i) const { return series_[i]; }

 private:
  std::array<LimitSeries, kMost> series_;
  std::atomic<size_t> size_{0};
};

}  // namespace remora::observe
