#include "control/effective_resilience.h"

#include <vector>

#include "control/effective_transport.h"
#include "control/resilience_reader.h"
#include "control/units.h"

namespace remora::control {
namespace {

// Without the braces.
std::string textOf(const model::HashKey& key) {
  using Kind = model::HashKey::Kind;
  switch (key.kind) {
    case Kind::kSource:
      return "source: true";
    case Kind::kPath:
      return "path: true";
    case Kind::kHeader:
      return "header: " + yamlQuoted(key.name);
    case Kind::kCookie:
      return "cookie: " + yamlQuoted(key.name) + (key.ttl ? ", ttl: " + durationText(*key.ttl) : "");
    case Kind::kQuery:
      return "query: " + yamlQuoted(key.name);
  }
  return {};
}

}  // namespace

void writeHashKeys(YamlWriter& out, std::string_view name, const std::vector<model::HashKey>& keys) {
  if (keys.empty()) return;
  out.open(name);
  for (const model::HashKey& key : keys) out.item("{ " + textOf(key) + " }");
  out.close();
}

void writeResilience(YamlWriter& out, const model::Cluster& cluster) {
  out.entry("balance", wordOf(kServiceSpec, "balance", static_cast<size_t>(cluster.balance)));
  writeHashKeys(out, "hash_by", cluster.hash_by);
  if (cluster.sticky) {
    out.open("sticky");
    out.text("cookie", cluster.sticky->cookie);
    out.entry("ttl", durationText(cluster.sticky->ttl));
    out.text("path", cluster.sticky->path);
    out.close();
  }
  out.entry("slow_start", durationText(cluster.slow_start));
  out.number("panic", cluster.panic_percent);
  if (cluster.outlier) {
    out.open("outlier");
    out.number("consecutive_5xx", cluster.outlier->consecutive_5xx);
    out.number("consecutive_gateway_errors", cluster.outlier->consecutive_gateway_errors);
    out.number("consecutive_local_failures", cluster.outlier->consecutive_local_failures);
    out.entry("eject", durationText(cluster.outlier->eject));
    out.entry("eject_most", durationText(cluster.outlier->eject_most));
    out.number("ejected_most", cluster.outlier->ejected_most_percent);
    out.flag("success_rate", cluster.outlier->success_rate);
    out.number("latency_factor", cluster.outlier->latency_factor);
    if (cluster.outlier->compares()) {
      out.number("success_rate_stdev_factor", cluster.outlier->stdev_factor);
      out.entry("interval", durationText(cluster.outlier->interval));
      out.number("request_volume", cluster.outlier->volume);
      out.number("minimum_hosts", cluster.outlier->hosts);
    }
    out.close();
  } else {
    out.entry("outlier", "false");
  }
  out.open("retry_budget");
  out.number("percent", cluster.retry_budget.percent);
  out.number("floor", cluster.retry_budget.floor);
  out.close();
}

namespace {

void writeRate(YamlWriter& out, const model::RateLimit& limit) {
  const int64_t per = limit.per.count();
  out.text("requests", std::to_string(limit.requests) + (per == 1000 ? "/s" : per == 60'000 ? "/m" : "/h"));
  out.number("burst", limit.burst);
  writeHashKeys(out, "key", limit.key);
  out.flag("shadow", limit.shadow);
}

std::string textOf(const model::DescriptorEntry& entry) {
  return "{ key: " + yamlQuoted(entry.key) + ", " +
         (entry.from ? textOf(*entry.from) : "value: " + yamlQuoted(entry.value)) + " }";
}

// One of them in the short form: its entries.
void writeDescriptors(YamlWriter& out, const std::vector<model::Descriptor>& descriptors) {
  out.open("descriptors");
  for (const model::Descriptor& descriptor : descriptors) {
    std::string all;
    for (const model::DescriptorEntry& entry : descriptor) {
      if (descriptors.size() == 1) out.item(textOf(entry));
      all += (all.empty() ? "[" : ", ") + textOf(entry);
    }
    if (descriptors.size() > 1) out.item(all + "]");
  }
  out.close();
}

void writeRedis(YamlWriter& out, const model::RateLimitService& service) {
  out.text("redis", service.cluster);
  if (!service.user.empty()) out.text("user", service.user);
  if (!service.password_file.empty()) out.text("password_file", service.password_file);
  out.number("database", service.database);
  out.text("prefix", service.prefix);
}

}  // namespace

void writeRateLimit(YamlWriter& out, const model::RateLimit& limit) {
  out.open("rate_limit");
  writeRate(out, limit);
  if (!limit.key.empty()) out.number("keys", limit.keys_most);
  out.close();
}

void writeSharedLimit(YamlWriter& out, const model::SharedLimit& limit) {
  out.open("rate_limit");
  out.text("service", limit.service);
  if (limit.descriptors.empty()) {
    out.text("name", limit.name);
    writeRate(out, limit.rate);
  } else {
    writeDescriptors(out, limit.descriptors);
    out.flag("shadow", limit.rate.shadow);
  }
  out.close();
}

void writeLimitServices(YamlWriter& out, const std::vector<model::RateLimitService>& services) {
  if (services.empty()) return;
  out.open("rate_limit_services");
  for (const model::RateLimitService& service : services) {
    out.open(yamlScalar(service.name));
    if (service.kind == model::RateLimitService::Kind::kRedis) {
      writeRedis(out, service);
    } else {
      out.text("grpc", service.cluster);
      out.text("domain", service.domain);
    }
    out.entry("timeout", durationText(service.timeout));
    out.entry("on_failure", wordOf(kLimitServiceSpec, "on_failure", static_cast<size_t>(service.on_failure)));
    out.number("pending", service.pending);
    out.entry("stall", durationText(service.stall));
    out.entry("backoff", durationText(service.backoff));
    out.entry("backoff_most", durationText(service.backoff_most));
    out.close();
  }
  out.close();
}

void writeFault(YamlWriter& out, const model::Fault& fault) {
  out.open("fault");
  if (fault.delay.count() > 0) {
    out.entry("delay", durationText(fault.delay));
    out.number("delay_percent", fault.delay_percent);
  }
  if (fault.abort) {
    out.number("abort", fault.abort);
    out.number("abort_percent", fault.abort_percent);
  }
  if (!fault.header.empty()) out.text("header", fault.header);
  out.close();
}

void writeHedge(YamlWriter& out, const model::Hedge& hedge) {
  out.open("hedge");
  out.entry("after", durationText(hedge.after));
  out.number("percent", hedge.percent);
  out.number("floor", hedge.floor);
  out.close();
}

void writeMirrors(YamlWriter& out, const std::vector<model::Mirror>& mirrors) {
  if (mirrors.empty()) return;
  out.open("mirror");
  for (const model::Mirror& mirror : mirrors) {
    out.item("{ to: " + yamlQuoted(mirror.to.cluster) + ", percent: " + std::to_string(mirror.percent) + " }");
  }
  out.close();
}

void writeRetry(YamlWriter& out, const model::Retry& retry) {
  std::vector<std::string> on;
  for (size_t i = 0; i < model::Retry::kConditions.size(); ++i) {
    if (retry.on & 1U << i) on.emplace_back(model::Retry::kConditions[i]);
  }
  for (const uint16_t status : retry.statuses) on.push_back(std::to_string(status));
  out.open("retry");
  out.number("attempts", retry.attempts);
  out.entry("on", flowList(on));
  out.flag("non_idempotent", retry.non_idempotent);
  out.entry("try_timeout", durationText(retry.try_timeout));
  out.entry("backoff", durationText(retry.backoff));
  out.entry("backoff_most", durationText(retry.backoff_most));
  out.entry("retry_after_most", durationText(retry.retry_after_most));
  out.entry("body", sizeText(retry.body));
  out.close();
}

}  // namespace remora::control
