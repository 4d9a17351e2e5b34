#include "control/health_check_reader.h"

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "control/config_keys.h"
#include "control/effective_transport.h"
#include "control/suggest.h"
#include "control/units.h"
#include "http/grpc_health.h"

namespace remora::control {
namespace {

using Kind = model::HealthCheck::Kind;

constexpr size_t kPathMost = 2048;
constexpr size_t kStatusesMost = 32;
// What may stand in a request line as it is; '#' would begin a fragment, which is never sent.
bool isTarget(std::string_view path) {
  return path.starts_with('/') && path.size() <= kPathMost &&
         std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

bool isHost(std::string_view host) {
  constexpr size_t kLongest = 255;
  const auto fits = [](char c) {
    return ascii::isAlpha(c) || ascii::isDigit(c) || std::string_view("-_.:[]").contains(c);
  };
  return !host.empty() && host.size() <= kLongest && std::ranges::all_of(host, fits);
}

void readPath(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::HealthCheck& check) {
  check.kind = Kind::kHttp;
  std::string path;
  if (!reader.readScalar(place, forms, path)) return;
  if (!isTarget(path)) {
    reader.error(place, quoted(path) + " is no path to ask for",
                 "a path such as /healthz, percent-encoded where needed");
    return;
  }
  check.path = std::move(path);
}

void readGrpc(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::HealthCheck& check) {
  check.kind = Kind::kGrpc;
  if (!place.node->is_quoted && place.isScalar() && place.node->text == "true") return;
  std::string name;
  if (place.isFalse()) {
    reader.error(place, "'grpc' can't be false", "true, or the name of a gRPC service");
  } else if (reader.readScalar(place, forms.subspan(1), name)) {
    if (name.size() > http::grpc::kHealthServiceBytesMost) {
      reader.error(place, "the name of the gRPC service is too long",
                   "at most " + std::to_string(http::grpc::kHealthServiceBytesMost) + " bytes");
      return;
    }
    check.grpc_service = std::move(name);
  }
}

std::optional<uint16_t> parseStatus(std::string_view text) {
  const std::optional<uint64_t> status = ascii::parseDecimal(text);
  if (!status || *status < 100 || *status > 599) return std::nullopt;
  return static_cast<uint16_t>(*status);
}

// "204" or "200..299".
void readStatuses(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::HealthCheck& check) {
  std::string text;
  if (!reader.readScalar(place, forms, text)) return;
  const size_t dots = text.find("..");
  const std::string_view whole = text;
  const std::optional<uint16_t> first = parseStatus(whole.substr(0, dots));
  const std::optional<uint16_t> last = dots == std::string::npos ? first : parseStatus(whole.substr(dots + 2));
  if (!first || !last || *first > *last) {
    reader.error(place, quoted(text) + " are no statuses", "a status such as 204, or a range such as 200..299");
    return;
  }
  check.statuses.emplace_back(*first, *last);
}

void readHttpOptions(ConfigReader& reader, Fields& fields, model::HealthCheck& check) {
  for (const char* key : {"statuses", "method"}) {
    const auto at = fields.find(key);
    if (at && check.kind != Kind::kHttp) {
      reader.error(*at, quoted(key) + " has no effect: the check isn't http", "'http', or without " + quoted(key));
      return;
    }
  }
  if (const auto at = fields.find("statuses")) {
    check.statuses.clear();
    const auto forms = fields.forms("statuses");
    const std::vector<Place> items = reader.items(*at, forms);
    if (items.size() > kStatusesMost) {
      reader.error(*at, "too many statuses", "at most " + std::to_string(kStatusesMost) + ", or ranges");
      return;
    }
    for (const Place& item : items) readStatuses(reader, item, forms.first(2), check);
  }
  fields.read("method", check.method);
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS"};
  if (std::ranges::find(kMethods, check.method) == std::end(kMethods)) {
    reader.error(*fields.find("method"), "a check can't ask by " + quoted(check.method), "one of GET, HEAD or OPTIONS",
                 std::string(nearestName(check.method, {kMethods, std::end(kMethods)})));
  }
}

void readKind(ConfigReader& reader, Fields& fields, model::HealthCheck& check) {
  if (const auto at = fields.find("http")) readPath(reader, *at, fields.forms("http"), check);
  if (const auto at = fields.find("grpc")) readGrpc(reader, *at, fields.forms("grpc"), check);
  if (const auto at = fields.find("tcp")) {
    check.kind = Kind::kTcp;
    bool is_wanted = true;
    fields.read("tcp", is_wanted);
    if (!is_wanted) reader.error(*at, "'tcp' can only be true", "true");
  }
}

void refuseContradictions(ConfigReader& reader, const Place& place, const model::Cluster& cluster) {
  const model::HealthCheck& check = *cluster.health_check;
  if (check.kind == Kind::kGrpc && !cluster.mayBeHttp2()) {
    reader.error(place, "a gRPC check needs HTTP/2, which the service doesn't speak",
                 "protocol: http2 for the service");
  }
}

}  // namespace

void readHealthCheck(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  const auto place = service.find("health_check");
  if (!place || place->isFalse()) return;
  model::HealthCheck& check = cluster.health_check.emplace();
  if (place->isScalar()) return readPath(reader, *place, service.forms("health_check"), check);
  Fields fields(reader, *place, kHealthCheckSpec);
  if (!fields.isOpen()) return;
  readKind(reader, fields, check);
  fields.read("interval", check.interval);
  fields.read("interval_idle", check.interval_idle);
  fields.read("timeout", check.timeout);
  fields.read("jitter", check.jitter_percent);
  fields.read("unhealthy_threshold", check.unhealthy_threshold);
  fields.read("healthy_threshold", check.healthy_threshold);
  fields.read("port", check.port);
  fields.read("host", check.host);
  if (const auto at = fields.find("host"); at && !isHost(check.host)) {
    reader.error(*at, quoted(check.host) + " is no host", "a host name, with or without port");
  }
  readHttpOptions(reader, fields, check);
  refuseContradictions(reader, *place, cluster);
}

void writeHealthCheck(YamlWriter& out, const std::optional<model::HealthCheck>& check) {
  if (!check) return out.entry("health_check", "false");
  out.open("health_check");
  switch (check->kind) {
    case Kind::kHttp: {
      out.text("http", check->path);
      out.text("method", check->method);
      std::vector<std::string> statuses;
      for (const auto& [first, last] : check->statuses) {
        statuses.push_back(std::to_string(first) + ".." + std::to_string(last));
      }
      out.entry("statuses", flowList(statuses));
      break;
    }
    case Kind::kGrpc:
      if (check->grpc_service.empty()) {
        out.flag("grpc", true);
      } else {
        out.entry("grpc", yamlQuoted(check->grpc_service));
      }
      break;
    case Kind::kTcp:
      out.flag("tcp", true);
      break;
  }
  out.entry("interval", durationText(check->interval));
  out.entry("interval_idle", durationText(check->interval_idle));
  out.entry("timeout", durationText(check->timeout));
  out.number("jitter", check->jitter_percent);
  out.number("unhealthy_threshold", check->unhealthy_threshold);
  out.number("healthy_threshold", check->healthy_threshold);
  if (check->port) out.number("port", check->port);
  if (!check->host.empty()) out.text("host", check->host);
  out.close();
}

}  // namespace remora::control
