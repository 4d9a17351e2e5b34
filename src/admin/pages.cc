#include "admin/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "admin/json.h"
#include "admin/text_table.h"
#include "admin/words.h"

namespace remora::admin {
namespace {

using http::Method;

bool mayUse(const Pages::Row& row, Method method) {
  if (method == Method::kPost) return row.methods.find("POST") != std::string_view::npos;
  const bool reads = method == Method::kGet || method == Method::kHead;
  return reads && row.methods.find("GET") != std::string_view::npos;
}

Page jsonPage(const Json& json) {
  return {.content_type = std::string(kJsonContent), .body = printJson(json)};
}

std::string_view nameOf(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kServing:
      return "serving";
    case Phase::kDraining:
      return "draining";
  }
  return "unknown";
}

std::string readySentence(Phase phase, const std::string& last_error, const std::string& overload) {
  switch (phase) {
    case Phase::kStarting:
      return "not ready: starting; nothing is accepted yet";
    case Phase::kDraining:
      return "not ready: draining; running exchanges finish, and then remora ends";
    case Phase::kServing:
      break;
  }
  std::string sentence = "ready";
  if (!overload.empty()) sentence += "; overloaded: " + overload;
  if (!last_error.empty()) sentence += "; the last reload failed: " + last_error;
  return sentence;
}

}  // namespace

std::span<const Pages::Row> Pages::rows() {
  static constexpr std::array<Row, 10> kRows = {{
      {"/", "GET, HEAD", "this list", &Pages::index},
      {"/live", "GET, HEAD", "200 while the admin loop turns", &Pages::live},
      {"/ready", "GET, HEAD", "200 while remora serves; 503 while it starts or drains; says when a reload failed",
       &Pages::ready},
      {"/metrics", "GET, HEAD", "counters and latencies as Prometheus text", &Pages::metrics},
      {"/config", "GET, HEAD", "the configuration that serves, every default written out", &Pages::config},
      {"/clusters", "GET, HEAD", "services, their endpoints and what is going on at each", &Pages::clusters},
      {"/recent", "GET, HEAD",
       "the last exchanges with every decision; ?n= ?status=503|5xx ?reason= ?route= ?service= ?id=", &Pages::recent},
      {"/explain", "GET, HEAD, POST",
       "what would happen to a request; ?url= ?method= ?header=Name:value ?source= ?listener= ?direction=",
       &Pages::explain},
      {"/drain", "POST", "begins to drain, as SIGTERM does", &Pages::drain},
      {"/log-level", "GET, HEAD, POST", "the process log's level; POST ?level=debug|info|warning|error sets it",
       &Pages::logLevel},
  }};
  return kRows;
}

loop::Task<Page> Pages::answer(PageRequest request) {
  const auto row = std::ranges::find_if(rows(), [&](const Row& each) { return each.path == request.path; });
  if (row == rows().end()) {
    co_return sayingPage(request, 404, "there is no page " + shown(request.path) + "; see / for the list");
  }
  if (!mayUse(*row, request.method)) {
    const bool changes = row->methods == "POST";
    Page page = sayingPage(
        request, 405,
        changes ? fmt::format("{} changes the process, so it takes only POST: curl -X POST ...{}", row->path, row->path)
                : fmt::format("{} takes only {}", row->path, row->methods));
    page.allow = row->methods;
    co_return page;
  }
  co_return co_await (this->*row->handler)(std::move(request));
}

loop::Task<Page> Pages::index(PageRequest request) {
  if (formatOf(request) == Format::kJson) {
    Json list = Json::array();
    for (const Row& row : rows())
      list.push_back({{"path", row.path}, {"methods", row.methods}, {"what", row.sentence}});
    co_return jsonPage({{"version", REMORA_VERSION}, {"pages", std::move(list)}});
  }
  TextTable table({"PAGE", "METHODS", "WHAT"});
  for (const Row& row : rows()) {
    table.add({std::string(row.path), std::string(row.methods), std::string(row.sentence)});
  }
  co_return Page{.body = "remora " REMORA_VERSION
                         "; pages give JSON with ?format=json or Accept: application/json\n\n" +
                         table.print("")};
}

