#include "control/route_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "control/concurrency_reader.h"
#include "control/destination_reader.h"
#include "control/header_changes_reader.h"
#include "control/limit_service_reader.h"
#include "control/match_reader.h"
#include "control/path_pattern.h"
#include "control/resilience_reader.h"
#include "control/service_reader.h"
#include "control/suggest.h"

namespace remora::control {

namespace {

constexpr size_t kLongestLabel = 128;
constexpr size_t kLargestBody = 64 << 10;  // a direct answer is a sentence or a small page, not a download

class RouteReader {
 public:
  RouteReader(ConfigReader& reader, Place place, const std::vector<std::string_view>& services)
      : reader_(reader), services_(services), fields_(reader, std::move(place), kRouteSpec) {}

  HostedRoute read(size_t index);

 private:
  void readAction();
  void readTo();
  void readSplit(const Place& place);
  void readMirrors(const Place& place);
  void readRedirect(const Place& place);
  void readAnswer(const Place& place);
  void readRewrite(const Place& place);
  void readOutgoingPath(Fields& fields, std::string_view key, OwnQuery own_query, std::optional<std::string>& out);
  void readPrefix(Fields& fields, std::optional<std::string>& out);
  void readHost(Fields& fields, std::optional<std::string>& out);
  void refuseWithoutForward();

