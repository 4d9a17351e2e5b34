// Stops asking a service that fails. Closed: requests pass and are counted; with too many failures among them it opens.
// Open: none passes for a while, each time in a row for twice as long. Then half-open: a few pass, one after the other
// or at once; when all of them are answered well it closes, with the first that isn't it opens again. One for the
// process; any thread: closed it only counts, the rest has a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/deadline.h"
#include "model/concurrency.h"
#include "upstream/outcome_window.h"

namespace remora::upstream {

class CircuitBreaker {
 public:
  enum class State : uint8_t { kClosed, kOpen, kHalfOpen };
  enum class Change : uint8_t { kNone, kOpened, kHalfOpened, kClosed };

  struct Verdict {
    bool may_pass = true;
    uint64_t probe = 0;  // not 0: it tries the service, and must be told of by noteProbe() or giveBack()
    Change change = Change::kNone;
    Duration wait{0};  // of a refusal: until it is worth to ask again
  };

  Verdict ask(const model::CircuitBreaker& options, Instant now);
  // How a request ended that was no probe. `chance` in 0..1 keeps processes from trying together.
  Change note(bool is_failure, const model::CircuitBreaker& options, Instant now, double chance);
  Change noteProbe(uint64_t probe, bool is_failure, const model::CircuitBreaker& options, Instant now, double chance);
  // It ended without telling anything of the service; another may try instead.
  void giveBack(uint64_t probe);

  State state() const { return state_.load(std::memory_order_acquire); }
  uint32_t errorPercent() const { return percent_.load(std::memory_order_relaxed); }  // that opened it
  Duration timeLeft(Instant now) const;                                               // until it is half-open

 private:
  Change open(uint32_t percent, const model::CircuitBreaker& options, Instant now, double chance);

  std::atomic<State> state_{State::kClosed};
  std::atomic<uint32_t> percent_{0};
  std::atomic<int64_t> open_until_{0};
  OutcomeWindow window_;
  std::mutex mutex_;
  // With the mutex.
  uint32_t times_ = 0;  // that it opened, lately
  int64_t closed_at_ = 0;
  uint64_t trial_ = 1;  // the number of this half-open time
  uint32_t probes_out_ = 0;
  uint32_t probes_good_ = 0;
};

std::string_view nameOf(CircuitBreaker::State state);

// Held by a request that tries the service; gives its place to another where it ends without having told anything.
class BreakerProbe {
 public:
  BreakerProbe() = default;
  BreakerProbe(std::shared_ptr<CircuitBreaker> breaker, uint64_t number)
      : breaker_(std::move(breaker)), number_(number) {}
  BreakerProbe(BreakerProbe&& other) noexcept { *this = std::move(other); }
  BreakerProbe& operator=(BreakerProbe&& other) noexcept {
    std::swap(breaker_, other.breaker_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~BreakerProbe() {
    if (breaker_) breaker_->giveBack(number_);
  }
  explicit operator bool() const { return breaker_ != nullptr; }
  // It has told.
  uint64_t take() {
    breaker_.reset();
    return number_;
  }

 private:
  std::shared_ptr<CircuitBreaker> breaker_;
  uint64_t number_ = 0;
};

}  // namespace remora::upstream
