#include "proxy/hedge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/connect.h"
#include "proxy/hold_back.h"
#include "proxy/refuse_overload.h"
#include "proxy/request_copy.h"
#include "proxy/response_head.h"
#include "proxy/sticky.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

class RaceWait;

// Two attempts at the same request.
class Race {
 public:
  enum Runner : uint8_t { kFirst, kSecond };
  struct Run {
    bool is_ended = false;
    Result<void> outcome = fail(Reason::kInternal);
    bool isGood() const { return is_ended && outcome; }
  };

  void end(Runner runner, Result<void> outcome);
  const Run& operator[](Runner runner) const { return runs_[runner]; }

 private:
  friend class RaceWait;
  std::array<Run, 2> runs_;
  RaceWait* waiter_ = nullptr;
};

// co_await RaceWait(...): until one of them has ended since, or the time has come.
class RaceWait final : public loop::Wait, private loop::Timer {
 public:
  RaceWait(Race& race, loop::Loop& loop, Deadline until) : race_(race), loop_(loop) {
    race.waiter_ = this;
    loop.timers().arm(*this, until);
  }
  ~RaceWait() { race_.waiter_ = nullptr; }
  void wake() { finish(loop_.queue(), {}); }

 private:
  void onTime() override { wake(); }
  Race& race_;
  loop::Loop& loop_;
};

void Race::end(Runner runner, Result<void> outcome) {
  runs_[runner] = {.is_ended = true, .outcome = outcome};
  if (waiter_) waiter_->wake();
}

class SecondAttempt final : public RequestCopy {
 public:
  SecondAttempt(const Exchange& first, std::string text, Ref<upstream::EndpointState> endpoint, Race& race)
      : RequestCopy(first, std::move(text), first.plan.cluster),
        endpoint_(std::move(endpoint)),
        try_deadline_(first.try_deadline),
        race_(race) {}

  upstream::Permits::Permit permit;

  using RequestCopy::exchange;
  bool hasBegun() const { return has_begun_; }

 private:
  loop::Task<void> carry(Exchange& exchange) override {
    exchange.endpoint = endpoint_;
    exchange.sent_at = exchange.core.now();  // it isn't yet
    has_begun_ = true;
    exchange.keeps_response = true;
    exchange.try_deadline = try_deadline_;
    exchange.record.endpoint = endpoint_->endpoint.text;
    exchange.record.attempts = 1;
    Result<void> outcome = co_await loop::asResult(attempt(exchange, Freshness::kAny));
    // An answer to a request that it hasn't got whole isn't taken over: the first goes on.
    if (outcome && exchange.upload != Exchange::Upload::kDone) outcome = fail(Reason::kInternal);
    race_.end(Race::kSecond, outcome);
    co_return loop::done;
  }
  void onEnd() override {
    if (!race_[Race::kSecond].is_ended) race_.end(Race::kSecond, fail(Reason::kInternal));
  }

  const Ref<upstream::EndpointState> endpoint_;
  const Deadline try_deadline_;
  Race& race_;
  bool has_begun_ = false;
};

loop::Task<void> runFirst(Exchange& exchange, Freshness freshness, Race& race) {
  race.end(Race::kFirst, co_await loop::asResult(attempt(exchange, freshness)));
  co_return loop::done;
}

const model::Hedge& hedgeOf(const Exchange& exchange) {
  return *exchange.plan.route().hedge;
}

// How long the first has for itself; never where that isn't known yet.
Duration headStart(Exchange& exchange) {
  constexpr Duration kLeast = Milliseconds(1);
  const model::Hedge& hedge = hedgeOf(exchange);
  if (hedge.after.count() > 0) return hedge.after;
  const observe::Quantile& p95 = exchange.snapshot->p95(*exchange.listener, exchange.plan.choice.route->index);
  return p95.isKnown() ? std::max(p95.estimate(), kLeast) : Duration::max();
}

// What the one that isn't heard failed with is said of its endpoint all the same; of one that hasn't failed is known
// that it takes at least as long as it was waited for.
void noteLoser(Exchange& exchange, SecondAttempt& second, const Race& race) {
  const bool first_loses = !race[Race::kFirst].isGood() && race[Race::kSecond].isGood();
  const Race::Run& loser = race[first_loses ? Race::kFirst : Race::kSecond];
  const bool has_failed = loser.is_ended && !loser.outcome;
  if (has_failed && rowOf(loser.outcome.error().reason).side != Side::kUpstream) return;
  if (!first_loses && !second.hasBegun()) return;
  const Exchange& lost = first_loses ? exchange : second.exchange();
  if (lost.waits_for_room) return;
  upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  const Duration took = exchange.core.now() - lost.sent_at;
  lost.endpoint->failures += has_failed;
  if (has_failed && !isCallersDoing(exchange, loser.outcome)) {
    cluster.note(*lost.endpoint, upstream::Verdict::kLocalFailure, took, exchange.core.ids());
  } else {
    cluster.noteAtLeast(*lost.endpoint, took);
  }
}