  ConfigReader& reader_;
  const std::vector<std::string_view>& services_;
  Fields fields_;
  HostedRoute out_;
};

HostedRoute RouteReader::read(size_t index) {
  model::Route& route = out_.route;
  route.origin = reader_.origin(fields_.place());
  route.name = "routes[" + std::to_string(index) + "]";
  out_.hosts = {"*"};
  out_.hosts_origin = route.origin;
  if (!fields_.isOpen()) return std::move(out_);
  readLabel(reader_, fields_, "name", route.name);
  if (const auto at = fields_.find("match")) readMatch(reader_, *at, out_);
  readAction();
  if (const auto at = fields_.find("rewrite")) readRewrite(*at);
  if (const auto at = fields_.find("request_headers")) {
    readHeaderChanges(reader_, *at, MessageSide::kRequest, route.request_headers);
  }
  if (const auto at = fields_.find("response_headers")) {
    readHeaderChanges(reader_, *at, MessageSide::kResponse, route.response_headers);
  }
  fields_.read("timeout", route.timeout);
  fields_.read("idle_timeout", route.idle_timeout);
  if (const auto at = fields_.find("rate_limit")) {
    readRouteLimit(reader_, *at, fields_.forms("rate_limit"), route);
  }
  if (const auto at = fields_.find("priority")) readPriority(reader_, *at, fields_.forms("priority"), route.priority);
  if (const auto at = fields_.find("hedge")) readHedge(reader_, *at, fields_.forms("hedge"), route.hedge);
  if (const auto at = fields_.find("mirror")) readMirrors(*at);
  if (const auto at = fields_.find("fault")) readFault(reader_, *at, route.fault.emplace());
  if (const auto at = fields_.find("retry")) readRetry(reader_, *at, fields_.forms("retry"), route.retry.emplace());
  refuseWithoutForward();
  return std::move(out_);
}

// Which of them is given, and that it is only one, was checked when the fields were opened.
void RouteReader::readAction() {
  readTo();
  if (const auto at = fields_.find("split")) readSplit(*at);
  if (const auto at = fields_.find("redirect")) readRedirect(*at);
  if (const auto at = fields_.find("answer")) readAnswer(*at);
}

void RouteReader::readTo() {
  const std::optional<Place> place = fields_.find("to");
  if (!place) return;
  model::WeightedCluster cluster{.cluster = {}, .weight = 1, .origin = reader_.origin(*place)};
  readDestination(reader_, *place, fields_.forms("to"), services_, cluster);
  if (const auto at = fields_.find("split_by")) {
    reader_.error(*at, "'split_by' has no effect: this route leads to one service", "a 'split'");
  }
  out_.route.action = model::Forward{{std::move(cluster)}};
}

void RouteReader::readSplit(const Place& place) {
  model::Forward forward;
  uint64_t sum = 0;
  const size_t errors_before = reader_.errorCount();
  for (const Place& item : reader_.items(place, fields_.forms("split"))) {
    Fields fields(reader_, item, kSplitSpec);
    if (!fields.isOpen()) continue;
    model::WeightedCluster cluster{.cluster = {}, .weight = 1, .origin = reader_.origin(item)};
    if (const auto at = fields.find("to")) readDestination(reader_, *at, fields.forms("to"), services_, cluster);
    fields.read("weight", cluster.weight);
    sum += cluster.weight;
    forward.clusters.push_back(std::move(cluster));
  }
  if (reader_.errorCount() == errors_before && sum == 0) {
    reader_.error(place, "every weight is 0: no request could be sent anywhere", "at least one weight above 0");
  }
  if (sum > UINT32_MAX) reader_.error(place, "the weights add up to too much", "a sum of at most 4294967295");
  if (const auto at = fields_.find("split_by")) readSplitBy(reader_, *at, fields_.forms("split_by"), forward);
  out_.route.action = std::move(forward);
}

void RouteReader::readMirrors(const Place& place) {
  for (const Place& item : reader_.items(place, fields_.forms("mirror"))) {
    model::Mirror mirror{.to = {.cluster = {}, .weight = 1, .origin = reader_.origin(item)}};
    if (item.isScalar()) {
      readServiceName(reader_, item, fields_.forms("mirror"), services_, mirror.to.cluster);
    } else {
      Fields fields(reader_, item, kMirrorSpec);
      if (!fields.isOpen()) continue;
      if (const auto at = fields.find("to"))
        readServiceName(reader_, *at, fields.forms("to"), services_, mirror.to.cluster);
      fields.read("percent", mirror.percent);
    }
    out_.route.mirrors.push_back(std::move(mirror));
  }
}

void RouteReader::readRedirect(const Place& place) {
  Fields fields(reader_, place, kRedirectSpec);
  model::Redirect redirect;
  if (!fields.isOpen()) return;
  fields.read("status", redirect.status);
  if (const auto at = fields.find("status")) {
    const uint16_t s = redirect.status;
    if (s != 301 && s != 302 && s != 303 && s != 307 && s != 308) {
      reader_.error(*at, std::to_string(s) + " is not a redirect that remora can send", "301, 302, 303, 307 or 308");
    }
  }
  if (const auto index = fields.wordIndex("scheme")) redirect.scheme = *index == 0 ? "http" : "https";
  readHost(fields, redirect.host);
  if (fields.has("port")) {
    uint16_t port = 0;
    fields.read("port", port);
    redirect.port = port;
  }
  readOutgoingPath(fields, "path", OwnQuery::kAllowed, redirect.path);
  readPrefix(fields, redirect.path_prefix);
  if (redirect.path && redirect.path_prefix) {
    reader_.error(place, "'path' and 'path_prefix' exclude each other", "one of them");
  }
  if (!fields.has("scheme") && !fields.has("host") && !fields.has("port") && !fields.has("path") &&
      !fields.has("path_prefix")) {
    reader_.error(place, "the redirect changes nothing, clients would come back for ever",
                  "at least one of scheme, host, port, path, path_prefix");
  }
  out_.route.action = std::move(redirect);
}

void RouteReader::readAnswer(const Place& place) {
  model::DirectAnswer answer;
  if (place.isScalar()) {
    uint64_t status = answer.status;
    reader_.readInteger(place, fields_.forms("answer"), status);
    answer.status = static_cast<uint16_t>(status);
    out_.route.action = std::move(answer);
    return;
  }
  Fields fields(reader_, place, kAnswerSpec);
  if (!fields.isOpen()) return;
  fields.read("status", answer.status);
  fields.read("body", answer.body);
  fields.read("content_type", answer.content_type);
  if (const auto at = fields.find("body")) {
    if (answer.body.size() > kLargestBody) reader_.error(*at, "the body is too long", "at most 64KiB");
    const bool has_none = answer.status == 204 || answer.status == 205 || answer.status == 304;
    if (has_none && !answer.body.empty()) {
      reader_.error(*at, "an answer with status " + std::to_string(answer.status) + " has no body", "no 'body'");
    }
  }
  if (const auto at = fields.find("content_type")) {
    if (const std::optional<Misspelt> refused = refuseHeaderValue(answer.content_type)) reader_.error(*at, *refused);
    if (answer.content_type.empty()) reader_.error(*at, "the content type is empty", "one such as application/json");
  }
  out_.route.action = std::move(answer);
}

void RouteReader::readRewrite(const Place& place) {
  Fields fields(reader_, place, kRewriteSpec);
  if (!fields.isOpen()) return;
  model::Rewrite rewrite;
  readOutgoingPath(fields, "path", OwnQuery::kRefused, rewrite.path);
  readPrefix(fields, rewrite.path_prefix);
  readHost(fields, rewrite.host);
  if (rewrite.path && rewrite.path_prefix) {
    reader_.error(place, "'path' and 'path_prefix' exclude each other", "one of them");
  }
  if (place.node->entries.empty()) reader_.error(place, "the rewrite changes nothing", "path, path_prefix or host");
  out_.route.rewrite = std::move(rewrite);
}

void RouteReader::readOutgoingPath(Fields& fields, std::string_view key, OwnQuery own_query,
                                   std::optional<std::string>& out) {
  fields.read(key, out);
  if (!out) return;
  const model::PathMatch& path = out_.route.match.path;
  const bool has_variables = path.kind == model::PathMatch::Kind::kTemplate;
  const std::vector<std::string> variables = has_variables ? templateVariables(path.text) : std::vector<std::string>();
  if (const std::optional<Misspelt> refused = refuseNewPath(*out, own_query, variables)) {
    reader_.error(*fields.find(key), *refused);
  }
}

void RouteReader::readPrefix(Fields& fields, std::optional<std::string>& out) {
  fields.read("path_prefix", out);
  if (!out) return;
  const Place place = *fields.find("path_prefix");
  const std::optional<Misspelt> refused = refuseOutgoingPath(*out, OwnQuery::kRefused);
  if (refused) reader_.error(place, *refused);
  if (!refused && out->find_first_of("{}*") != std::string::npos) {
    reader_.error(place, quoted(*out) + " is taken as it is", "a plain path such as /v2");
  }
  if (out_.route.match.path.kind != model::PathMatch::Kind::kPrefix) {
    reader_.error(place, "there is no prefix to replace", "a match.path that ends with /*, such as \"/old/*\"",
                  "to replace the whole path use path:");
  }
}

void RouteReader::readHost(Fields& fields, std::optional<std::string>& out) {
  fields.read("host", out);
  if (!out) return;
  // Unlike a pattern, a host that is sent may carry a port.
  std::string_view name = *out;
  const size_t colon = name.rfind(':');
  const bool has_port = colon != std::string_view::npos && name.find(']', colon) == std::string_view::npos &&
                        ascii::parseDecimal(name.substr(colon + 1)).value_or(65536) <= 65535;
  if (has_port && (name.find(':') == colon || name.starts_with('['))) name = name.substr(0, colon);
  std::optional<Misspelt> refused = refuseHost(name);
  if (!refused && name.find('*') != std::string_view::npos) {
    refused = Misspelt{quoted(*out) + " is a pattern", "one host name"};
  }
  if (refused) reader_.error(*fields.find("host"), *refused);
}

// What would silently have no effect is an error.
void RouteReader::refuseWithoutForward() {
  if (fields_.has("to") || fields_.has("split") || (!fields_.has("redirect") && !fields_.has("answer"))) return;
  for (const std::string_view key : {"rewrite", "request_headers", "timeout", "idle_timeout", "priority", "retry",
                                     "hedge", "fault", "split_by", "mirror"}) {
    const std::optional<Place> at = fields_.find(key);
    if (!at) continue;
    reader_.error(*at, quoted(key) + " has no effect: this route forwards nothing", "a route with 'to' or 'split'");
  }
}

}  // namespace

std::vector<HostedRoute> readRoutes(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                                    const std::vector<std::string_view>& services) {
  std::vector<HostedRoute> routes;
  const std::vector<Place> items = reader.items(place, forms);
  for (size_t i = 0; i < items.size(); ++i) routes.push_back(RouteReader(reader, items[i], services).read(i));
  return routes;
}

void readLabel(ConfigReader& reader, Fields& fields, std::string_view key, std::string& out) {
  std::optional<std::string> text;
  fields.read(key, text);
  if (!text) return;
  const auto isPrintable = [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; };
  if (text->empty() || text->size() > kLongestLabel || !std::ranges::all_of(*text, isPrintable)) {
    reader.error(*fields.find(key), "the name " + quoted(*text) + " can't be a metric label",
                 "1 to " + std::to_string(kLongestLabel) + " visible ASCII characters without quotes");
    return;
  }
  out = std::move(*text);
}

}  // namespace remora::control
