// Children that run beside their owner and cannot outlive it: destroying the scope destroys them. A child that ended
// is destroyed from the run queue. Belongs to one loop.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "loop/loop.h"

namespace remora::loop {

class TaskScope final : Runnable {
 public:
  explicit TaskScope(Loop& loop) : loop_(loop) {}
  ~TaskScope() { children_.clear(); }

  // Runs the child until its first wait. Its failure is nobody's: a child reports what matters by itself.
  void start(Task<void> task) {
    auto child = std::make_unique<Child>(*this, std::move(task));
    Child& started = *child;
    children_.push_back(std::move(child));
    started.task.start(started);
  }
  bool isEmpty() const { return children_.empty(); }
  // Destroys every child at once. Not from inside one of them.
  void cancel() { children_.clear(); }

 private:
  struct Child final : TaskOwner {
    Child(TaskScope& s, Task<void> t) : scope(s), task(std::move(t)) {}
    void onTaskEnd() override { scope.loop_.post(scope); }
    TaskScope& scope;
    Task<void> task;
  };
  void run() override {
    std::erase_if(children_, [](const std::unique_ptr<Child>& child) { return child->task.isEnded(); });
  }

  Loop& loop_;
  std::vector<std::unique_ptr<Child>> children_;
};

}  // namespace remora::loop
