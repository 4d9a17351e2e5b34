// One core: a thread, its loop, and the proxy::Core on it. Made on the main thread, then everything in it belongs to
// its own; stop() may be called from the main thread.
#pragma once

#include <memory>
#include <thread>

#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "observe/metrics.h"
#include "proxy/core.h"

namespace remora::cli {

class CoreThread {
 public:
  CoreThread(uint32_t index, loop::Clock& clock, loop::Sys& sys, proxy::Overload& overload);
  ~CoreThread();
  void start();
  // Ends the loop after its current turn and waits for the thread.
  void stop();

  loop::Loop& loop() { return loop_; }
  proxy::Core& core() { return *core_; }
  observe::CoreMetrics& metrics() { return metrics_; }

 private:
  observe::CoreMetrics metrics_;
  loop::Loop loop_;
  net::TcpConnector connector_;
  std::unique_ptr<proxy::Core> core_;
  std::thread thread_;
};

}  // namespace remora::cli
