#include "proxy/fault.h"

#include <algorithm>

namespace remora::proxy {
namespace {

using observe::Outcome;

bool isDrawn(Exchange& exchange, uint32_t percent) {
  return percent >= 100 || exchange.core.ids().next() % 100 < percent;
}

}  // namespace

loop::Task<void> injectFault(Exchange& exchange) {
  const model::Fault& fault = *exchange.plan.route().fault;
  Core& core = exchange.core;
  if (!fault.header.empty() && !exchange.request.headers->find(fault.header)) co_return loop::done;
  const observe::RuleId rule = exchange.plan.choice.route->rule;
  if (fault.delay.count() > 0 && isDrawn(exchange, fault.delay_percent)) {
    core.metrics().faults_delayed.add();
    const int64_t millis = std::min<int64_t>(fault.delay.count(), UINT16_MAX);
    exchange.record.decide(Outcome::kFaultDelayed, rule, static_cast<uint16_t>(millis), core.now());
    const Deadline until = Deadline::after(core.now(), fault.delay).sooner(exchange.deadline);
    co_await loop::Sleep(core.loop(), until);
    if (exchange.deadline.hasPassed(core.now())) co_return fail(Reason::kExchangeTimeout, Reached::kNo);
  }
  if (fault.abort && isDrawn(exchange, fault.abort_percent)) {
    core.metrics().faults_aborted.add();
    exchange.record.decide(Outcome::kFaultAborted, rule, fault.abort, core.now());
    co_return fail(Reason::kFaultInjected, Reached::kNo, fault.abort);
  }
  co_return loop::done;
}

}  // namespace remora::proxy
