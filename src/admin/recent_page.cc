#include "admin/recent_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "admin/gather.h"
#include "admin/json.h"
#include "admin/pages.h"
#include "admin/trail_text.h"
#include "admin/words.h"
#include "base/ascii.h"

namespace remora::admin {
namespace {

using proxy::RecentExchange;

std::optional<Reason> reasonNamed(std::string_view token) {
  for (size_t i = 0; i < static_cast<size_t>(Reason::kCount); ++i) {
    if (tokenOf(static_cast<Reason>(i)) == token) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

// "503" or "5xx".
bool readStatus(std::string_view text, RecentFilter& filter) {
  if (text.size() != 3 || !ascii::isDigit(text[0])) return false;
  if (ascii::equalsLower(text.substr(1), "xx")) {
    filter.status_from = static_cast<uint16_t>((text[0] - '0') * 100);
    filter.status_to = static_cast<uint16_t>(filter.status_from + 99);
    return true;
  }
  const auto status = ascii::parseDecimal(text);
  if (status) filter.status_from = filter.status_to = static_cast<uint16_t>(*status);
  return status.has_value();
}

std::vector<Decision> decisionsIn(const RecentExchange& each, const snapshot::RuleBook& rules) {
  return decisionsOf(each.trail.entries(), rules,
                     {.listener = each.listener.view(),
                      .route = each.route.view(),
                      .service = each.service.view(),
                      .endpoint = each.endpoint.view()});
}

std::string orDash(std::string_view text) {
  return text.empty() ? "-" : shown(text);
}

std::string entryText(const RecentEntry& entry, const snapshot::RuleBook& rules) {
  const RecentExchange& each = entry.exchange;
  std::string text = fmt::format(
      "{}  {} {} {} {} -> {} {} in {}\n", isoTime(each.start_wall_nanos), each.inbound ? "inbound" : "outbound",
      each.is_tcp ? "TCP" : orDash(each.method.view()), orDash(each.host.view()), orDash(each.target.view()),
      each.status, tokenOf(each.reason), measuredText(each.duration));
  if (each.reason != Reason::kOk) {
    const std::string detail = describeDetail(each.reason, each.detail);
    text += fmt::format("  why: {}{}{}\n", rowOf(each.reason).sentence, detail.empty() ? "" : "; ", detail);
  }
  text += fmt::format("  from {}, listener {}, route {}, service {}, endpoint {}, attempts {}{}, upstream {}\n",
                      orDash(each.remote.view()), orDash(each.listener.view()), orDash(each.route.view()),
                      orDash(each.service.view()), orDash(each.endpoint.view()), each.attempts,
                      each.reused ? " (pooled connection)" : "", measuredText(each.upstream));
  text += fmt::format("  request id {}, trace {}, generation {}, core {}, received {} and sent {} bytes\n",
                      orDash(each.request_id.view()), orDash(each.trace_id.view()), each.generation, entry.core,
                      each.bytes_received, each.bytes_sent);
  for (const Decision& decision : decisionsIn(each, rules)) {
    text += fmt::format("    {:>10}  {}\n", fmt::format("+{}us", decision.micros), decision.text());
  }
  return text + "\n";
}

Json jsonOf(const RecentEntry& entry, const snapshot::RuleBook& rules) {
  const RecentExchange& each = entry.exchange;
  Json decisions = Json::array();
  for (const Decision& decision : decisionsIn(each, rules)) {
    decisions.push_back({{"at_us", decision.micros},
                         {"outcome", decision.outcome},
                         {"words", decision.words},
                         {"where", decision.where}});
  }
  return {{"time", isoTime(each.start_wall_nanos)},
          {"core", entry.core},
          {"generation", each.generation},
          {"direction", each.inbound ? "inbound" : "outbound"},
          {"listener", each.listener.view()},
          {"remote", each.remote.view()},
          {"method", each.method.view()},
          {"host", each.host.view()},
          {"target", each.target.view()},
          {"status", each.status},
          {"reason", tokenOf(each.reason)},
          {"sentence", rowOf(each.reason).sentence},
          {"detail", each.detail},
          {"route", each.route.view()},
          {"service", each.service.view()},
          {"endpoint", each.endpoint.view()},
          {"attempts", each.attempts},
          {"reused", each.reused},
          {"duration_us", each.duration.count() / 1000},
          {"upstream_us", each.upstream.count() / 1000},
          {"bytes_received", each.bytes_received},
          {"bytes_sent", each.bytes_sent},
          {"request_id", each.request_id.view()},
          {"trace_id", each.trace_id.view()},
          {"decisions", std::move(decisions)}};
}

std::vector<RecentExchange> copyRecent(proxy::Core& core) {
  return core.recent().copy();
}

}  // namespace

bool RecentFilter::lets(const RecentExchange& exchange) const {
  const auto fits = [](const std::string& wanted, std::string_view text) { return wanted.empty() || wanted == text; };
  return exchange.status >= status_from && exchange.status <= status_to && (!reason || *reason == exchange.reason) &&
         fits(route, exchange.route.view()) && fits(service, exchange.service.view()) &&
         (fits(request_id, exchange.request_id.view()) || fits(request_id, exchange.trace_id.view()));
}

std::expected<RecentFilter, std::string> recentFilterOf(const PageRequest& request) {
  RecentFilter filter;
  if (const std::string* n = request.param("n")) {
    const auto most = ascii::parseDecimal(*n);
    if (!most) return std::unexpected("n is '" + shown(*n) + "'; it is how many exchanges to show");
    filter.most = *most;
  }
  if (const std::string* status = request.param("status"); status && !readStatus(*status, filter)) {
    return std::unexpected("status is '" + shown(*status) +
                           "'; it may be a status such as 503, or a class such as 5xx");
  }
  if (const std::string* reason = request.param("reason")) {
    filter.reason = reasonNamed(*reason);
    if (!filter.reason) {
      return std::unexpected("no reason is named '" + shown(*reason) +
                             "'; reasons are such as no_route, connect_refused");
    }
  }
  const auto read = [&](std::string_view name, std::string& into) {
    if (const std::string* value = request.param(name)) into = *value;
  };
  read("route", filter.route);
  read("service", filter.service);
  read("id", filter.request_id);
  return filter;
}

std::vector<RecentEntry> mergeRecent(const std::vector<std::optional<std::vector<RecentExchange>>>& cores,
                                     const RecentFilter& filter) {
  struct Found {
    size_t core;
    const RecentExchange* exchange;
  };
  std::vector<Found> found;
  for (size_t i = 0; i < cores.size(); ++i) {
    if (!cores[i]) continue;
    for (const RecentExchange& each : *cores[i]) {
      if (filter.lets(each)) found.push_back({.core = i, .exchange = &each});
    }
  }
  // Of one core they are in order already: the address decides between equals there.
  std::ranges::sort(found, [](const Found& a, const Found& b) {
    if (a.exchange->start_wall_nanos != b.exchange->start_wall_nanos) {
      return a.exchange->start_wall_nanos > b.exchange->start_wall_nanos;
    }
    return a.core != b.core ? a.core < b.core : a.exchange < b.exchange;
  });
  if (found.size() > filter.most) found.resize(filter.most);
  std::vector<RecentEntry> entries;
  for (const Found& each : found) entries.push_back({.core = each.core, .exchange = *each.exchange});
  return entries;
}

std::string printRecentText(const std::vector<RecentEntry>& entries, const snapshot::RuleBook& rules,
                            const std::string& silent) {
  std::string text = silent.empty() ? "" : silent + "\n\n";
  for (const RecentEntry& entry : entries) text += entryText(entry, rules);
  if (entries.empty()) text += "no exchange that ended lately fits\n";
  return text;
}

std::string printRecentJson(const std::vector<RecentEntry>& entries, const snapshot::RuleBook& rules,
                            const std::string& silent) {
  Json list = Json::array();
  for (const RecentEntry& entry : entries) list.push_back(jsonOf(entry, rules));
  return printJson({{"missing", silent.empty() ? Json() : Json(silent)}, {"exchanges", std::move(list)}});
}

loop::Task<Page> Pages::recent(PageRequest request) {
  if (auto known = knowParams(request, {"n", "status", "reason", "route", "service", "id"}); !known) {
    co_return known.error();
  }
  const auto filter = recentFilterOf(request);
  if (!filter) co_return sayingPage(request, 400, filter.error());
  const Gathered<std::vector<RecentExchange>> cores = co_await gather(loop_, process_.cores(), &copyRecent);
  const snapshot::SnapshotPtr snapshot = process_.snapshot();
  if (!snapshot) co_return sayingPage(request, 503, "no configuration serves yet");
  const std::vector<RecentEntry> entries = mergeRecent(cores, *filter);
  const std::string silent = describeSilent(cores);
  if (formatOf(request) == Format::kText) {
    co_return Page{.body = printRecentText(entries, *snapshot->rules, silent)};
  }
  co_return Page{.content_type = std::string(kJsonContent), .body = printRecentJson(entries, *snapshot->rules, silent)};
}

}  // namespace remora::admin
