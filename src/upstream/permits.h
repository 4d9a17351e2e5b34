// A bound on what runs at once, exact for the process: never one more, whichever cores ask. Who finds it reached may
// wait; what is given back goes to who has waited longest, on whatever core. Any thread, but for what is said of a
// wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "loop/loop.h"
#include "net/stream.h"

namespace remora::upstream {

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

   private:
    std::shared_ptr<Permits> from_;
    loop::Loop* loop_ = nullptr;
  };

  // `most`: 0 is no limit, and nothing is counted.
  void setBounds(uint32_t most, uint32_t waiting_most);
  uint32_t most() const { return most_.load(std::memory_order_relaxed); }
  uint32_t active() const { return active_.load(std::memory_order_relaxed); }
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  bool mayWait() const { return waiting() < waiting_most_.load(std::memory_order_relaxed); }

  // False: as many run as may, or others wait already.
  bool tryTake();

 private:
  friend class PermitWait;
  struct Waiter {
    enum class State : uint8_t { kWaiting, kGranted, kGone };
    explicit Waiter(loop::Loop& l) : loop(l) {}
    loop::Loop& loop;
    std::atomic<State> state{State::kWaiting};
    PermitWait* wait = nullptr;  // of its loop's thread; null when nobody waits any more
  };

  bool takeIfRoom();
  static void handOut(const std::shared_ptr<Permits>& self, loop::Loop& here);
  static void deliver(const std::shared_ptr<Permits>& self, Waiter& waiter);

  std::atomic<uint32_t> most_{0};
  std::atomic<uint32_t> waiting_most_{0};
  std::atomic<uint32_t> active_{0};
  std::atomic<uint32_t> waiting_{0};
  std::mutex mutex_;
  std::deque<std::shared_ptr<Waiter>> queue_;
};

// co_await PermitWait(...): until `into` holds a permit, or it is too late. Belongs to its loop's thread.
class PermitWait final : public loop::Wait, private loop::Timer {
 public:
  PermitWait(std::shared_ptr<Permits> permits, loop::Loop& loop, const net::Patience& patience, Permits::Permit& into);
  ~PermitWait();

 private:
  friend class Permits;
  void onTime() override;

  std::shared_ptr<Permits> permits_;
  loop::Loop& loop_;
  Permits::Permit& into_;
  Failure late_;
  std::shared_ptr<Permits::Waiter> waiter_;
};

}  // namespace remora::upstream
