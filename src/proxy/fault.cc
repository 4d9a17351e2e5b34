#include "proxy/fault.h"

#include "base/random.h"

namespace remora::proxy {

using observe::Outcome;

loop::Task<void> injectFault(Exchange& exchange) {
  const model::Fault& fault = *exchange.plan.route().fault;
  Core& core = exchange.core;
  if (!fault.header.empty() && !exchange.request.headers->find(fault.header)) co_return loop::done;
  const observe::RuleId rule = exchange.plan.choice.route->rule;
  if (fault.delay.count() > 0 && isDrawn(core.ids().next(), fault.delay_percent)) {
    core.metrics().faults_delayed.add();
    exchange.record.decide(Outcome::kFaultDelayed, rule, observe::trailMillis(fault.delay), core.now());
    const Deadline until = Deadline::after(core.now(), fault.delay).sooner(exchange.deadline);
    co_await loop::Sleep(core.loop(), until);
    if (exchange.deadline.hasPassed(core.now())) co_return fail(Reason::kExchangeTimeout, Reached::kNo);
  }
  if (fault.abort && isDrawn(core.ids().next(), fault.abort_percent)) {
    core.metrics().faults_aborted.add();
    exchange.record.decide(Outcome::kFaultAborted, rule, fault.abort, core.now());
    co_return fail(Reason::kFaultInjected, Reached::kNo, fault.abort);
  }
  co_return loop::done;
}

}  // namespace remora::proxy