// Null: there is no other endpoint, the body isn't here, or the budget is used up.
std::unique_ptr<SecondAttempt> startSecond(Exchange& exchange, Race& race) {
  Core& core = exchange.core;
  upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  if (isStuck(exchange, cluster)) return nullptr;
  const model::Subset& subset = exchange.plan.choice.route->forward->clusters[exchange.plan.member].subset;
  Ref<upstream::EndpointState> other = cluster.choose(core.ids(), exchange.endpoint.get(), std::nullopt, &subset);
  if (!other || other.get() == exchange.endpoint.get()) return nullptr;
  if (!mayDoMore(exchange, Outcome::kUnhedged)) {
    core.metrics().overload_unhedged.add();
    return nullptr;
  }
  std::optional<std::string> text = RequestCopy::textOf(exchange);
  if (!text) return nullptr;
  const model::RetryBudget budget{.percent = hedgeOf(exchange).percent, .floor = hedgeOf(exchange).floor};
  if (!cluster.shared().hedges.withdraw(budget, core.now())) {
    core.metrics().hedges_denied.add();
    return nullptr;
  }
  std::optional<upstream::Permits::Permit> permit = tryPermit(exchange, cluster);
  if (!permit) {
    core.metrics().hedges_denied.add();
    return nullptr;
  }
  core.metrics().hedges.add();
  ++exchange.record.attempts;
  exchange.record.decide(Outcome::kHedged, exchange.plan.choice.route->rule, other->index, core.now());
  exchange.holds_interims = true;
  auto second = std::make_unique<SecondAttempt>(exchange, std::move(*text), std::move(other), race);
  second->permit = std::move(*permit);
  second->start();
  return second;
}

// The second's answer becomes the exchange's.
Result<void> takeOver(Exchange& exchange, Exchange& second) {
  exchange.uploads.cancel();
  exchange.lease = std::exchange(second.lease, {});
  exchange.endpoint = second.endpoint;
  exchange.upload_writer = std::exchange(second.upload_writer, std::nullopt);
  exchange.upload = Exchange::Upload::kDone;
  exchange.sent_at = second.sent_at;
  exchange.response_begun = true;
  observe::ExchangeRecord& record = exchange.record;
  record.endpoint = exchange.endpoint->endpoint.text;
  record.upstream = second.record.upstream;
  record.reused = second.record.reused;
  record.upstream_protocol = second.record.upstream_protocol;
  exchange.shared_connection = second.shared_connection;
  describeLease(exchange);
  record.decide(Outcome::kHedgeWon, {}, exchange.endpoint->index, exchange.core.now());
  exchange.core.metrics().hedges_won.add();
  if (exchange.lease.h2()) {  // what it consists of lies in the stream
    exchange.response = second.response;
    exchange.response_rest = {};
    return {};
  }
  exchange.response_bytes = std::exchange(second.response_bytes, {});
  return readKeptResponse(exchange);
}

}  // namespace

bool mayHedge(const Exchange& exchange) {
  if (!exchange.plan.route().hedge || exchange.is_copy || !exchange.request.upgrade.empty()) return false;
  return http::isRepeatable(exchange.request);
}

loop::Task<void> hedgedAttempt(Exchange& exchange, Freshness freshness) {
  Core& core = exchange.core;
  const Duration head_start = headStart(exchange);
  Race race;
  std::unique_ptr<SecondAttempt> second;
  loop::TaskScope first(core.loop());
  exchange.keeps_response = true;
  exchange.holds_interims = false;
  first.start(runFirst(exchange, freshness, race));
  if (!race[Race::kFirst].is_ended) {
    co_await RaceWait(race, core.loop(),
                      head_start == Duration::max() ? Deadline::never() : Deadline::after(core.now(), head_start));
    if (!race[Race::kFirst].is_ended && !exchange.response_begun) second = startSecond(exchange, race);
  }
  while (!race[Race::kFirst].isGood() && !(second && race[Race::kSecond].isGood())) {
    const bool all_ended = race[Race::kFirst].is_ended && (!second || race[Race::kSecond].is_ended);
    if (all_ended) break;
    co_await RaceWait(race, core.loop(), Deadline::never());
  }
  if (second) noteLoser(exchange, *second, race);
  if (!race[Race::kFirst].isGood() && second && race[Race::kSecond].isGood()) {
    first.cancel();
    co_await takeOver(exchange, second->exchange());
    co_return loop::done;
  }
  co_return race[Race::kFirst].outcome;
}

}  // namespace remora::proxy
