// A bound on what runs at once, exact for the process: never one more, whichever cores ask. Who finds it reached may
// wait; what is given back goes to who is of the highest priority, and of these to who has waited longest, on whatever
// core. Those of low priority have only a share of it. Any thread, but for what is said of a wait.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "loop/loop.h"
#include "model/priority.h"
#include "net/stream.h"

namespace remora::upstream {

using model::Priority;

class PermitWait;

class Permits {
 public:
  // Held by whoever has one; gives it back when destroyed, on the thread of `loop`.
  class Permit {
   public:
    Permit() = default;
    Permit(std::shared_ptr<Permits> from, loop::Loop& loop) : from_(std::move(from)), loop_(&loop) {}
    Permit(Permit&& other) noexcept { *this = std::move(other); }
    Permit& operator=(Permit&& other) noexcept;
    ~Permit();
    explicit operator bool() const { return from_ != nullptr; }
    Permits* of() const { return from_.get(); }  // null: an empty one

   private:
    std::shared_ptr<Permits> from_;
    loop::Loop* loop_ = nullptr;
  };

  // `most`: 0 is no limit. `low_percent`: of it, for those of low priority.
  void setBounds(uint32_t most, uint32_t waiting_most, uint32_t low_percent = 100);
  // Gives what there is to those who wait, on the thread of `here`: after setBounds().
  static void handOut(const std::shared_ptr<Permits>& self, loop::Loop& here);
  uint32_t most() const { return most_.load(std::memory_order_relaxed); }
  uint32_t mostFor(Priority priority) const;
  uint32_t active() const { return active_.load(std::memory_order_relaxed); }
  // More than may be, since the limit was lowered.
  bool isOver() const { return most() != 0 && active() > most(); }
  uint32_t waiting() const;
  uint32_t waitingWith(Priority priority) const { return of(waiting_, priority).load(std::memory_order_relaxed); }
  // There is room in the queue, or somebody of a lower priority whose place one may have.
  bool mayWait(Priority priority = Priority::kNormal) const;
  struct Claim {
    Priority priority;
    Instant since;
  };
  // Who gets the next one; nothing: nobody waits.
  std::optional<Claim> nextInLine();

  // False: as many run as may, or others wait already that go first.
  bool tryTake(Priority priority = Priority::kNormal);
  // The same as what holds it; empty: none could be had.
  static Permit take(const std::shared_ptr<Permits>& self, loop::Loop& loop, Priority priority = Priority::kNormal);

 private:
  friend class PermitWait;
  struct Waiter;
  using Queue = std::list<std::shared_ptr<Waiter>>;
  struct Waiter {
    enum class State : uint8_t { kWaiting, kGranted, kGone };
    Waiter(loop::Loop& l, Priority p) : loop(l), claim{.priority = p, .since = l.now()} {}
    loop::Loop& loop;
    const Claim claim;
    // With the mutex.
    State state = State::kWaiting;
    Queue::iterator place;  // while it waits
    // Of its loop's thread; null when nobody waits any more.
    PermitWait* wait = nullptr;
  };
  template <class Each>
  static auto& of(Each& each, Priority priority) {
    return each[static_cast<size_t>(priority)];
  }

  bool takeIfRoom(Priority priority);
  bool enqueue(const std::shared_ptr<Waiter>& waiter);
  static void refuse(Waiter& waiter);
  std::shared_ptr<Waiter> lastBelow(Priority priority);
  void remove(Waiter& waiter, Waiter::State into);
  bool leave(Waiter& waiter);
  std::shared_ptr<Waiter> first() const;
  std::shared_ptr<Waiter> next();
  static void deliver(const std::shared_ptr<Permits>& self, Waiter& waiter);

  std::atomic<uint32_t> most_{0};
  std::atomic<uint32_t> waiting_most_{0};
  std::atomic<uint32_t> low_percent_{100};
  std::atomic<uint32_t> active_{0};
  std::array<std::atomic<uint32_t>, model::kPriorities> waiting_{};  // changed with the mutex
  std::mutex mutex_;
  std::array<Queue, model::kPriorities> queues_;
};

// co_await PermitWait(...): until `into` holds a permit, or it is too late, or the queue is full and nobody in it is of
// a lower priority, or one of a higher one has taken the place. The latter two fail with `full`. Belongs to its loop's
// thread.
class PermitWait : public loop::Wait, private loop::Timer {
 public:
  PermitWait(std::shared_ptr<Permits> permits, loop::Loop& loop, const net::Patience& patience, Permits::Permit& into,
             Priority priority = Priority::kNormal, Failure full = Failure{Reason::kRequestsFull, Reached::kNo, 0});
  virtual ~PermitWait();

 protected:
  Permits& permits() const { return *permits_; }
  const Permits::Claim& claim() const { return waiter_->claim; }
  // Ends the wait though there is no permit.
  void endWithout();

 private:
  friend class Permits;
  void onTime() override;
  void leave();

  std::shared_ptr<Permits> permits_;
  loop::Loop& loop_;
  Permits::Permit& into_;
  Failure late_;
  Failure full_;
  std::shared_ptr<Permits::Waiter> waiter_;
};

}  // namespace remora::upstream
