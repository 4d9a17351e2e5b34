// Signals as events of the control loop. Blocked in every thread, so that also as PID 1 each has a meaning and none
// interrupts the path of a request.
#pragma once

#include <functional>

#include "loop/loop.h"

namespace remora::cli {

// Before any thread is started: SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGCHLD wait for Signals; SIGPIPE is ignored.
void blockSignals();

class Signals final : loop::Pollable, loop::Runnable {
 public:
  Signals(loop::Loop& loop, std::function<void(int)> on_signal);
  ~Signals();

 private:
  void onEvents(uint32_t) override { loop_.post(*this); }
  void run() override;

  loop::Loop& loop_;
  std::function<void(int)> on_signal_;
  int fd_;
};

}  // namespace remora::cli
