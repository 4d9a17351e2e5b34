// Keeps the process's Overload fresh: measures at a short interval, says in the log when the stage changes, and while
// it isn't none has the cores give back what they don't need. Lives on the control thread.
#pragma once

#include <memory>
#include <vector>

#include "cli/core_thread.h"
#include "loop/loop.h"
#include "observe/log.h"
#include "observe/metrics_render.h"
#include "proxy/overload.h"

namespace remora::cli {

class OverloadWatch final : loop::Timer {
 public:
  OverloadWatch(loop::Loop& loop, observe::Log& log, size_t cores);

  proxy::Overload& overload() { return overload_; }
  void start(const std::vector<std::unique_ptr<CoreThread>>& threads);
  observe::OverloadFacts facts() const;

 private:
  void onTime() override;
  void tell();
  void relieve();

  static constexpr Duration kRelieveEvery = Milliseconds(500);

  loop::Loop& loop_;
  observe::Log& log_;
  proxy::Overload overload_;
  const std::vector<std::unique_ptr<CoreThread>>* threads_ = nullptr;
  proxy::OverloadStage told_ = proxy::OverloadStage::kNone;
  Instant relieve_from_;
};

}  // namespace remora::cli
