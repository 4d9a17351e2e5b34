// A request of its own with the contents of one that came: its client is nobody, and what it is answered goes nowhere
// unless somebody fetches it. For mirrors and hedges. Belongs to one core.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "loop/loop.h"
#include "proxy/connection.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"

namespace remora::proxy {

class RequestCopy : public Connection, public Downstream, protected loop::TaskOwner {
 public:
  // Null: not all of the body is here, or it was too long to be kept; or the request asks for a switch of protocols.
  static std::optional<std::string> textOf(Exchange& exchange);

  // `text`: as textOf() gave it. `cluster`: where it goes, a position in the exchange's Snapshot.
  RequestCopy(const Exchange& exchange, std::string text, uint32_t cluster);
  ~RequestCopy() override;

  // Runs attempts at it, from the run queue: whoever copies may hold views of the core's scratch memory.
  void start() override;
  bool isIdle() const override { return false; }
  void abandon(Reason /*reason*/) override { serving_.destroy(); }

 protected:
  // What is done with it, once `exchange` is where one stands after its route was chosen.
  virtual loop::Task<void> carry(Exchange& exchange) = 0;
  // Runs from the run queue; may destroy this.
  virtual void onEnd() = 0;
  Exchange& exchange() { return *exchange_; }

 private:
  void run() override;
  void onTaskEnd() override { core_.loop().post(*this); }
  loop::Task<void> serve(Exchange& exchange);

  const Ref<CoreSnapshot> snapshot_;
  const snapshot::ListenerPlan* const listener_;
  Plan plan_;
  const Deadline deadline_;
  const std::string_view scheme_;
  loop::Task<void> serving_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace remora::proxy
