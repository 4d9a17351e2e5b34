// Does remora itself have more to do than it can hold? One for the process: it measures memory, descriptors and how
// late the cores' loops are, and publishes one stage, which every core reads. The stages are Envoy's overload actions,
// and one between them for requests of low priority.
// Cores ask at each accept and request; what they admit is paid from an allowance, and when that is used up memory is
// measured again at once, so that a burst between two ticks can't pass the limit. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "loop/loop.h"
#include "model/overload.h"

namespace remora::proxy {

enum class OverloadStage : uint8_t { kNone, kNoKeepAlive, kRefuseLow, kRefuse, kStopAccepting, kCount };
enum class OverloadResource : uint8_t { kMemory, kDescriptors, kLoopDelay, kCount };

std::string_view nameOf(OverloadStage stage);        // "none", "disable_http_keepalive", ...
std::string_view nameOf(OverloadResource resource);  // "memory", "descriptors", "loop_delay"

// How much of something is in use. limit 0: not watched.
struct OverloadUse {
  uint64_t used = 0;
  uint64_t limit = 0;

  double pressure() const { return limit ? static_cast<double>(used) / static_cast<double>(limit) : 0; }
  uint8_t percent() const;  // at most 255
};

// Where the figures come from: the system, or a test.
class OverloadMeter {
 public:
  virtual ~OverloadMeter() = default;
  // Everything, a few files are read; on the control thread.
  virtual OverloadUse memory(Bytes configured) = 0;
  virtual OverloadUse descriptors() = 0;
  // Only what changes fast, one system call; any thread, but one at a time, after memory().
  virtual OverloadUse memoryNow() = 0;
};

// What a core says of itself to whoever measures; one writer.
struct alignas(64) OverloadCore {
  std::atomic<int64_t> promised{0};    // bytes that what runs on it may still take
  std::atomic<int64_t> late_nanos{0};  // its loop, for the whole of the last while
  std::atomic<int64_t> pulse_due{0};   // when it should be heard of next; 0: it sleeps
};

class Overload {
 public:
  // What is running may take this much more, at least, however little is left.
  static constexpr uint32_t kLeastPiece = 16 << 10;
  static constexpr uint32_t kMostPiece = 128 << 10;
  // What is promised to an exchange: as much each way, or the sealed bytes of TLS beside it.
  static constexpr uint32_t kExchangeBytes = 2 * kLeastPiece;
  // What a handshake takes until it is settled.
  static constexpr uint32_t kHandshakeBytes = 64 << 10;
  // What is admitted is taken to cost this until it is measured: a head's buffer, frames, both sockets' first bytes.
  static constexpr uint32_t kRequestBytes = 48 << 10;
  static constexpr uint32_t kConnectionBytes = 4 << 10;
  static constexpr Duration kTick = Milliseconds(100);
  static constexpr Duration kCalmTick = std::chrono::seconds(1);
  // So much below its threshold a stage ends, so that it doesn't come and go with each request.
  static constexpr uint32_t kGapPercent = 5;

  Overload(size_t cores, std::unique_ptr<OverloadMeter> meter);
  // Never overloaded; for whoever has none.
  static Overload& none();

  void configure(const model::Overload& bounds);
  // Measures everything, on the control thread; returns when it is to be done again: after kTick, or after kCalmTick
  // where nothing runs. What begins meanwhile is measured by the cores themselves.
  Duration tick(Instant now);
  // Measures memory, unless somebody else is at it; returns what the asking core may admit before it asks again.
  int64_t measure();

  OverloadStage stage() const { return stage_.load(std::memory_order_relaxed); }
  // What made it so, or the one nearest to it.
  OverloadResource worst() const { return worst_.load(std::memory_order_relaxed); }
  OverloadUse use(OverloadResource resource) const;
  // So much of it is used that by itself it is the last stage.
  bool isMemoryFull() const { return is_memory_full_.load(std::memory_order_relaxed); }
  // "memory 59 of 64 MiB"
  std::string words() const;
  // A body is read this much at a time: less when little is left for those that run.
  uint32_t piece() const { return piece_.load(std::memory_order_relaxed); }
  OverloadCore& core(size_t index) { return cores_[index % cores_.size()]; }
  bool isWatching() const { return meter_ != nullptr; }

 private:
  struct Use {
    std::atomic<uint64_t> used{0};
    std::atomic<uint64_t> limit{0};
  };
  uint64_t promised() const;
  OverloadUse loopDelay(Instant now) const;
  void note(OverloadResource resource, OverloadUse use);
  void noteMemory(OverloadUse measured);
  void decide();
  int64_t allowance() const;

  static constexpr int64_t kLeastAllowance = 128 << 10;

  const std::unique_ptr<OverloadMeter> meter_;
  std::vector<OverloadCore> cores_;
  std::mutex measuring_;  // bounds_ and the meter
  model::Overload bounds_;
  std::atomic<bool> is_memory_full_{false};
  std::array<Use, static_cast<size_t>(OverloadResource::kCount)> uses_;
  std::atomic<OverloadStage> stage_{OverloadStage::kNone};
  std::atomic<OverloadResource> worst_{OverloadResource::kMemory};
  std::atomic<uint32_t> piece_{kMostPiece};
};

// The words of a refusal: "59 of 64 MiB", "950 of 1024", "480 of 500 ms late".
std::string describe(OverloadResource resource, OverloadUse use);

// A core's way to it. Belongs to the core; its loop's lateness is measured while something runs on it.
class OverloadGate final : loop::Timer {
 public:
  OverloadGate(Overload& shared, size_t core, loop::Loop& loop)
      : shared_(shared), own_(shared.core(core)), loop_(loop) {}
  ~OverloadGate();

  OverloadStage stage() const { return shared_.stage(); }
  const Overload& shared() const { return shared_; }
  // Something that costs about `bytes` is about to begin: how is it now?
  OverloadStage ask(uint32_t bytes) {
    allowance_ -= bytes;
    if (allowance_ < 0) [[unlikely]]
      allowance_ = shared_.measure();
    return shared_.stage();
  }
  // What has begun may take `bytes` more, until that is taken back.
  void promise(int64_t bytes) {
    own_.promised.store(own_.promised.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    if (bytes > 0 && !is_pulsing_ && shared_.isWatching()) startPulse();
  }
  void takeBack(int64_t bytes) { promise(-bytes); }
  uint32_t piece() const { return shared_.piece(); }

 private:
  static constexpr Duration kPulse = Milliseconds(100);
  static constexpr size_t kPulses = 5;  // late in each of them is late

  void startPulse();
  void rest();
  void beat();
  void onTime() override;

  Overload& shared_;
  OverloadCore& own_;
  loop::Loop& loop_;
  int64_t allowance_ = 0;
  bool is_pulsing_ = false;
  Instant due_;
  std::array<int64_t, kPulses> late_{};
  size_t beats_ = 0;
};

}  // namespace remora::proxy
