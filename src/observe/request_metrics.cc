#include "observe/request_metrics.h"

#include <algorithm>
#include <bit>

namespace remora::observe {
namespace {

constexpr uint64_t nanosOf(double seconds) {
  return static_cast<uint64_t>(seconds * 1e9 + 0.5);
}

constexpr auto kBoundNanos = [] {
  std::array<uint64_t, Histogram::kBuckets> bounds{};
  for (size_t i = 0; i < Histogram::kBoundSeconds.size(); ++i) bounds[i] = nanosOf(Histogram::kBoundSeconds[i]);
  bounds.back() = UINT64_MAX;
  return bounds;
}();

// The logarithmic scale: eight slots per doubling of 2^17 ns (131 us, below the first bound) up to 2^36 ns (69 s).
constexpr int kFirstBit = 17;
constexpr int kLastBit = 36;
constexpr int kSlotBits = 3;
constexpr size_t kSlots = static_cast<size_t>(kLastBit - kFirstBit) << kSlotBits;

constexpr size_t slotOf(uint64_t nanos) {
  const int bit = std::bit_width(nanos) - 1;
  return (static_cast<size_t>(bit - kFirstBit) << kSlotBits) + (nanos >> (bit - kSlotBits) & ((1U << kSlotBits) - 1));
}

constexpr uint64_t slotStart(size_t slot) {
  const uint64_t octave = 1ULL << (kFirstBit + (slot >> kSlotBits));
  return octave + (octave >> kSlotBits) * (slot & ((1U << kSlotBits) - 1));
}

constexpr uint8_t bucketByScan(uint64_t nanos) {
  uint8_t bucket = 0;
  while (kBoundNanos[bucket] < nanos) ++bucket;
  return bucket;
}

// The bucket of each slot's smallest value.
constexpr auto kFirstBucket = [] {
  std::array<uint8_t, kSlots> first{};
  for (size_t slot = 0; slot < kSlots; ++slot) first[slot] = bucketByScan(slotStart(slot));
  return first;
}();

consteval bool slotsHoldOneBound() {
  for (size_t slot = 0; slot + 1 < kSlots; ++slot) {
    if (bucketByScan(slotStart(slot + 1) - 1) > kFirstBucket[slot] + 1) return false;
  }
  return true;
}
static_assert(slotsHoldOneBound());
static_assert(kBoundNanos[0] > 1ULL << kFirstBit);
static_assert(kBoundNanos[Histogram::kBuckets - 2] < 1ULL << kLastBit);

// Labels can't hold 0xff in a name that came through YAML, and if one did, two series would only share their numbers.
std::string keyOf(const SeriesLabels& labels) {
  std::string key(1, labels.direction == Direction::kInbound ? 'i' : 'o');
  for (const std::string_view label : {labels.listener, labels.route, labels.service})
    key.append(label).push_back('\xff');
  return key;
}

}  // namespace

size_t Histogram::bucketOf(uint64_t nanos) {
  if (nanos < 1ULL << kFirstBit) return 0;
  if (nanos >= 1ULL << kLastBit) return kBuckets - 1;
  const size_t first = kFirstBucket[slotOf(nanos)];
  return first + (nanos > kBoundNanos[first] ? 1 : 0);
}

void Histogram::record(Duration span) {
  const auto nanos = static_cast<uint64_t>(std::max<int64_t>(span.count(), 0));
  buckets_[bucketOf(nanos)].add();
  sum_nanos_.add(nanos);
}

RequestSeries::RequestSeries(const SeriesLabels& labels)
    : direction_(labels.direction), listener_(labels.listener), route_(labels.route), service_(labels.service) {}

RequestSeries::~RequestSeries() {
  delete others_.load(std::memory_order_relaxed);
  delete grpc_.load(std::memory_order_relaxed);
}

void RequestSeries::countOther(size_t status_class, Reason reason) {
  Others* others = others_.load(std::memory_order_relaxed);
  if (others == nullptr) {
    others = new Others();
    others_.store(others, std::memory_order_release);
  }
  (*others)[status_class][static_cast<size_t>(rowOf(reason).reason)].add();
}

void RequestSeries::countGrpc(uint32_t code) {
  GrpcCalls* calls = grpc_.load(std::memory_order_relaxed);
  if (calls == nullptr) {
    calls = new GrpcCalls();
    grpc_.store(calls, std::memory_order_release);
  }
  if (code < calls->size()) (*calls)[code].add();
}

uint64_t RequestSeries::grpcCalls(uint32_t code) const {
  const GrpcCalls* calls = grpc_.load(std::memory_order_acquire);
  return calls == nullptr ? 0 : (*calls)[code].value();
}

uint64_t RequestSeries::requests(size_t status_class, Reason reason) const {
  if (reason == Reason::kOk) return ok_[status_class].value();
  const Others* others = others_.load(std::memory_order_acquire);
  return others == nullptr ? 0 : (*others)[status_class][static_cast<size_t>(reason)].value();
}

RequestMetrics::RequestMetrics(size_t most)
    : most_(std::max<size_t>(most, 1)), slots_(std::make_unique<std::atomic<RequestSeries*>[]>(most_ + 2)) {}

RequestMetrics::~RequestMetrics() {
  for (size_t i = 0; i < size(); ++i) delete slots_[i].load(std::memory_order_relaxed);
}

RequestSeries* RequestMetrics::seriesFor(const SeriesLabels& labels) {
  std::string key = keyOf(labels);
  if (const auto known = index_.find(key); known != index_.end()) return known->second;
  if (index_.size() == most_) {
    overflow_.add();
    RequestSeries*& other = other_[static_cast<size_t>(labels.direction)];
    if (other == nullptr) other = add({labels.direction, "other", "other", "other"});
    return other;
  }
  RequestSeries* series = add(labels);
  index_.emplace(std::move(key), series);
  return series;
}

RequestSeries* RequestMetrics::add(const SeriesLabels& labels) {
  const size_t index = size_.load(std::memory_order_relaxed);
  auto* series = new RequestSeries(labels);
  slots_[index].store(series, std::memory_order_relaxed);
  // Readers see the slot and the series itself before they see the size.
  size_.store(index + 1, std::memory_order_release);
  return series;
}

}  // namespace remora::observe
