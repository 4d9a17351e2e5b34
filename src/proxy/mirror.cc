#include "proxy/mirror.h"

#include <utility>

#include "base/random.h"
#include "proxy/refuse_overload.h"
#include "proxy/relay.h"
#include "proxy/request_copy.h"
#include "proxy/retry.h"

namespace remora::proxy {
namespace {

class Mirror final : public RequestCopy {
 public:
  using RequestCopy::RequestCopy;

 private:
  loop::Task<void> carry(Exchange& exchange) override {
    was_carried_ = true;
    const Result<void> outcome = co_await loop::asResult(send(exchange));
    if (!outcome || exchange.response.status >= 500) core_.metrics().mirror_failures.add();
    exchange.uploads.cancel();
    co_return loop::done;
  }
  void onEnd() override {
    if (!was_carried_) core_.metrics().mirror_failures.add();
    core_.removeMirror(*this);
  }
  bool was_carried_ = false;

  loop::Task<void> send(Exchange& exchange) {
    const Duration time = exchange.plan.timeout.count() > 0 ? Duration(exchange.plan.timeout) : kMirrorTime;
    exchange.deadline = Deadline::after(core_.now(), time);  // its own: the request's may be over already
    co_await tryUpstreams(core_, exchange);
    const Result<void> relayed = co_await loop::asResult(relayResponse(exchange));
    exchange.verdict.end(relayed);
    co_await relayed;
    co_return loop::done;
  }
};

}  // namespace

void mirror(Exchange& exchange) {
  if (exchange.is_copy) return;
  Core& core = exchange.core;
  for (const model::Mirror& mirror : exchange.plan.route().mirrors) {
    if (!isDrawn(core.ids().next(), mirror.percent)) continue;
    if (!mayDoMore(exchange, observe::Outcome::kUnmirrored)) {
      core.metrics().overload_unmirrored.add();
      continue;
    }
    const uint32_t cluster = (*exchange.snapshot)->clusterOf(mirror.to);
    const bool may_copy = cluster != snapshot::Snapshot::kNoCluster && core.mirrors() < kMirrorsMost;
    std::optional<std::string> text = may_copy ? RequestCopy::textOf(exchange) : std::nullopt;
    if (!text || text->size() > kMirrorBytes) {
      core.metrics().mirrors_skipped.add();
      continue;
    }
    core.metrics().mirrored.add();
    exchange.record.decide(observe::Outcome::kMirrored, exchange.plan.choice.route->rule,
                           observe::trailNumber(static_cast<int64_t>(text->size() >> 10)), core.now());
    core.addMirror(std::make_unique<Mirror>(exchange, std::move(*text), cluster));
  }
}

}  // namespace remora::proxy
