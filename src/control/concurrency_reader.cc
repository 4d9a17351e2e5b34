#include "control/concurrency_reader.h"

#include "base/ascii.h"
#include "control/effective_transport.h"
#include "control/match_reader.h"
#include "control/tls_reader.h"
#include "control/units.h"

namespace remora::control {
namespace {

void readAdaptive(ConfigReader& reader, Fields& fields, model::AdaptiveConcurrency& adaptive) {
  fields.read("min", adaptive.min);
  fields.read("max", adaptive.max);
  fields.read("percentile", adaptive.percentile);
  fields.read("buffer", adaptive.buffer_percent);
  fields.read("sample", adaptive.sample);
  fields.read("min_rtt_every", adaptive.min_rtt_every);
  fields.read("min_rtt_requests", adaptive.min_rtt_requests);
  if (adaptive.min > adaptive.max) reader.error(fields.place(), "'min' is more than 'max'", "a max of at least min");
}

void readBreaker(ConfigReader& reader, Fields& fields, model::CircuitBreaker& breaker) {
  fields.read("window", breaker.window);
  fields.read("requests", breaker.requests);
  fields.read("errors", breaker.errors_percent);
  fields.read("open", breaker.open);
  fields.read("open_most", breaker.open_most);
  fields.read("probes", breaker.probes);
  refuseLonger(reader, fields.place(), "open", breaker.open, breaker.open_most);
}

void readAdmission(ConfigReader&, Fields& fields, model::AdmissionControl& admission) {
  fields.read("threshold", admission.threshold_percent);
  fields.read("aggression", admission.aggression);
  fields.read("window", admission.window);
  fields.read("rate", admission.rate);
  fields.read("reject_most", admission.reject_most_percent);
}

void readIdentity(ConfigReader& reader, const Place& place, std::vector<model::IdentityPriority>& out) {
  Fields fields(reader, place, kPriorityIdentitySpec);
  if (!fields.isOpen()) return;
  model::IdentityPriority& identity = out.emplace_back();
  if (!fields.has("sans") && !fields.has("trust_domains")) {
    reader.error(place, "this is for nobody", "'sans' or 'trust_domains'");
  }
  readIdentityPatterns(reader, fields, model::kIdentityNamesMost, identity.names);
  fields.readWord("is", identity.is);
}

void readIdentities(ConfigReader& reader, Fields& fields, std::vector<model::IdentityPriority>& out) {
  const std::optional<Place> at = fields.find("identities");
  if (!at) return;
  const std::vector<Place> items = reader.items(*at, fields.forms("identities"));
  if (items.size() > model::kIdentityPrioritiesMost) {
    return reader.error(*at, std::to_string(items.size()) + " of them",
                        "at most " + std::to_string(model::kIdentityPrioritiesMost));
  }
  for (const Place& item : items) readIdentity(reader, item, out);
}

std::string wordOf(model::Priority priority) {
  return control::wordOf(kRoutePrioritySpec, "is", static_cast<size_t>(priority));
}

}  // namespace

void readConcurrency(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  readSwitch(reader, service, "adaptive_concurrency", kAdaptiveConcurrencySpec, cluster.adaptive, &readAdaptive);
  readSwitch(reader, service, "circuit_breaker", kCircuitBreakerSpec, cluster.breaker, &readBreaker);
  readSwitch(reader, service, "admission_control", kAdmissionControlSpec, cluster.admission, &readAdmission);
}

void readPriority(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::RoutePriority& out) {
  if (place.isScalar()) {
    if (const auto index = reader.readWord(place, forms)) out.is = static_cast<model::Priority>(*index);
    return;
  }
  Fields fields(reader, place, kRoutePrioritySpec);
  if (!fields.isOpen()) return;
  fields.readWord("is", out.is);
  readIdentities(reader, fields, out.identities);
  fields.read("header", out.header);
  if (const auto at = fields.find("header"); at && !isToken(out.header)) {
    reader.error(*at, quoted(out.header) + " can't be the name of a header", "a name such as x-priority");
  }
  out.header = ascii::toLower(out.header);
  fields.read("raise", out.may_raise);
  if (out.header.empty() && fields.has("raise")) {
    reader.error(*fields.find("raise"), "'raise' has no effect without a header", "a 'header'");
  }
}

void writeConcurrency(YamlWriter& out, const model::Cluster& cluster) {
  if (cluster.adaptive) {
    const model::AdaptiveConcurrency& adaptive = *cluster.adaptive;
    out.open("adaptive_concurrency");
    out.number("min", adaptive.min);
    out.number("max", adaptive.max);
    out.number("percentile", adaptive.percentile);
    out.number("buffer", adaptive.buffer_percent);
    out.entry("sample", durationText(adaptive.sample));
    out.entry("min_rtt_every", durationText(adaptive.min_rtt_every));
    out.number("min_rtt_requests", adaptive.min_rtt_requests);
    out.close();
  } else {
    out.entry("adaptive_concurrency", "false");
  }
  if (cluster.breaker) {
    const model::CircuitBreaker& breaker = *cluster.breaker;
    out.open("circuit_breaker");
    out.entry("window", durationText(breaker.window));
    out.number("requests", breaker.requests);
    out.number("errors", breaker.errors_percent);
    out.entry("open", durationText(breaker.open));
    out.entry("open_most", durationText(breaker.open_most));
    out.number("probes", breaker.probes);
    out.close();
  } else {
    out.entry("circuit_breaker", "false");
  }
  if (cluster.admission) {
    const model::AdmissionControl& admission = *cluster.admission;
    out.open("admission_control");
    out.number("threshold", admission.threshold_percent);
    out.number("aggression", admission.aggression);
    out.entry("window", durationText(admission.window));
    out.number("rate", admission.rate);
    out.number("reject_most", admission.reject_most_percent);
    out.close();
  } else {
    out.entry("admission_control", "false");
  }
}

void writePriority(YamlWriter& out, const model::RoutePriority& priority) {
  if (priority.header.empty() && priority.identities.empty()) {
    out.entry("priority", wordOf(priority.is));
    return;
  }
  out.open("priority");
  out.entry("is", wordOf(priority.is));
  if (!priority.identities.empty()) out.open("identities");
  for (const model::IdentityPriority& identity : priority.identities) {
    out.beginItem();
    writeNames(out, identity.names);
    out.entry("is", wordOf(identity.is));
    out.endItem();
  }
  if (!priority.identities.empty()) out.close();
  if (!priority.header.empty()) {
    out.entry("header", yamlQuoted(priority.header));
    out.flag("raise", priority.may_raise);
  }
  out.close();
}

}  // namespace remora::control
