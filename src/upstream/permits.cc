#include "upstream/permits.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

Permits::Permit& Permits::Permit::operator=(Permit&& other) noexcept {
  std::swap(from_, other.from_);
  std::swap(loop_, other.loop_);
  return *this;
}

Permits::Permit::~Permit() {
  if (!from_) return;
  from_->active_.fetch_sub(1);
  if (from_->waiting() > 0) handOut(from_, *loop_);
}

void Permits::setBounds(uint32_t most, uint32_t waiting_most, uint32_t low_percent) {
  most_.store(most, std::memory_order_relaxed);
  waiting_most_.store(waiting_most, std::memory_order_relaxed);
  low_percent_.store(low_percent, std::memory_order_relaxed);
}

uint32_t Permits::mostFor(Priority priority) const {
  const uint32_t most = this->most();
  if (priority != Priority::kLow || most == 0) return most;
  const uint64_t share = uint64_t{most} * low_percent_.load(std::memory_order_relaxed) / 100;
  return std::max(static_cast<uint32_t>(share), 1U);
}

uint32_t Permits::waiting() const {
  uint32_t sum = 0;
  for (const std::atomic<uint32_t>& count : waiting_) sum += count.load();
  return sum;
}

bool Permits::mayWait(Priority priority) const {
  if (waiting() < waiting_most_.load(std::memory_order_relaxed)) return true;
  for (auto lower = static_cast<size_t>(priority) + 1; lower < model::kPriorities; ++lower) {
    if (waiting_[lower].load() > 0) return true;
  }
  return false;
}

std::optional<Permits::Claim> Permits::nextInLine() {
  if (waiting() == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Waiter> waiter = first();
  return waiter ? std::optional(waiter->claim) : std::nullopt;
}

Permits::Permit Permits::take(const std::shared_ptr<Permits>& self, loop::Loop& loop, Priority priority) {
  return self->tryTake(priority) ? Permit(self, loop) : Permit();
}

bool Permits::tryTake(Priority priority) {
  for (size_t before = 0; before <= static_cast<size_t>(priority); ++before) {
    if (waiting_[before].load() > 0) return false;
  }
  return takeIfRoom(priority);
}

bool Permits::takeIfRoom(Priority priority) {
  uint32_t active = active_.load();
  for (;;) {
    const uint32_t most = mostFor(priority);
    if (most != 0 && active >= most) return false;
    if (active_.compare_exchange_weak(active, active + 1)) return true;
  }
}

// False: the queue is full.
bool Permits::enqueue(const std::shared_ptr<Waiter>& waiter) {
  std::shared_ptr<Waiter> displaced;
  {
    const std::lock_guard lock(mutex_);
    if (waiting() >= waiting_most_.load(std::memory_order_relaxed)) {
      displaced = lastBelow(waiter->claim.priority);
      if (!displaced) {
        waiter->state = Waiter::State::kGone;
        return false;
      }
      remove(*displaced, Waiter::State::kGone);
    }
    Queue& queue = of(queues_, waiter->claim.priority);
    waiter->place = queue.insert(queue.end(), waiter);
    of(waiting_, waiter->claim.priority).fetch_add(1);
  }
  if (!displaced) return true;
  if (&displaced->loop == &waiter->loop) {
    refuse(*displaced);
  } else {
    displaced->loop.mailbox().post([displaced] { refuse(*displaced); });
  }
  return true;
}

void Permits::refuse(Waiter& waiter) {
  PermitWait* const wait = std::exchange(waiter.wait, nullptr);
  if (wait) wait->finish(waiter.loop.queue(), std::unexpected(wait->full_));
}

// Of the lowest priority that waits, and of these who came last.
std::shared_ptr<Permits::Waiter> Permits::lastBelow(Priority priority) {
  for (size_t lower = model::kPriorities - 1; lower > static_cast<size_t>(priority); --lower) {
    if (!queues_[lower].empty()) return queues_[lower].back();
  }
  return nullptr;
}

void Permits::remove(Waiter& waiter, Waiter::State into) {
  waiter.state = into;
  of(waiting_, waiter.claim.priority).fetch_sub(1);
  of(queues_, waiter.claim.priority).erase(waiter.place);  // whoever calls holds it besides
}

// Its time is over or its owner is gone. False: it is granted already, or displaced.
bool Permits::leave(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (waiter.state != Waiter::State::kWaiting) return false;
  remove(waiter, Waiter::State::kGone);
  return true;
}

// Who goes first of all that wait, with the mutex held; null: nobody waits.
std::shared_ptr<Permits::Waiter> Permits::first() const {
  const auto queue = std::ranges::find_if(queues_, [](const Queue& each) { return !each.empty(); });
  return queue == queues_.end() ? nullptr : queue->front();
}

// Who is next, with a permit taken for it; null: there is none, or nobody waits that may have one.
std::shared_ptr<Permits::Waiter> Permits::next() {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Waiter> waiter = first();
  if (!waiter || !takeIfRoom(waiter->claim.priority)) return nullptr;
  remove(*waiter, Waiter::State::kGranted);
  return waiter;
}

// Who gave one back looks whether somebody waits, who begins to wait looks whether there is one: in either order one of
// the two sees the other.
void Permits::handOut(const std::shared_ptr<Permits>& self, loop::Loop& here) {
  while (const std::shared_ptr<Waiter> first = self->next()) {
    if (&first->loop == &here) {
      deliver(self, *first);
    } else {
      first->loop.mailbox().post([self, first] { deliver(self, *first); });
    }
  }
}

void Permits::deliver(const std::shared_ptr<Permits>& self, Waiter& waiter) {
  Permit permit(self, waiter.loop);
  PermitWait* const wait = std::exchange(waiter.wait, nullptr);
  if (!wait) return;  // and it goes to the next
  wait->into_ = std::move(permit);
  wait->finish(waiter.loop.queue(), {});
}

PermitWait::PermitWait(std::shared_ptr<Permits> permits, loop::Loop& loop, const net::Patience& patience,
                       Permits::Permit& into, Priority priority, Failure full)
    : permits_(std::move(permits)),
      loop_(loop),
      into_(into),
      late_(patience.failure(loop.now())),
      full_(full),
      waiter_(std::make_shared<Permits::Waiter>(loop, priority)) {
  if (!permits_->enqueue(waiter_)) {
    finishNow(std::unexpected(full_));
    return;
  }
  waiter_->wait = this;
  loop.timers().arm(*this, patience.until(loop.now()));
  Permits::handOut(permits_, loop);
}

PermitWait::~PermitWait() {
  leave();
}

void PermitWait::leave() {
  if (std::exchange(waiter_->wait, nullptr)) permits_->leave(*waiter_);
}

void PermitWait::endWithout() {
  leave();
  finish(loop_.queue(), {});
}

void PermitWait::onTime() {
  if (!permits_->leave(*waiter_)) return;  // the permit, or the refusal, is on its way here
  waiter_->wait = nullptr;
  finish(loop_.queue(), std::unexpected(late_));
}

}  // namespace remora::upstream
