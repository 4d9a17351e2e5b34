#include "proxy/refuse_overload.h"

#include "observe/trail.h"

namespace remora::proxy {

namespace {

std::unexpected<Failure> refuse(Exchange& exchange) {
  const Overload& overload = exchange.core.overload().shared();
  exchange.overload_resource = overload.worst();
  exchange.overload_use = overload.use(exchange.overload_resource);
  exchange.core.metrics().overload_refused.add();
  exchange.promiseMemory(-int64_t{Overload::kExchangeBytes});  // it won't take any of it
  return fail(Reason::kOverloaded, Reached::kNo, exchange.overload_use.percent());
}

}  // namespace

Result<void> heedOverload(Exchange& exchange) {
  // Who read a head of HTTP/1 asked while it grew. One of HTTP/2 is here at once, and is kept once more while an
  // endpoint doesn't take it.
  const http::H2Stream* const h2 = exchange.downstream->h2();
  const size_t head = h2 ? h2->headBytes() : 0;
  const OverloadStage stage = exchange.core.overload().ask(static_cast<uint32_t>(Overload::kRequestBytes + 2 * head));
  const bool only_low = stage == OverloadStage::kRefuseLow;
  if (stage < OverloadStage::kRefuseLow || (only_low && exchange.plan.priority != model::Priority::kLow)) [[likely]] {
    if (head > Overload::kLeastPiece) exchange.promiseMemory(static_cast<int64_t>(head));
    return {};
  }
  std::unexpected<Failure> failure = refuse(exchange);
  exchange.was_low = only_low;
  if (only_low) exchange.core.metrics().overload_low_refused.add();
  const uint16_t argument =
      observe::overloadArgument(static_cast<uint8_t>(exchange.overload_resource), exchange.overload_use.percent());
  exchange.record.decide(only_low ? observe::Outcome::kLowRefused : observe::Outcome::kOverloaded, {}, argument,
                         exchange.core.now());
  return failure;
}

bool mayDoMore(Exchange& exchange, observe::Outcome without) {
  const OverloadGate& gate = exchange.core.overload();
  if (gate.stage() == OverloadStage::kNone) [[likely]]
    return true;
  const OverloadResource worst = gate.shared().worst();
  const uint16_t argument = observe::overloadArgument(static_cast<uint8_t>(worst), gate.shared().use(worst).percent());
  exchange.record.decide(without, exchange.plan.choice.route->rule, argument, exchange.core.now());
  return false;
}

Result<void> heedOverloadInHead(Exchange& exchange, size_t bytes) {
  // A head of the usual size is read, so that its refusal can say what was refused, unless it is too late for that.
  const OverloadStage from = bytes > Overload::kLeastPiece ? OverloadStage::kRefuse : OverloadStage::kStopAccepting;
  if (exchange.core.overload().ask(static_cast<uint32_t>(bytes)) < from) [[likely]]
    return {};
  return refuse(exchange);
}

std::string overloadWords(const Exchange& exchange) {
  if (exchange.overload_use.limit == 0) return {};
  return "overloaded: " + describe(exchange.overload_resource, exchange.overload_use) +
         (exchange.was_low ? "; low priority is refused first" : "");
}

}  // namespace remora::proxy
