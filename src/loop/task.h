// Task<T>: a coroutine that ends with a T or a Failure.
//
//   Route route = co_await chooseRoute(...);          // a Result: unwraps, or ends this task with the failure
//   Lease lease = co_await leaseSession(...);         // a Task: the same, and its failure is this task's
//   Result<Lease> r = co_await asResult(lease(...));  // stops a failure here
//
// A task starts when it is awaited. Cancelling is destroying: every awaiter's destructor unlinks itself at once. A task
// that failed because its child did is not resumed: its frame stays suspended until its owner destroys it, so guards
// run then. Tasks belong to one core and are never moved while they run.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "loop/frame_pool.h"
#include "loop/run_queue.h"

namespace remora::loop {

template <class T>
class Task;

// Told when a task that nobody awaits has ended.
class TaskOwner {
 public:
  virtual void onTaskEnd() = 0;

 protected:
  ~TaskOwner() = default;
};

class PromiseBase {
 public:
  static void* operator new(size_t bytes) { return takeFrame(bytes); }
  static void operator delete(void* frame, size_t bytes) noexcept { giveFrame(frame, bytes); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }

  // Ends this task with `failure`, and every task above it that unwraps; returns what runs next.
  std::coroutine_handle<> fail(Failure failure) noexcept {
    PromiseBase* promise = this;
    for (;;) {
      promise->set_failure_(promise, failure);
      if (!promise->unwrapping_parent_) return promise->next();
      promise = promise->unwrapping_parent_;
    }
  }

 protected:
  template <class>
  friend class Task;
  friend class RootTask;

  std::coroutine_handle<> next() noexcept {
    if (continuation_) return continuation_;
    if (owner_) owner_->onTaskEnd();
    return std::noop_coroutine();
  }

  std::coroutine_handle<> continuation_;      // resumed on success, or on failure when the parent doesn't unwrap
  PromiseBase* unwrapping_parent_ = nullptr;  // fails with this task
  TaskOwner* owner_ = nullptr;                // of a root task
  void (*set_failure_)(PromiseBase*, Failure) noexcept = nullptr;
};

// Something outside of tasks that a coroutine waits for: readiness, time, a message. On completion the waiting
// coroutine is resumed from the run queue, or ended if it failed and unwraps. Lives in the waiting frame.
class Wait : public Runnable {
 public:
  bool isDone() const { return done_; }

 protected:
  Wait() = default;
  ~Wait() = default;

  // The event has come: `queue` resumes the waiter. Later calls change nothing.
  void finish(RunQueue& queue, Result<void> outcome) {
    if (done_) return;
    done_ = true;
    outcome_ = outcome;
    if (waiter_) queue.post(*this);
  }
  void finishNow(Result<void> outcome) {
    done_ = true;
    outcome_ = outcome;
  }

 private:
  template <class>
  friend class Task;
  friend struct WaitAwaiter;
  friend struct WaitResultAwaiter;

  void run() final {
    if (!outcome_ && unwrapping_) {
      unwrapping_->fail(outcome_.error()).resume();
    } else {
      waiter_.resume();
    }
  }

  Result<void> outcome_;
  bool done_ = false;
  std::coroutine_handle<> waiter_;
  PromiseBase* unwrapping_ = nullptr;
};

struct WaitAwaiter {
  Wait& wait;
  bool await_ready() const noexcept { return wait.done_ && wait.outcome_; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    if (wait.done_) return handle.promise().fail(wait.outcome_.error());
    wait.waiter_ = handle;
    wait.unwrapping_ = &handle.promise();
    return std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

struct WaitResultAwaiter {
  Wait& wait;
  bool await_ready() const noexcept { return wait.done_; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { wait.waiter_ = handle; }
  Result<void> await_resume() const noexcept { return wait.outcome_; }
};

template <class T>
struct AsResult {
  Task<T> task;
};
struct WaitAsResult {
  Wait& wait;
};

// Awaited, these give the Result instead of ending the awaiting task with the failure.
template <class T>
AsResult<T> asResult(Task<T> task) {
  return {std::move(task)};
}
inline WaitAsResult asResult(Wait&& wait) {
  return {wait};
}

template <class T>
class [[nodiscard]] Task {
 public:
  class promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { destroy(); }

  explicit operator bool() const { return static_cast<bool>(handle_); }
  bool isEnded() const { return handle_ && handle_.promise().ended_; }
  // Runs a root task until its first wait; `owner` hears of its end. The owner destroys it, from the run queue.
  void start(TaskOwner& owner) {
    handle_.promise().owner_ = &owner;
    handle_.resume();
  }
  // Of an ended task.
  const Result<T>& outcome() const { return handle_.promise().outcome_; }
  void destroy() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  template <class>
  friend class Task;
  explicit Task(Handle handle) : handle_(handle) {}

  template <bool kUnwrap>
  struct ChildAwaiter;

  Handle handle_;
};

template <class T>
template <bool kUnwrap>
struct Task<T>::ChildAwaiter {
  Task<T> child;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    auto& promise = child.handle_.promise();
    promise.continuation_ = parent;
    if constexpr (kUnwrap) promise.unwrapping_parent_ = &parent.promise();
    return child.handle_;
  }
  auto await_resume() {
    Result<T>& outcome = child.handle_.promise().outcome_;
    if constexpr (!kUnwrap) {
      return std::move(outcome);
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(*outcome);
    }
  }
};

namespace detail {

// return_value and return_void exclude each other in one promise.
template <class T, class Promise>
struct Returns {
  void return_value(Result<T> outcome) { static_cast<Promise*>(this)->outcome_ = std::move(outcome); }
};
template <class Promise>
struct Returns<void, Promise> {
  void return_value(Result<void> outcome) { static_cast<Promise*>(this)->outcome_ = outcome; }
};

template <class T>
struct ResultAwaiter {
  Result<T> result;
  bool await_ready() const noexcept { return result.has_value(); }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    return handle.promise().fail(result.error());
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
};

}  // namespace detail

// `co_return done;` ends a Task<void> well.
inline constexpr Result<void> done{};

template <class T>
class Task<T>::promise_type : public PromiseBase, public detail::Returns<T, Task<T>::promise_type> {
 public:
  promise_type() {
    set_failure_ = [](PromiseBase* self, Failure failure) noexcept {
      auto* promise = static_cast<promise_type*>(self);
      promise->outcome_ = std::unexpected(failure);
      promise->ended_ = true;
    };
  }

  Task get_return_object() noexcept { return Task(Handle::from_promise(*this)); }

  struct Final {
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(Handle handle) noexcept {
      promise_type& promise = handle.promise();
      promise.ended_ = true;
      if (!promise.outcome_ && promise.unwrapping_parent_) {
        return promise.unwrapping_parent_->fail(promise.outcome_.error());
      }
      return promise.next();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }

  template <class U>
  detail::ResultAwaiter<U> await_transform(Result<U> result) {
    return {std::move(result)};
  }
  template <class U>
  auto await_transform(Task<U> task) {
    return typename Task<U>::template ChildAwaiter<true>{std::move(task)};
  }
  template <class U>
  auto await_transform(AsResult<U> child) {
    return typename Task<U>::template ChildAwaiter<false>{std::move(child.task)};
  }
  WaitAwaiter await_transform(Wait&& wait) { return {wait}; }
  WaitResultAwaiter await_transform(WaitAsResult wait) { return {wait.wait}; }

 private:
  friend class Task<T>;
  template <class, class>
  friend struct detail::Returns;

  Result<T> outcome_ = std::unexpected(Failure{});
  bool ended_ = false;
};

}  // namespace remora::loop
