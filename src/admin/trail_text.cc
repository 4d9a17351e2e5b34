#include "admin/trail_text.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "admin/words.h"
#include "observe/limit_answer.h"
#include "upstream/circuit_breaker.h"

namespace remora::admin {
namespace {

using observe::Outcome;
using observe::TrailEntry;

std::string reasonText(uint16_t number) {
  const ReasonRow& row = rowOf(static_cast<Reason>(number));
  return fmt::format("{}: {}", row.token, row.sentence);
}

std::string counted(uint16_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

// The record keeps only the last endpoint's address.
std::string endpointWords(const TrailEntry& entry, const TrailNames& names, bool is_last) {
  return is_last && !names.endpoint.empty() ? shown(names.endpoint)
                                            : fmt::format("endpoint {} of the set", entry.argument);
}

std::string overloadWords(uint16_t argument, std::string_view consequence) {
  static constexpr std::array<std::string_view, 3> kWords = {
      "of the memory that remora may use is in use or promised to requests that run",
      "of the descriptors that remora may open are open", "of overload.loop_delay is how late the event loop is"};
  const size_t resource = argument >> 8;
  return fmt::format("{} % {}: remora itself is too full, so {}", argument & 0xff,
                     resource < kWords.size() ? kWords[resource] : "of something", consequence);
}

std::string limitWords(const observe::LimitAnswer& answer) {
  using observe::LimitResult;
  const auto took = static_cast<double>(answer.took.count()) / 1e6;
  std::string_view words = "said nothing";
  switch (answer.result) {
    case LimitResult::kAllowed:
      return fmt::format("the service that counts allows it; asking took {:.1f} ms", took);
    case LimitResult::kLimited:
      return fmt::format("the service that counts says that it is one too many; asking took {:.1f} ms", took);
    case LimitResult::kLate:
      words = "gave no answer within its timeout";
      break;
    case LimitResult::kAway:
      words = "is away";
      break;
    case LimitResult::kFull:
      words = "wasn't asked: its pending questions are too many already";
      break;
    case LimitResult::kFailed:
      words = "answered with an error";
      break;
    case LimitResult::kUncounted:
      return "the request lacks a value that its rate_limit is counted by, so that it isn't limited";
    case LimitResult::kCount:
      break;
  }
  return fmt::format("the service that counts {} ({:.1f} ms); {}", words, took,
                     answer.is_closed ? "refused, since its on_failure is closed"
                                      : "let through, since its on_failure is open or this is a shadow");
}

// Of what holds requests back.
std::string heldBackWords(const TrailEntry& entry) {
  switch (entry.outcome) {
    case Outcome::kLimited:
      return fmt::format("as many requests run as the service's limits.requests allows: {}", entry.argument);
    case Outcome::kAdaptiveLimited:
      return fmt::format("as many requests run as the adaptive limit {} allows, which follows how long they take",
                         entry.argument);
    case Outcome::kDisplaced:
      return "the queue is full of requests that came before or have a higher priority";
    case Outcome::kBreakerRefused:
      return fmt::format("the service's circuit breaker isn't closed: {} % of its requests failed", entry.argument);
    case Outcome::kBreakerChanged:
      return fmt::format("the service's circuit breaker is {} now",
                         upstream::nameOf(static_cast<upstream::CircuitBreaker::State>(entry.argument)));
    case Outcome::kAdmissionRefused:
      return fmt::format("so many requests to the service fail that {} % of them are refused, this one among them",
                         entry.argument);
    case Outcome::kConnectionsFull:
      return fmt::format("the service has as many connections as its limits.connections allows: {}", entry.argument);
    case Outcome::kConnectionFree:
      return fmt::format("for {} ms until a connection to the service could be had", entry.argument);
    case Outcome::kPending:
      return fmt::format("for {} ms until one of the requests to the service ended", entry.argument);
    case Outcome::kRateLimited:
      return entry.argument ? "more than the rate_limit allows; only told of, since it is a shadow"
                            : "more than the rate_limit allows";
    case Outcome::kOverloaded:
      return overloadWords(entry.argument, "the request is refused before anything else is done");
    case Outcome::kLowRefused:
      return overloadWords(entry.argument, "requests of low priority, as this one is, are refused before others");
    case Outcome::kUnmirrored:
      return overloadWords(entry.argument, "no copy of the request goes to the route's mirror");
    case Outcome::kUnhedged:
      return overloadWords(entry.argument, "there is no second attempt beside the first");
    case Outcome::kRateLimitAsked:
      return limitWords(observe::LimitAnswer::of(entry.argument));
    default:
      return {};
  }
}

// Of what is tried again, beside another or elsewhere, and of what is known of endpoints.
std::string choiceWords(const TrailEntry& entry) {
  switch (entry.outcome) {
    case Outcome::kStatusRetried:
      return fmt::format("status {}: the route's retry takes it for a failure", entry.argument);
    case Outcome::kBackedOff:
      return fmt::format("for {} ms", entry.argument);
    case Outcome::kRetryDenied:
      return std::string(observe::wordsOf(static_cast<observe::RetryDenial>(entry.argument)));
    case Outcome::kEjected:
      return fmt::format("endpoint {} of the set: it failed too often in a row", entry.argument);
    case Outcome::kReturned:
      return fmt::format("endpoint {} of the set: it answers well again", entry.argument);
    case Outcome::kFaultDelayed:
      return fmt::format("for {} ms on purpose: the route's fault.delay", entry.argument);
    case Outcome::kFaultAborted:
      return fmt::format("with status {} on purpose: the route's fault.abort", entry.argument);
    case Outcome::kMirrored:
      return "a copy to the route's mirror, whose answer goes nowhere";
    case Outcome::kHedged:
      return fmt::format("beside the first attempt, which takes long, at endpoint {} of the set", entry.argument);
    case Outcome::kHedgeWon:
      return fmt::format("endpoint {} of the set answered first; the first attempt is cancelled", entry.argument);
    case Outcome::kStuck:
      return entry.argument ? "its cookie names an endpoint that is gone or ill: another is chosen, and its cookie sent"
                            : "to the endpoint that its cookie names";
    case Outcome::kPanicked:
      return entry.argument ? fmt::format("too few endpoints are well ({}), so all of them are tried; see /clusters",
                                          entry.argument)
                            : "no endpoint is well, so all of them are tried; see /clusters";
    case Outcome::kSubset:
      return entry.argument ? "among the " + counted(entry.argument, "endpoint") + " with the labels of the route"
                            : "no endpoint has the labels of the route: any is taken, as its fallback says";
    default:
      return heldBackWords(entry);
  }
}

std::string wordsOf(const TrailEntry& entry, const TrailNames& names) {
  switch (entry.outcome) {
    case Outcome::kReceived:
      return names.listener.empty() ? std::string() : "by listener " + shown(names.listener);
    case Outcome::kHostMatched:
      return std::string(nameOf(static_cast<route::HostKind>(entry.argument)));
    case Outcome::kRouteMatched:
      return fmt::format("{}, {} looked at before it", shown(names.route), counted(entry.argument, "route"));
    case Outcome::kNoRouteMatched:
      return counted(entry.argument, "route") + " looked at";
    case Outcome::kClusterChosen:
      return fmt::format("{}, member {} of the split", shown(names.service), entry.argument);
    case Outcome::kRedirected:
    case Outcome::kAnswered:
    case Outcome::kResponded:
    case Outcome::kUpgraded:
      return fmt::format("status {}", entry.argument);
    case Outcome::kConnected:
      return fmt::format("a fresh connection for attempt {}", entry.argument);
    case Outcome::kReused:
      return fmt::format("a pooled connection for attempt {}", entry.argument);
    case Outcome::kSent:
      return "the request head";
    case Outcome::kReplayed:
      return fmt::format("after attempt {}: sending the request again is safe", entry.argument);
    case Outcome::kAttemptFailed:
    case Outcome::kRefused:
    case Outcome::kFailed:
      return reasonText(entry.argument);
    case Outcome::kCompleted:
      return entry.argument ? fmt::format("status {}", entry.argument) : "without an answer";
    case Outcome::kDropped:
      return counted(entry.argument, "decision") + " lost here: the trail was full";
    case Outcome::kChainChosen:
      return fmt::format("chain {}", entry.argument);
    default:
      return choiceWords(entry);
  }
}

}  // namespace

std::string Decision::text() const {
  std::string line(outcome);
  if (!words.empty()) line += " " + words;
  if (!where.empty()) line += " (" + where + ")";
  return line;
}

std::vector<Decision> decisionsOf(std::span<const TrailEntry> entries, const snapshot::RuleBook& rules,
                                  const TrailNames& names) {
  size_t last_endpoint = entries.size();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].outcome == Outcome::kEndpointChosen) last_endpoint = i;
  }
  std::vector<Decision> decisions;
  for (size_t i = 0; i < entries.size(); ++i) {
    const TrailEntry& entry = entries[i];
    const bool is_endpoint = entry.outcome == Outcome::kEndpointChosen;
    decisions.push_back({.micros = entry.micros,
                         .outcome = nameOf(entry.outcome),
                         .words = is_endpoint ? endpointWords(entry, names, i == last_endpoint) : wordsOf(entry, names),
                         .where = rules.textOf(entry.rule())});
  }
  return decisions;
}

std::string describeDetail(Reason reason, int32_t detail) {
  if (detail <= 0) return {};
  switch (reason) {
    case Reason::kConnectRefused:
    case Reason::kConnectFailed:
    case Reason::kUpstreamReset:
    case Reason::kUpstreamClosed:
    case Reason::kClientReset:
    case Reason::kNoDescriptors:
    case Reason::kInternal:
      return fmt::format("errno {}: {}", detail, std::strerror(detail));
    case Reason::kOverloaded:
      return fmt::format("{} % is in use", detail);
    case Reason::kBreakerOpen:
    case Reason::kAdmissionRefused:
      return fmt::format("{} % failed", detail);
    case Reason::kRequestsFull:
    case Reason::kPendingTimeout:
    case Reason::kConnectionsFull:
      return fmt::format("limit {}", detail);
    default:
      return fmt::format("detail {}", detail);
  }
}

}  // namespace remora::admin
