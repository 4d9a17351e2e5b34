#include "admin/policy_words.h"

#include <fmt/format.h>

#include "admin/words.h"

namespace remora::admin {
namespace {

std::string nameOf(const model::HashKey& key) {
  using Kind = model::HashKey::Kind;
  switch (key.kind) {
    case Kind::kSource:
      return "the client's address";
    case Kind::kPath:
      return "the path";
    case Kind::kHeader:
      return "header " + key.name;
    case Kind::kCookie:
      return "cookie " + key.name;
    case Kind::kQuery:
      return "query parameter " + key.name;
  }
  return {};
}

std::string nameOf(const std::vector<model::HashKey>& keys) {
  std::string text;
  for (const model::HashKey& key : keys) text += (text.empty() ? "" : ", else ") + nameOf(key);
  return text;
}

std::string rateText(const model::RateLimit& limit, std::string_view who) {
  const std::string key =
      limit.key.empty() ? " for all requests together" : ", for each value of " + nameOf(limit.key) + " by itself";
  return fmt::format("rate_limit: {} requests in {}, {} at once{}, counted by {}; {}", limit.requests,
                     limitText(limit.per), limit.burst, key, who,
                     limit.shadow ? "more are only told of (shadow)" : "more get 429");
}

std::string sharedText(const model::SharedLimit& limit) {
  const std::string who = "rate_limit_service " + limit.service;
  if (limit.descriptors.empty()) return rateText(limit.rate, who);
  std::string all;
  for (const model::Descriptor& descriptor : limit.descriptors) {
    std::string entries;
    for (const model::DescriptorEntry& entry : descriptor) {
      entries += entries.empty() ? "" : ", ";
      entries += entry.key + " = " + (entry.from ? nameOf(*entry.from) : "'" + entry.value + "'");
    }
    all += (all.empty() ? "by " : ", and by ") + entries;
  }
  return fmt::format("rate_limit: {} knows how many, {}; a request that lacks one of them isn't {}; {}", who, all,
                     limit.descriptors.size() == 1 ? "limited" : "counted by it",
                     limit.rate.shadow ? "more are only told of (shadow)" : "more get 429");
}

std::string retryText(const model::Retry& retry) {
  std::string on;
  for (size_t i = 0; i < model::Retry::kConditions.size(); ++i) {
    if (retry.on & 1U << i) on += (on.empty() ? "" : ", ") + std::string(model::Retry::kConditions[i]);
  }
  for (const uint16_t status : retry.statuses) on += (on.empty() ? "" : ", ") + std::to_string(status);
  std::string text =
      fmt::format("retry: at most {} more attempts, after {}", retry.attempts, on.empty() ? "nothing" : on);
  if (retry.try_timeout.count() > 0) text += ", each within " + limitText(retry.try_timeout);
  text += fmt::format(", after a wait of up to {}", limitText(retry.backoff_most));
  return text + (retry.non_idempotent
                     ? ", whatever the method"
                     : "; what may have been executed only with an idempotent method or Idempotency-Key");
}

std::string namesText(const model::PeerNames& names) {
  std::string text;
  for (const std::string& san : names.sans) text += (text.empty() ? "" : " or ") + san;
  if (names.trust_domains.empty()) return text;
  text += text.empty() ? "trust domain " : " of trust domain ";
  for (size_t i = 0; i < names.trust_domains.size(); ++i) text += (i ? " or " : "") + names.trust_domains[i];
  return text;
}

std::string priorityText(const model::RoutePriority& priority) {
  std::string text = fmt::format("priority: {}", model::nameOf(priority.is));
  for (const model::IdentityPriority& each : priority.identities) {
    text += fmt::format("; {} for {}", model::nameOf(each.is), namesText(each.names));
  }
  if (!priority.identities.empty()) text += " (as the client's verified certificate says; the first that fits)";
  if (priority.header.empty()) return text;
  return text + (priority.may_raise ? ", or what header " + priority.header + " says"
                                    : ", or less if header " + priority.header + " says so");
}

std::string percentText(uint32_t percent) {
  return percent >= 100 ? "all requests" : fmt::format("{} % of the requests", percent);
}

}  // namespace

std::vector<std::string> policiesOf(const model::Route& route) {
  std::vector<std::string> all;
  if (route.rate_limit) all.push_back(rateText(*route.rate_limit, "this process"));
  if (route.shared_limit) all.push_back(sharedText(*route.shared_limit));
  if (route.fault && route.fault->delay.count() > 0) {
    all.push_back(fmt::format("fault: {} wait {} on purpose", percentText(route.fault->delay_percent),
                              limitText(route.fault->delay)));
  }
  if (route.fault && route.fault->abort) {
    all.push_back(fmt::format("fault: {} are answered with {} on purpose", percentText(route.fault->abort_percent),
                              route.fault->abort));
  }
  for (const model::Mirror& mirror : route.mirrors) {
    all.push_back(
        fmt::format("mirror: a copy of {} goes to service {}", percentText(mirror.percent), mirror.to.cluster));
  }
  if (route.priority != model::RoutePriority()) all.push_back(priorityText(route.priority));
  if (route.hedge) {
    all.push_back(fmt::format("hedge: a second attempt when the first has no answer after {}, for {} at most",
                              route.hedge->after.count() > 0 ? limitText(route.hedge->after) : "the route's own p95",
                              percentText(route.hedge->percent)));
  }
  if (route.retry) all.push_back(retryText(*route.retry));
  return all;
}

std::vector<std::string> policiesOf(const model::Cluster& cluster) {
  std::vector<std::string> all;
  const auto add = [&](std::string text) { all.push_back("service " + cluster.name + ": " + std::move(text)); };
  if (cluster.limits.requests) {
    add(fmt::format("limits.requests: {} run at once in this process; {} more wait, each up to {}, the others get 503",
                    cluster.limits.requests, cluster.limits.pending, limitText(cluster.limits.pending_timeout)));
  }
  if (cluster.limits.connections) {
    add(
        fmt::format("limits.connections: {} at most in this process, idle ones too; a request that finds them in use "
                    "waits up to {}, with {} others at most, then it gets 503",
                    cluster.limits.connections, limitText(cluster.limits.pending_timeout), cluster.limits.pending));
  }
  if (cluster.limits.retries) {
    add(fmt::format("limits.retries: {} requests at once may be sent again by a route's retry",
                    cluster.limits.retries));
  }
  if (const auto& adaptive = cluster.adaptive) {
    add(fmt::format(
        "adaptive_concurrency: between {} and {} run at once, as many as latency shows that it can do; others "
        "wait as for limits.requests",
        adaptive->min, adaptive->max));
  }
  if (const auto& breaker = cluster.breaker) {
    add(
        fmt::format("circuit_breaker: when {} % of at least {} requests in {} fail, the others get 503 for {}; then {} "
                    "requests try it",
                    breaker->errors_percent, breaker->requests, limitText(breaker->window), limitText(breaker->open),
                    breaker->probes));
  }
  if (const auto& admission = cluster.admission) {
    add(fmt::format(
        "admission_control: with fewer than {} % that succeed a share of the requests gets 503, {} % at most",
        admission->threshold_percent, admission->reject_most_percent));
  }
  if (cluster.outlier) {
    add(fmt::format(
        "outlier: an endpoint is left out for {} after {} answers of 5xx or {} attempts without an answer in "
        "a row; never more than {} % of them",
        limitText(cluster.outlier->eject), cluster.outlier->consecutive_5xx,
        cluster.outlier->consecutive_local_failures, cluster.outlier->ejected_most_percent));
  }
  if (cluster.outlier && cluster.outlier->compares()) {
    add(fmt::format("outlier: every {} endpoints are compared{}{}", limitText(cluster.outlier->interval),
                    cluster.outlier->success_rate ? "; out is who succeeds far less often than the others" : "",
                    cluster.outlier->latency_factor
                        ? fmt::format("; out is who takes {} times the median", cluster.outlier->latency_factor)
                        : ""));
  }
  if (cluster.health_check) {
    add(fmt::format("health_check: every {}; an endpoint that fails {} in a row gets nothing until it passes {}",
                    limitText(cluster.health_check->interval), cluster.health_check->unhealthy_threshold,
                    cluster.health_check->healthy_threshold));
  }
  if (cluster.sticky) add("sticky: cookie " + cluster.sticky->cookie + " keeps a client at its endpoint");
  if (!cluster.hash_by.empty()) add("hash_by: requests with the same " + nameOf(cluster.hash_by) + " go together");
  add(fmt::format("retry_budget: {} % of its requests and {} a second may be sent again, over all routes",
                  cluster.retry_budget.percent, cluster.retry_budget.floor));
  return all;
}

}  // namespace remora::admin
