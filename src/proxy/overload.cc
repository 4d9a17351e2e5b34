#include "proxy/overload.h"

#include <fmt/format.h>

#include <algorithm>

namespace remora::proxy {

std::string_view nameOf(OverloadStage stage) {
  switch (stage) {
    case OverloadStage::kNoKeepAlive:
      return "disable_http_keepalive";
    case OverloadStage::kRefuseLow:
      return "refuse_low_priority";
    case OverloadStage::kRefuse:
      return "stop_accepting_requests";
    case OverloadStage::kStopAccepting:
      return "stop_accepting_connections";
    case OverloadStage::kNone:
    case OverloadStage::kCount:
      break;
  }
  return "none";
}

std::string_view nameOf(OverloadResource resource) {
  switch (resource) {
    case OverloadResource::kMemory:
      return "memory";
    case OverloadResource::kDescriptors:
      return "descriptors";
    case OverloadResource::kLoopDelay:
    case OverloadResource::kCount:
      break;
  }
  return "loop_delay";
}

uint8_t OverloadUse::percent() const {
  return limit ? static_cast<uint8_t>(std::min<uint64_t>(used * 100 / limit, 255)) : 0;
}

Overload::Overload(size_t cores, std::unique_ptr<OverloadMeter> meter)
    : meter_(std::move(meter)), cores_(std::max<size_t>(cores, 1)) {}

Overload& Overload::none() {
  static Overload calm(1, nullptr);
  return calm;
}

void Overload::configure(const model::Overload& bounds) {
  const std::lock_guard lock(measuring_);
  bounds_ = bounds;
}

Duration Overload::tick(Instant now) {
  const std::lock_guard lock(measuring_);
  noteMemory(meter_->memory(bounds_.memory));
  note(OverloadResource::kDescriptors, meter_->descriptors());
  note(OverloadResource::kLoopDelay, loopDelay(now));
  decide();
  const auto rests = [](const OverloadCore& core) { return core.pulse_due.load(std::memory_order_relaxed) == 0; };
  return stage() == OverloadStage::kNone && std::ranges::all_of(cores_, rests) ? kCalmTick : kTick;
}

int64_t Overload::measure() {
  if (!meter_) return INT64_MAX;
  // Whoever holds it has a fresh figure in a moment; a core doesn't wait for that.
  const std::unique_lock lock(measuring_, std::try_to_lock);
  if (!lock) return kLeastAllowance;
  noteMemory(meter_->memoryNow());
  decide();
  return allowance();
}

OverloadUse Overload::use(OverloadResource resource) const {
  const Use& use = uses_[static_cast<size_t>(resource)];
  return {use.used.load(std::memory_order_relaxed), use.limit.load(std::memory_order_relaxed)};
}

std::string Overload::words() const {
  const OverloadResource resource = worst();
  return describe(resource, use(resource));
}

uint64_t Overload::promised() const {
  int64_t sum = 0;
  for (const OverloadCore& core : cores_) sum += core.promised.load(std::memory_order_relaxed);
  return sum > 0 ? static_cast<uint64_t>(sum) : 0;
}

// The latest core's: what it is late with are its clients' requests, however well the others do.
OverloadUse Overload::loopDelay(Instant now) const {
  // A core that isn't heard of at all says nothing of it by itself.
  constexpr int64_t kSilent = std::chrono::nanoseconds(std::chrono::milliseconds(500)).count();
  int64_t most = 0;
  for (const OverloadCore& core : cores_) {
    const int64_t due = core.pulse_due.load(std::memory_order_relaxed);
    if (due == 0) continue;
    const int64_t silent = now.nanos - due;
    most = std::max(most, core.late_nanos.load(std::memory_order_relaxed));
    if (silent > kSilent) most = std::max(most, silent);
  }
  return {static_cast<uint64_t>(most), static_cast<uint64_t>(Duration(bounds_.loop_delay).count())};
}

void Overload::note(OverloadResource resource, OverloadUse use) {
  Use& known = uses_[static_cast<size_t>(resource)];
  known.used.store(use.used, std::memory_order_relaxed);
  known.limit.store(use.limit, std::memory_order_relaxed);
}

// What was promised counts as used: otherwise all that runs could be admitted while it is small, and then grow.
void Overload::noteMemory(OverloadUse measured) {
  const uint64_t promised = this->promised();
  const OverloadUse all{measured.used + promised, measured.limit};
  note(OverloadResource::kMemory, all);
  uint64_t piece = kMostPiece;
  if (all.limit) {
    const uint64_t running = std::max<uint64_t>(promised / kExchangeBytes, 1);
    const uint64_t left = all.limit > all.used ? all.limit - all.used : 0;
    piece = std::clamp<uint64_t>(left / (2 * running), kLeastPiece, kMostPiece);
  }
  piece_.store(static_cast<uint32_t>(piece), std::memory_order_relaxed);
}

void Overload::decide() {
  const std::array<uint32_t, 4> from = {bounds_.disable_http_keepalive, bounds_.refuse_low_priority,
                                        bounds_.stop_accepting_requests, bounds_.stop_accepting_connections};
  const bool is_full = from.back() != 0 && use(OverloadResource::kMemory).percent() >= from.back();
  is_memory_full_.store(is_full, std::memory_order_relaxed);
  const auto was = static_cast<size_t>(stage());
  size_t highest = 0;
  double worst = -1;
  auto why = OverloadResource::kMemory;
  for (size_t i = 0; i < uses_.size(); ++i) {
    const auto resource = static_cast<OverloadResource>(i);
    const double percent = use(resource).pressure() * 100;
    // Without a descriptor left connections are shed and requests told so exactly when it happens; here it is only
    // made less likely.
    const size_t most = resource == OverloadResource::kDescriptors ? 1 : from.size();
    for (size_t stage = 1; stage <= most; ++stage) {
      if (from[stage - 1] == 0) continue;
      const double gap = stage <= was ? kGapPercent : 0;
      if (percent >= from[stage - 1] - gap) highest = std::max(highest, stage);
    }
    if (percent > worst) {
      worst = percent;
      why = resource;
    }
  }
  worst_.store(why, std::memory_order_relaxed);
  stage_.store(static_cast<OverloadStage>(highest), std::memory_order_relaxed);
}

// A quarter of a core's share of what is left until requests are refused: what is admitted may cost several times what
// it was taken for.
int64_t Overload::allowance() const {
  const OverloadUse memory = use(OverloadResource::kMemory);
  if (memory.limit == 0) return INT64_MAX;
  const uint64_t most = memory.limit / 100 * (bounds_.stop_accepting_requests ? bounds_.stop_accepting_requests : 100);
  if (memory.used >= most) return kLeastAllowance;
  return std::max<int64_t>(static_cast<int64_t>((most - memory.used) / (4 * cores_.size())), kLeastAllowance);
}

std::string describe(OverloadResource resource, OverloadUse use) {
  constexpr uint64_t kMiB = 1 << 20;
  switch (resource) {
    case OverloadResource::kMemory:
      if (use.limit < 8 * kMiB) return fmt::format("memory {} of {} KiB", use.used >> 10, use.limit >> 10);
      return fmt::format("memory {} of {} MiB", use.used / kMiB, use.limit / kMiB);
    case OverloadResource::kDescriptors:
      return fmt::format("descriptors {} of {}", use.used, use.limit);
    case OverloadResource::kLoopDelay:
    case OverloadResource::kCount:
      break;
  }
  return fmt::format("event loop {} of {} ms late", use.used / 1'000'000, use.limit / 1'000'000);
}

OverloadGate::~OverloadGate() {
  rest();
}

void OverloadGate::startPulse() {
  is_pulsing_ = true;
  beats_ = 0;
  late_.fill(0);
  beat();
}

void OverloadGate::rest() {
  if (!is_pulsing_) return;
  is_pulsing_ = false;
  if (isArmed()) loop_.timers().disarm(*this);
  own_.pulse_due.store(0, std::memory_order_relaxed);
  own_.late_nanos.store(0, std::memory_order_relaxed);
}

void OverloadGate::beat() {
  due_ = loop_.now() + kPulse;
  own_.pulse_due.store(due_.nanos, std::memory_order_relaxed);
  loop_.timers().arm(*this, Deadline::at(due_));
}

// One long turn is none: only what lasts is more than the core can do.
void OverloadGate::onTime() {
  if (own_.promised.load(std::memory_order_relaxed) <= 0) return rest();
  late_[beats_++ % kPulses] = (loop_.now() - due_).count();
  own_.late_nanos.store(*std::ranges::min_element(late_), std::memory_order_relaxed);
  beat();
}

}  // namespace remora::proxy
