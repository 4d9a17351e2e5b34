#include "upstream/circuit_breaker.h"

#include <algorithm>

namespace remora::upstream {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr double kJitter = 0.1;

// Until a refused request may be asked again while probes are under way.
constexpr Duration kWhileProbing = std::chrono::seconds(1);

}  // namespace

std::string_view nameOf(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::kClosed:
      return "closed";
    case CircuitBreaker::State::kOpen:
      return "open";
    case CircuitBreaker::State::kHalfOpen:
      return "half-open";
  }
  return {};
}

CircuitBreaker::Verdict CircuitBreaker::ask(const model::CircuitBreaker& options, Instant now) {
  if (state() == State::kClosed) return {};
  if (const Duration left = timeLeft(now); left.count() > 0) return {.may_pass = false, .wait = left};
  const std::lock_guard lock(mutex_);
  if (state() == State::kClosed) return {};
  if (const Duration left = timeLeft(now); left.count() > 0) return {.may_pass = false, .wait = left};
  Change change = Change::kNone;
  if (state() == State::kOpen) {
    state_.store(State::kHalfOpen, std::memory_order_release);
    ++trial_;
    probes_out_ = probes_good_ = 0;
    change = Change::kHalfOpened;
  }
  if (probes_out_ + probes_good_ >= options.probes) return {.may_pass = false, .change = change, .wait = kWhileProbing};
  ++probes_out_;
  return {.may_pass = true, .probe = trial_, .change = change};
}

CircuitBreaker::Change CircuitBreaker::note(bool is_failure, const model::CircuitBreaker& options, Instant now,
                                            double chance) {
  if (state() != State::kClosed) return Change::kNone;  // it began before that
  window_.add(is_failure, options.window, now);
  if (!is_failure) return Change::kNone;
  const OutcomeWindow::Sum sum = window_.sum(options.window, now);
  if (sum.total < options.requests || sum.failures * 100 < sum.total * options.errors_percent) return Change::kNone;
  const std::lock_guard lock(mutex_);
  if (state() != State::kClosed) return Change::kNone;
  if (now - Instant{closed_at_} > options.open_most) times_ = 0;  // it was well for long
  return open(sum.failurePercent(), options, now, chance);
}

CircuitBreaker::Change CircuitBreaker::noteProbe(uint64_t probe, bool is_failure, const model::CircuitBreaker& options,
                                                 Instant now, double chance) {
  const std::lock_guard lock(mutex_);
  if (probe != trial_ || state() != State::kHalfOpen) return Change::kNone;
  --probes_out_;
  if (is_failure) return open(percent_.load(kRelaxed), options, now, chance);
  if (++probes_good_ < options.probes) return Change::kNone;
  closed_at_ = now.nanos;
  window_.clear();
  state_.store(State::kClosed, std::memory_order_release);
  return Change::kClosed;
}

void CircuitBreaker::giveBack(uint64_t probe) {
  const std::lock_guard lock(mutex_);
  if (probe == trial_ && state() == State::kHalfOpen) --probes_out_;
}

CircuitBreaker::Change CircuitBreaker::open(uint32_t percent, const model::CircuitBreaker& options, Instant now,
                                            double chance) {
  const Duration span = doubled(options.open, times_++, options.open_most);
  percent_.store(percent, kRelaxed);
  open_until_.store((now + scaled(span, 1 + kJitter * chance)).nanos, kRelaxed);
  state_.store(State::kOpen, std::memory_order_release);
  return Change::kOpened;
}

Duration CircuitBreaker::timeLeft(Instant now) const {
  if (state() != State::kOpen) return Duration(0);
  return std::max(Instant{open_until_.load(kRelaxed)} - now, Duration(0));
}

}  // namespace remora::upstream
