// What remora counts about requests, by where they came in and where they went. One core writes; any thread may read at
// any time, also while series are added. Never expires a series: their number is bounded instead.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/deadline.h"
#include "base/grpc_status.h"
#include "base/reasons.h"
#include "observe/counter.h"

namespace remora::observe {

// Latencies in Prometheus buckets, found in constant time: a bucket of the logarithmic scale (eight per doubling) holds
// at most one bound, so one table look-up and one comparison are exact.
class Histogram {
 public:
  static constexpr std::array<double, 15> kBoundSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                           0.25,   0.5,   1,      2.5,   5,    10,    60};
  static constexpr size_t kBuckets = kBoundSeconds.size() + 1;  // the last one: longer than every bound

  void record(Duration span);
  // The first bucket whose bound isn't below `nanos`.
  static size_t bucketOf(uint64_t nanos);

  uint64_t count(size_t bucket) const { return buckets_[bucket].value(); }  // not cumulative
  uint64_t sumNanos() const { return sum_nanos_.value(); }

 private:
  Counter sum_nanos_;
  std::array<Counter, kBuckets> buckets_;
};

enum class Direction : uint8_t { kInbound, kOutbound };

struct SeriesLabels {
  Direction direction = Direction::kInbound;
  std::string_view listener;
  std::string_view route;    // empty: no route matched
  std::string_view service;  // empty: the route answers by itself, or none matched
};

// Everything counted about requests of one (direction, listener, route, service) on one core.
class RequestSeries {
 public:
  static constexpr size_t kStatusClasses = 6;  // 0 (nothing was sent), 1xx .. 5xx

  explicit RequestSeries(const SeriesLabels& labels);
  ~RequestSeries();
  RequestSeries(const RequestSeries&) = delete;
  RequestSeries& operator=(const RequestSeries&) = delete;

  // Once an exchange, at its end. `upstream` of zero: no response came, nothing is recorded for it.
  void record(uint16_t status, Reason reason, Duration whole, Duration upstream, uint64_t bytes_in,
              uint64_t bytes_out) {
    const size_t status_class = status / 100 < kStatusClasses ? status / 100 : 0;
    if (reason == Reason::kOk) [[likely]] {
      ok_[status_class].add();
    } else {
      countOther(status_class, reason);
    }
    bytes_in_.add(bytes_in);
    bytes_out_.add(bytes_out);
    whole_.record(whole);
    if (upstream.count() > 0) upstream_.record(upstream);
  }

  // Beside record(), for a gRPC call whose status is known.
  void countGrpc(uint32_t code);

  SeriesLabels labels() const { return {direction_, listener_, route_, service_}; }
  uint64_t requests(size_t status_class, Reason reason) const;
  uint64_t grpcCalls(uint32_t code) const;  // below kGrpcStatuses
  const Histogram& whole() const { return whole_; }
  const Histogram& upstream() const { return upstream_; }
  uint64_t bytesIn() const { return bytes_in_.value(); }
  uint64_t bytesOut() const { return bytes_out_.value(); }

 private:
  // 2 KiB that most series never need: made with the first request that didn't end with kOk.
  using Others = std::array<std::array<Counter, static_cast<size_t>(Reason::kCount)>, kStatusClasses>;

  using GrpcCalls = std::array<Counter, kGrpcStatuses>;

  void countOther(size_t status_class, Reason reason);

  std::array<Counter, kStatusClasses> ok_;
  Counter bytes_in_;
  Counter bytes_out_;
  Histogram whole_;
  Histogram upstream_;
  std::atomic<Others*> others_{nullptr};
  std::atomic<GrpcCalls*> grpc_{nullptr};  // made with the first call
  const Direction direction_;
  const std::string listener_;
  const std::string route_;
  const std::string service_;
};

// The series of one core. They live as long as this and survive reloads: a series is its labels.
class RequestMetrics {
 public:
  // About 400 bytes a series and core, 2 KiB more where requests fail.
  static constexpr size_t kDefaultMost = 1000;

  explicit RequestMetrics(size_t most = kDefaultMost);
  ~RequestMetrics();
  RequestMetrics(const RequestMetrics&) = delete;
  RequestMetrics& operator=(const RequestMetrics&) = delete;

  // For the owning core, when it adopts a Snapshot: resolve once, keep the pointer with the compiled route. Past the
  // bound every new set of labels shares its direction's series "other", and is counted in overflow().
  RequestSeries* seriesFor(const SeriesLabels& labels);

  // For any thread: the series so far, in order of creation.
  size_t size() const { return size_.load(std::memory_order_acquire); }
  const RequestSeries& at(size_t index) const { return *slots_[index].load(std::memory_order_relaxed); }
  uint64_t overflow() const { return overflow_.value(); }

 private:
  RequestSeries* add(const SeriesLabels& labels);

  const size_t most_;
  std::unique_ptr<std::atomic<RequestSeries*>[]> slots_;  // most_ and two for "other"; those below size_ are set
  std::atomic<size_t> size_{0};
  Counter overflow_;
  std::unordered_map<std::string, RequestSeries*> index_;  // the owning core's alone
  std::array<RequestSeries*, 2> other_{};                  // by direction
};

}  // namespace remora::observe
