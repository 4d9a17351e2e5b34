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
  if (exchange.core.overload().ask(Overload::kRequestBytes) < OverloadStage::kRefuse) [[likely]]
    return {};
  std::unexpected<Failure> failure = refuse(exchange);
  const uint16_t argument =
      observe::overloadArgument(static_cast<uint8_t>(exchange.overload_resource), exchange.overload_use.percent());
  exchange.record.decide(observe::Outcome::kOverloaded, {}, argument, exchange.core.now());
  return failure;
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
  return "overloaded: " + describe(exchange.overload_resource, exchange.overload_use);
}

}  // namespace remora::proxy
