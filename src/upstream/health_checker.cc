#include "upstream/health_checker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace remora::upstream {

struct HealthChecker::Watched {
  Watched(loop::Loop& loop, Endpoint what) : endpoint(std::move(what)), scope(loop) {}

  Endpoint endpoint;
  tls::SessionCache sessions;
  bool was_checked = false;
  bool was_well = false;  // the last check
  uint32_t in_a_row = 0;  // with this result
  Instant checked_at;     // the end of the last check
  std::string last_failure;
  Instant failed_at;
  loop::TaskScope scope;  // its keepChecking, the last member: it goes first
};

HealthChecker::HealthChecker(CheckMeans means, observe::Log& log, std::string service, uint32_t seed)
    : means_(means), log_(log), service_(std::move(service)), random_(seed), used_at_(means.loop.now()) {}

HealthChecker::~HealthChecker() {
  if (!set_) return;
  for (const auto& [text, watched] : watched_) set_->shared->setChecked(*watched->endpoint.health, Checked::kNot);
}

void HealthChecker::configure(CheckSettings settings) {
  const bool is_other = !settings_ || settings_->check != settings.check || settings_->protocol != settings.protocol;
  settings_ = std::make_shared<const CheckSettings>(std::move(settings));
  if (!is_other) return;
  Duration wait{0};
  for (const auto& [text, watched] : watched_) {
    watched->in_a_row = 0;
    watch(*watched, wait);
    wait = std::min<Duration>(wait + kBetweenFirstChecks, settings_->check.interval);
  }
}

void HealthChecker::follow(const EndpointSetPtr& set) {
  check(settings_ != nullptr, "a service's checks are configured before they begin");
  if (!set || set == set_) return;
  std::map<std::string, std::unique_ptr<Watched>> kept;
  Duration wait{0};
  for (const Endpoint& endpoint : set->endpoints) {
    if (kept.contains(endpoint.text)) continue;  // of two names: one machine, checked once
    std::unique_ptr<Watched>& entry = kept[endpoint.text];
    if (const auto known = watched_.find(endpoint.text); known != watched_.end()) {
      entry = std::move(known->second);
      continue;
    }
    entry = std::make_unique<Watched>(means_.loop, endpoint);
    if (had_endpoints_) set->shared->setChecked(*endpoint.health, Checked::kAwaited);
    watch(*entry, wait);
    wait = std::min<Duration>(wait + kBetweenFirstChecks, settings_->check.interval);
  }
  watched_ = std::move(kept);
  set_ = set;
  had_endpoints_ |= !set->endpoints.empty();
}

void HealthChecker::watch(Watched& watched, Duration wait) {
  watched.scope.cancel();
  watched.scope.start(keepChecking(watched, wait));
}

loop::Task<void> HealthChecker::keepChecking(Watched& watched, Duration wait) {
  // Also for none: whoever began this is not done yet.
  co_await loop::Sleep(means_.loop, Deadline::at(means_.loop.now() + wait));
  for (;;) {
    const Finding finding = co_await checkEndpoint(means_, settings_, watched.endpoint, watched.sessions);
    note(watched, finding);
    do {
      co_await loop::Sleep(means_.loop, Deadline::at(means_.loop.now() + jittered(settings_->check.interval)));
    } while (!isDue(watched));
  }
}

void HealthChecker::note(Watched& watched, const Finding& finding) {
  const model::HealthCheck& check = settings_->check;
  watched.checked_at = means_.loop.now();
  if (finding.kind == Finding::Kind::kNothing) {
    log_.warn("health", "{}: {} couldn't be checked: {}", service_, watched.endpoint.text, finding.why);
    return;
  }
  const bool is_well = finding.kind == Finding::Kind::kWell;
  ++(is_well ? passed_ : failed_);
  if (is_well != watched.was_well) watched.in_a_row = 0;
  watched.was_well = is_well;
  if (watched.in_a_row < UINT32_MAX) ++watched.in_a_row;
  if (!is_well) {
    watched.last_failure = finding.why;
    watched.failed_at = watched.checked_at;
  }
  const bool is_first = !std::exchange(watched.was_checked, true);
  const bool is_enough = watched.in_a_row >= (is_well ? check.healthy_threshold : check.unhealthy_threshold);
  if (is_first || is_enough) change(watched, is_well ? Checked::kHealthy : Checked::kUnhealthy);
}

void HealthChecker::change(Watched& watched, Checked checked) {
  const Checked before = watched.endpoint.health->checked.load(std::memory_order_relaxed);
  if (before == checked) return;
  set_->shared->setChecked(*watched.endpoint.health, checked);
  const std::string& address = watched.endpoint.text;
  if (checked == Checked::kUnhealthy) {
    log_.warn("health", "{}: {} is unhealthy and gets no requests: {} ({} failed in a row)", service_, address,
              watched.last_failure, watched.in_a_row);
  } else if (before == Checked::kUnhealthy) {
    log_.info("health", "{}: {} is healthy again ({} passed in a row)", service_, address, watched.in_a_row);
  } else {
    log_.info("health", "{}: {} is healthy by its first check", service_, address);
  }
}

// Slow only where nothing is about to change, and nobody would notice.
bool HealthChecker::isDue(const Watched& watched) {
  const model::HealthCheck& check = settings_->check;
  const Checked now = watched.endpoint.health->checked.load(std::memory_order_relaxed);
  const bool is_in_doubt = !watched.was_checked || watched.was_well != (now == Checked::kHealthy);
  const bool is_idle = isIdle();  // in any case: it is what looks
  return is_in_doubt || !is_idle || means_.loop.now() - watched.checked_at >= check.interval_idle;
}

bool HealthChecker::isIdle() {
  const Instant now = means_.loop.now();
  if (set_->shared->takeUse()) used_at_ = now;
  return now - used_at_ >= settings_->check.interval_idle;
}

Duration HealthChecker::jittered(Duration span) {
  const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
  return span + scaled(span, settings_->check.jitter_percent / 100.0 * chance);
}

bool HealthChecker::isSettled() const {
  return std::ranges::all_of(watched_, [](const auto& entry) { return entry.second->was_checked; });
}

HealthFacts HealthChecker::facts() const {
  HealthFacts facts{.service = service_, .passed = passed_, .failed = failed_, .endpoints = {}};
  for (const auto& [text, watched] : watched_) {
    EndpointCheckFacts endpoint{.address = text,
                                .checked = watched->endpoint.health->checked.load(std::memory_order_relaxed),
                                .in_a_row = watched->in_a_row,
                                .last_failure = watched->last_failure,
                                .last_failed_ago = {}};
    if (!watched->last_failure.empty()) endpoint.last_failed_ago = means_.loop.now() - watched->failed_at;
    facts.healthy += watched->endpoint.health->hasPassedChecks();
    facts.endpoints.push_back(std::move(endpoint));
  }
  return facts;
}

}  // namespace remora::upstream
