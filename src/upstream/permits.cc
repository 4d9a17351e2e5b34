#include "upstream/permits.h"

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
  if (from_->waiting_.load() > 0) handOut(from_, *loop_);
}

void Permits::setBounds(uint32_t most, uint32_t waiting_most) {
  most_.store(most, std::memory_order_relaxed);
  waiting_most_.store(waiting_most, std::memory_order_relaxed);
}

bool Permits::tryTake() {
  return waiting_.load() == 0 && takeIfRoom();
}

bool Permits::takeIfRoom() {
  uint32_t active = active_.load();
  while (active < most() || most() == 0) {
    if (active_.compare_exchange_weak(active, active + 1)) return true;
  }
  return false;
}

// Who has waited longest gets what there is. Who gave one back looks whether somebody waits, who begins to wait looks
// whether there is one: in either order one of the two sees the other.
void Permits::handOut(const std::shared_ptr<Permits>& self, loop::Loop& here) {
  for (;;) {
    std::shared_ptr<Waiter> first;
    {
      const std::lock_guard lock(self->mutex_);
      while (!self->queue_.empty() && self->queue_.front()->state.load() == Waiter::State::kGone) {
        self->queue_.pop_front();
      }
      if (self->queue_.empty() || !self->takeIfRoom()) return;
      first = std::move(self->queue_.front());
      self->queue_.pop_front();
      auto expected = Waiter::State::kWaiting;
      if (!first->state.compare_exchange_strong(expected, Waiter::State::kGranted)) {  // it went this very moment
        self->active_.fetch_sub(1);
        continue;
      }
      self->waiting_.fetch_sub(1);
    }
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
                       Permits::Permit& into)
    : permits_(std::move(permits)),
      loop_(loop),
      into_(into),
      late_(patience.failure(loop.now())),
      waiter_(std::make_shared<Permits::Waiter>(loop)) {
  waiter_->wait = this;
  {
    const std::lock_guard lock(permits_->mutex_);
    permits_->queue_.push_back(waiter_);
    permits_->waiting_.fetch_add(1);
  }
  loop.timers().arm(*this, patience.until(loop.now()));
  Permits::handOut(permits_, loop);
}

PermitWait::~PermitWait() {
  waiter_->wait = nullptr;
  auto expected = Permits::Waiter::State::kWaiting;
  if (waiter_->state.compare_exchange_strong(expected, Permits::Waiter::State::kGone)) permits_->waiting_.fetch_sub(1);
}

void PermitWait::onTime() {
  auto expected = Permits::Waiter::State::kWaiting;
  // Granted already: the permit is on its way here.
  if (!waiter_->state.compare_exchange_strong(expected, Permits::Waiter::State::kGone)) return;
  permits_->waiting_.fetch_sub(1);
  waiter_->wait = nullptr;
  finish(loop_.queue(), std::unexpected(late_));
}

}  // namespace remora::upstream