loop::Task<Page> Pages::live(PageRequest request) {
  co_return sayingPage(request, 200, "alive");
}

loop::Task<Page> Pages::ready(PageRequest request) {
  const Phase phase = process_.phase();
  const ReloadFacts reloads = process_.reloads();
  const std::string overload = process_.overload().sentence;
  const bool is_ready = phase == Phase::kServing;
  Page page{.status = static_cast<uint16_t>(is_ready ? 200 : 503)};
  if (formatOf(request) == Format::kJson) {
    page.content_type = kJsonContent;
    page.body = printJson({{"ready", is_ready},
                           {"phase", nameOf(phase)},
                           {"overload", overload.empty() ? Json() : Json(overload)},
                           {"last_reload_error", reloads.last_error.empty() ? Json() : Json(reloads.last_error)}});
  } else {
    page.body = readySentence(phase, reloads.last_error, overload) + "\n";
  }
  co_return page;
}

loop::Task<Page> Pages::metrics(PageRequest) {
  std::vector<const observe::CoreMetrics*> cores;
  for (const CoreHandle& core : process_.cores()) cores.push_back(core.metrics);
  co_return Page{.content_type = std::string(observe::kPrometheusContentType),
                 .body = observe::renderPrometheus(cores, process_.facts())};
}

loop::Task<Page> Pages::config(PageRequest request) {
  if (auto known = knowParams(request, {}); !known) co_return known.error();
  const snapshot::SnapshotPtr snapshot = process_.snapshot();
  if (formatOf(request) == Format::kText) {
    co_return Page{.content_type = "application/yaml; charset=utf-8", .body = process_.effectiveConfig()};
  }
  const ReloadFacts reloads = process_.reloads();
  co_return jsonPage({{"generation", snapshot ? snapshot->generation : 0},
                      {"source", snapshot ? snapshot->config.source : std::string()},
                      {"adopted", reloads.adopted_wall_nanos ? Json(isoTime(reloads.adopted_wall_nanos)) : Json()},
                      {"reloads", reloads.succeeded},
                      {"reload_failures", reloads.failed},
                      {"last_reload_error", reloads.last_error.empty() ? Json() : Json(reloads.last_error)},
                      {"config", process_.effectiveConfig()}});
}

loop::Task<Page> Pages::drain(PageRequest request) {
  if (auto known = knowParams(request, {}); !known) co_return known.error();
  const bool was_draining = process_.phase() == Phase::kDraining;
  if (!was_draining) process_.drain();
  co_return sayingPage(request, 202,
                       was_draining
                           ? "draining already"
                           : "draining: new connections are taken for drain.delay, then running exchanges finish");
}

loop::Task<Page> Pages::logLevel(PageRequest request) {
  if (auto known = knowParams(request, {"level"}); !known) co_return known.error();
  observe::Log& log = process_.log();
  const std::string* level = request.param("level");
  if (request.method == Method::kPost) {
    const auto named = level ? observe::logLevelNamed(*level) : std::nullopt;
    if (!named) {
      co_return sayingPage(request, 400,
                           level ? "no level is named '" + shown(*level) + "'; there are debug, info, warning and error"
                                 : std::string("name the level: ?level=debug, info, warning or error"));
    }
    log.setLevel(*named);
  } else if (level) {
    Page page = sayingPage(request, 405, "setting the level takes POST");
    page.allow = "POST";
    co_return page;
  }
  const std::string_view now = observe::nameOf(log.level());
  if (formatOf(request) == Format::kJson) co_return jsonPage({{"level", now}});
  co_return Page{.body = std::string(now) + "\n"};
}

}  // namespace remora::admin
