#include "proxy/hold_back.h"

#include <fmt/format.h>

#include <utility>

#include "base/random.h"

namespace remora::proxy {
namespace {

using model::Priority;
using observe::Outcome;

// "adaptive limit 23, 40 others wait, the first for 812 ms"
std::string describeLimit(upstream::ClusterState& cluster, Priority priority, Instant began, Instant now) {
  upstream::Permits& permits = *cluster.shared().requests;
  std::string text = cluster.shared().isAdaptive(cluster.options()) ? "adaptive limit " : "limit ";
  text += std::to_string(permits.most());
  if (priority == Priority::kLow) text += fmt::format(" of which low priority has {}", permits.mostFor(priority));
  return text + ", " + describeQueue(permits, began, now);
}

using Breaker = upstream::CircuitBreaker;

void tellChange(Exchange& exchange, upstream::ClusterState& cluster, Breaker::Change change) {
  if (change == Breaker::Change::kNone) return;
  Core& core = exchange.core;
  const Breaker& breaker = *cluster.shared().breaker;
  exchange.record.decide(Outcome::kBreakerChanged, {}, static_cast<uint16_t>(breaker.state()), core.now());
  if (change == Breaker::Change::kOpened) core.metrics().breaker_opened.add();
  if (!core.log()) return;
  if (change == Breaker::Change::kOpened) {
    core.log()->warn("circuit_breaker", "{} is open: {} % of its requests failed; it is tried again in {} s",
                     cluster.name(), breaker.errorPercent(), secondsUp(breaker.timeLeft(core.now())));
  } else {
    core.log()->info("circuit_breaker", "{} is {}", cluster.name(), upstream::nameOf(breaker.state()));
  }
}

Result<void> askBreaker(Exchange& exchange, upstream::ClusterState& cluster) {
  Core& core = exchange.core;
  const std::shared_ptr<Breaker>& breaker = cluster.shared().breaker;
  const Breaker::Verdict verdict = breaker->ask(*cluster.options().breaker, core.now());
  tellChange(exchange, cluster, verdict.change);
  if (verdict.may_pass) {
    if (verdict.probe) exchange.probe = {breaker, verdict.probe};
    return {};
  }
  const uint32_t percent = breaker->errorPercent();
  exchange.record.decide(Outcome::kBreakerRefused, {}, observe::trailNumber(percent), core.now());
  core.metrics().breaker_refused.add();
  exchange.limit_told.wait = verdict.wait;
  exchange.held_back = fmt::format("it is {}, since {} % failed; try again in {} s", upstream::nameOf(breaker->state()),
                                   percent, secondsUp(verdict.wait));
  return fail(Reason::kBreakerOpen, Reached::kNo, static_cast<int32_t>(percent));
}

Result<void> askAdmission(Exchange& exchange, upstream::ClusterState& cluster) {
  Core& core = exchange.core;
  upstream::AdmissionControl& admission = cluster.shared().admission;
  const model::AdmissionControl& options = *cluster.options().admission;
  if (admission.admits(options, core.now(), unitOf(core.ids().next()))) return {};
  const auto share = static_cast<int64_t>(admission.share() * 100);
  const uint32_t percent = admission.failurePercent(options, core.now());
  exchange.record.decide(Outcome::kAdmissionRefused, {}, observe::trailNumber(share), core.now());
  core.metrics().admission_refused.add();
  exchange.held_back = fmt::format("{} % failed, so {} % are refused", percent, share);
  return fail(Reason::kAdmissionRefused, Reached::kNo, static_cast<int32_t>(percent));
}

}  // namespace

std::string describeQueue(upstream::Permits& permits, Instant began, Instant now) {
  const auto millisSince = [&](Instant then) { return std::chrono::duration_cast<Milliseconds>(now - then).count(); };
  std::string text;
  if (now > began) text = fmt::format("it waited {} ms, ", millisSince(began));
  const std::optional<upstream::Permits::Claim> first = permits.nextInLine();
  if (!first) return text + "no other waits";
  return text + fmt::format("{} others wait, the first for {} ms", permits.waiting(), millisSince(first->since));
}

Result<void> mayAsk(Exchange& exchange, upstream::ClusterState& cluster) {
  if (cluster.options().breaker) {
    if (const Result<void> asked = askBreaker(exchange, cluster); !asked) return asked;
  }
  return cluster.options().admission ? askAdmission(exchange, cluster) : Result<void>();
}

void tellBreaker(Exchange& exchange, upstream::ClusterState& cluster, bool is_failure) {
  if (!cluster.options().breaker) return;
  const model::CircuitBreaker& options = *cluster.options().breaker;
  Breaker& breaker = *cluster.shared().breaker;
  const Instant now = exchange.core.now();
  const double chance = unitOf(exchange.core.ids().next());
  const Breaker::Change change = exchange.probe
                                     ? breaker.noteProbe(exchange.probe.take(), is_failure, options, now, chance)
                                     : breaker.note(is_failure, options, now, chance);
  tellChange(exchange, cluster, change);
}

std::optional<upstream::Permits::Permit> tryPermit(const Exchange& exchange, upstream::ClusterState& cluster) {
  const std::shared_ptr<upstream::Permits>& permits = cluster.shared().requests;
  if (permits->most() == 0) return upstream::Permits::Permit();
  upstream::Permits::Permit permit = upstream::Permits::take(permits, exchange.core.loop(), exchange.plan.priority);
  return permit ? std::optional(std::move(permit)) : std::nullopt;
}

bool takePermit(Exchange& exchange, upstream::ClusterState& cluster) {
  std::optional<upstream::Permits::Permit> permit = tryPermit(exchange, cluster);
  if (!permit) return false;
  exchange.permit = std::move(*permit);
  return true;
}

loop::Task<void> awaitPermit(Exchange& exchange, upstream::ClusterState& cluster) {
  Core& core = exchange.core;
  cluster.heedTime();
  if (takePermit(exchange, cluster)) co_return loop::done;
  const std::shared_ptr<upstream::Permits> permits = cluster.shared().requests;
  const Priority priority = exchange.plan.priority;
  const Instant began = core.now();
  const uint32_t most = permits->mostFor(priority);
  const Failure full{Reason::kRequestsFull, Reached::kNo, static_cast<int32_t>(most)};
  exchange.record.decide(cluster.shared().isAdaptive(cluster.options()) ? Outcome::kAdaptiveLimited : Outcome::kLimited,
                         {}, observe::trailNumber(most), core.now());
  if (!permits->mayWait(priority)) {
    core.metrics().requests_overflowed.add();
    exchange.held_back = describeLimit(cluster, priority, began, core.now());
    co_return std::unexpected(full);
  }
  const net::Patience patience =
      exchange.patience(cluster.options().limits.pending_timeout,
                        Failure{Reason::kPendingTimeout, Reached::kNo, static_cast<int32_t>(most)});
  const Result<void> waited =
      co_await loop::asResult(upstream::PermitWait(permits, core.loop(), patience, exchange.permit, priority, full));
  if (!waited) {
    core.metrics().requests_overflowed.add();
    exchange.held_back = describeLimit(cluster, priority, began, core.now());
    if (waited.error().reason == Reason::kRequestsFull) {
      core.metrics().requests_displaced.add();
      exchange.record.decide(Outcome::kDisplaced, {}, static_cast<uint16_t>(priority), core.now());
    }
    co_return waited;
  }
  exchange.record.decide(Outcome::kPending, {}, observe::trailMillis(core.now() - began), core.now());
  co_return loop::done;
}

}  // namespace remora::proxy
