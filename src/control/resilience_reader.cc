#include "control/resilience_reader.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "control/match_reader.h"
#include "control/suggest.h"

namespace remora::control {
namespace {

constexpr auto& kConditions = model::Retry::kConditions;

void refuseCookieName(ConfigReader& reader, const Place& place, const std::string& name) {
  if (!isToken(name)) reader.error(place, quoted(name) + " can't be the name of a cookie", "a name such as session");
}

enum class Cookies : uint8_t { kFound, kMade };

model::HashKey readHashKey(ConfigReader& reader, const Place& place, Cookies cookies) {
  Fields fields(reader, place, kHashKeySpec);
  if (!fields.isOpen()) return {};
  model::HashKey key = readHashKeyKind(reader, fields);
  const auto ttl = fields.find("ttl");
  if (!ttl) return key;
  fields.read("ttl", key.ttl.emplace());
  if (key.kind != model::HashKey::Kind::kCookie || cookies == Cookies::kFound) {
    reader.error(*ttl, "'ttl' has no effect: only a cookie of a service's 'hash_by' is made where a client lacks it",
                 "no 'ttl' here");
  } else {
    refuseCookieName(reader, *fields.find("cookie"), key.name);
  }
  return key;
}

void readSticky(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Cluster& cluster) {
  model::Sticky& sticky = cluster.sticky.emplace();
  if (place.isScalar()) {
    reader.readScalar(place, forms, sticky.cookie);
    return refuseCookieName(reader, place, sticky.cookie);
  }
  Fields fields(reader, place, kStickySpec);
  if (!fields.isOpen()) return;
  fields.read("cookie", sticky.cookie);
  fields.read("ttl", sticky.ttl);
  fields.read("path", sticky.path);
  if (const auto at = fields.find("cookie")) refuseCookieName(reader, *at, sticky.cookie);
  const auto isPlain = [](char c) { return c > ' ' && c < 0x7F && c != ';'; };
  if (sticky.path.empty() || sticky.path[0] != '/' || !std::ranges::all_of(sticky.path, isPlain)) {
    reader.error(*fields.find("path"), quoted(sticky.path) + " can't be a cookie's path", "a path such as /");
  }
}

void readHashBy(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  const auto at = service.find("hash_by");
  const bool is_hash = cluster.balance == model::Balance::kRingHash || cluster.balance == model::Balance::kMaglev;
  if (!at) {
    if (is_hash) {
      reader.error(service.place(), "balance by hash needs to know of what", "'hash_by'",
                   "hash_by: { source: true } to keep each client at one endpoint");
    }
    return;
  }
  for (const Place& item : reader.items(*at, service.forms("hash_by"))) {
    cluster.hash_by.push_back(readHashKey(reader, item, Cookies::kMade));
  }
  if (!is_hash) {
    reader.error(*at, "'hash_by' has no effect: endpoints aren't chosen by hash", "balance: maglev or ring_hash");
  }
}

void readOutlier(ConfigReader& reader, Fields& fields, model::Outlier& outlier) {
  fields.read("consecutive_5xx", outlier.consecutive_5xx);
  fields.read("consecutive_gateway_errors", outlier.consecutive_gateway_errors);
  fields.read("consecutive_local_failures", outlier.consecutive_local_failures);
  fields.read("eject", outlier.eject);
  fields.read("eject_most", outlier.eject_most);
  fields.read("ejected_most", outlier.ejected_most_percent);
  fields.read("success_rate", outlier.success_rate);
  fields.read("success_rate_stdev_factor", outlier.stdev_factor);
  fields.read("latency_factor", outlier.latency_factor);
  fields.read("interval", outlier.interval);
  fields.read("request_volume", outlier.volume);
  fields.read("minimum_hosts", outlier.hosts);
  for (const std::string_view key : {"interval", "request_volume", "minimum_hosts", "success_rate_stdev_factor"}) {
    const auto at = fields.find(key);
    if (!at || outlier.compares()) continue;
    reader.error(*at, quoted(key) + " has no effect: endpoints aren't compared",
                 "'success_rate: true' or a 'latency_factor'");
  }
  refuseLonger(reader, fields.place(), "eject", outlier.eject, outlier.eject_most);
}

void readCondition(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Retry& retry) {
  std::string text;
  if (!reader.readScalar(place, forms, text)) return;
  if (const auto status = ascii::parseDecimal(text); status && *status >= 400 && *status <= 599) {
    retry.statuses.push_back(static_cast<uint16_t>(*status));
    return;
  }
  const auto known = std::ranges::find(kConditions, text);
  if (known != kConditions.end()) {
    retry.on |= 1U << (known - kConditions.begin());
    return;
  }
  std::string all;
  for (const std::string_view name : kConditions) all += std::string(name) + ", ";
  reader.error(place, "there is no condition " + quoted(text), "one of " + all + "or a status from 400 to 599",
               std::string(nearestName(text, {kConditions.begin(), kConditions.end()})));
}

}  // namespace

model::HashKey readHashKeyKind(ConfigReader& reader, Fields& fields) {
  using Kind = model::HashKey::Kind;
  model::HashKey key;
  for (const auto& [name, kind] : {std::pair("source", Kind::kSource), std::pair("path", Kind::kPath)}) {
    bool is_wanted = true;
    fields.read(name, is_wanted);
    if (fields.has(name)) key.kind = kind;
    if (!is_wanted) reader.error(*fields.find(name), quoted(name) + " can only be true", "true");
  }
  for (const auto& [name, kind] :
       {std::pair("header", Kind::kHeader), std::pair("cookie", Kind::kCookie), std::pair("query", Kind::kQuery)}) {
    if (!fields.has(name)) continue;
    key.kind = kind;
    fields.read(name, key.name);
    if (kind == Kind::kHeader) key.name = ascii::toLower(key.name);
    if (key.name.empty()) reader.error(*fields.find(name), "the name is empty", "a name");
  }
  return key;
}

bool readRate(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::RateLimit& limit) {
  std::string text;
  if (!reader.readScalar(place, forms, text)) return false;
  const size_t slash = text.find('/');
  const auto count = ascii::parseDecimal(std::string_view(text).substr(0, slash));
  const std::string_view unit =
      slash == std::string::npos ? std::string_view() : std::string_view(text).substr(slash + 1);
  constexpr std::pair<std::string_view, uint32_t> kUnits[] = {{"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
  const auto* const known = std::ranges::find(kUnits, unit, &std::pair<std::string_view, uint32_t>::first);
  if (!count || *count == 0 || *count > 1'000'000'000 || known == std::end(kUnits)) {
    reader.error(place, quoted(text) + " is no rate", "a rate such as 500/s, 30/m or 1000/h");
    return false;
  }
  limit.requests = static_cast<uint32_t>(*count);
  limit.per = Milliseconds(known->second);
  limit.burst = std::max(static_cast<uint32_t>(*count * 1000 / known->second), 1U);
  return true;
}

void readRateLimit(ConfigReader& reader, Fields& fields, model::RateLimit& limit) {
  if (const auto at = fields.find("requests")) readRate(reader, *at, fields.forms("requests"), limit);
  fields.read("burst", limit.burst);
  if (const auto at = fields.find("key")) {
    for (const Place& item : reader.items(*at, fields.forms("key")))
      limit.key.push_back(readHashKey(reader, item, Cookies::kFound));
  }
  fields.read("keys", limit.keys_most);
  fields.read("shadow", limit.shadow);
}

void readSplitBy(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Forward& forward) {
  for (const Place& item : reader.items(place, forms)) {
    forward.split_by.push_back(readHashKey(reader, item, Cookies::kFound));
  }
}

void readHedge(ConfigReader& reader, const Place& place, std::span<const Form> forms,
               std::optional<model::Hedge>& hedge) {
  if (place.isScalar()) {
    const std::string& text = place.node->text;
    if (text == "true" || text == "false") {
      if (text == "true") hedge.emplace();
      return;
    }
    reader.readDuration(place, forms, hedge.emplace().after);
    return;
  }
  Fields fields(reader, place, kHedgeSpec);
  if (!fields.isOpen()) return;
  hedge.emplace();
  fields.read("after", hedge->after);
  fields.read("percent", hedge->percent);
  fields.read("floor", hedge->floor);
}

void readFault(ConfigReader& reader, const Place& place, model::Fault& fault) {
  Fields fields(reader, place, kFaultSpec);
  if (!fields.isOpen()) return;
  fields.read("delay", fault.delay);
  fields.read("delay_percent", fault.delay_percent);
  fields.read("abort", fault.abort);
  fields.read("abort_percent", fault.abort_percent);
  fields.read("header", fault.header);
  fault.header = ascii::toLower(fault.header);
  if (const auto at = fields.find("header"); at && !isToken(fault.header)) {
    reader.error(*at, quoted(fault.header) + " can't be the name of a header", "a name such as x-fault");
  }
  if (fault.delay.count() == 0 && fault.abort == 0) {
    reader.error(place, "the fault does nothing", "a 'delay', an 'abort' or both");
  }
}

void readResilience(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  service.readWord("balance", cluster.balance);
  readHashBy(reader, service, cluster);
  if (const auto at = service.find("sticky")) {
    readSticky(reader, *at, service.forms("sticky"), cluster);
    if (std::ranges::any_of(cluster.hash_by, [](const model::HashKey& key) { return key.ttl.has_value(); })) {
      reader.error(*at, "'sticky' and a cookie of 'hash_by' that is made exclude each other", "one of them");
    }
  }
  service.read("slow_start", cluster.slow_start);
  service.read("panic", cluster.panic_percent);
  readSwitch(reader, service, "outlier", kOutlierSpec, cluster.outlier, &readOutlier);
  if (const auto at = service.find("retry_budget")) {
    Fields fields(reader, *at, kRetryBudgetSpec);
    if (fields.isOpen()) {
      fields.read("percent", cluster.retry_budget.percent);
      fields.read("floor", cluster.retry_budget.floor);
    }
  }
}

void readRetry(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Retry& retry) {
  if (place.isScalar()) {
    uint64_t attempts = retry.attempts;
    reader.readInteger(place, forms, attempts);
    retry.attempts = static_cast<uint32_t>(attempts);
    return;
  }
  Fields fields(reader, place, kRetrySpec);
  if (!fields.isOpen()) return;
  fields.read("attempts", retry.attempts);
  if (const auto at = fields.find("on")) {
    retry.on = 0;
    const std::span<const Form> items = fields.forms("on").back().items;
    for (const Place& item : reader.items(*at, fields.forms("on"))) readCondition(reader, item, items, retry);
  }
  fields.read("non_idempotent", retry.non_idempotent);
  fields.read("try_timeout", retry.try_timeout);
  fields.read("backoff", retry.backoff);
  fields.read("backoff_most", retry.backoff_most);
  fields.read("retry_after_most", retry.retry_after_most);
  fields.read("body", retry.body);
  refuseLonger(reader, place, "backoff", retry.backoff, retry.backoff_most);
  const bool waits_for_try = retry.on & model::Retry::kTimeout;
  if (waits_for_try && retry.try_timeout.count() == 0) {
    reader.error(place, "'on: timeout' has no effect: an attempt has all the time there is", "a 'try_timeout'");
  }
}

}  // namespace remora::control
