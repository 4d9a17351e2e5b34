// An Explanation as text for people and as JSON for machines.
#include <fmt/format.h>

#include <algorithm>

#include "admin/explain.h"
#include "admin/json.h"
#include "admin/text_table.h"
#include "admin/words.h"

namespace remora::admin {
namespace {

using Considered = Explanation::Considered;

// More would hide the near ones; JSON has all.
constexpr size_t kMissesShown = 8;

std::string_view nameOf(Considered::Kind kind) {
  switch (kind) {
    case Considered::Kind::kMatched:
      return "matched";
    case Considered::Kind::kShadowed:
      return "shadowed";
    case Considered::Kind::kMissed:
      return "missed";
  }
  return "unknown";
}

std::string_view nameOf(Explanation::Verdict verdict) {
  switch (verdict) {
    case Explanation::Verdict::kNoQuestion:
      return "no_question";
    case Explanation::Verdict::kRefused:
      return "refused";
    case Explanation::Verdict::kForwarded:
      return "forwarded";
    case Explanation::Verdict::kRedirected:
      return "redirected";
    case Explanation::Verdict::kAnswered:
      return "answered";
  }
  return "unknown";
}

std::string at(const std::string& where) {
  return where.empty() ? std::string() : " (" + where + ")";
}

void addList(std::string& text, std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  text += fmt::format("{}\n", title);
  for (const std::string& line : lines) text += fmt::format("  {}\n", shown(line));
}

// The nearest first.
std::string consideredText(const Explanation& from) {
  std::vector<const Considered*> others;
  for (const Considered& each : from.considered) {
    if (each.kind != Considered::Kind::kMatched) others.push_back(&each);
  }
  std::ranges::sort(others, [](const Considered* a, const Considered* b) {
    return a->held != b->held ? a->held > b->held : a < b;  // equals stay in order of precedence
  });
  if (others.empty()) return {};
  TextTable table({"ROUTE", "WHY NOT", "WHERE"});
  for (size_t i = 0; i < std::min(others.size(), kMissesShown); ++i) {
    table.add({others[i]->route, shown(others[i]->sentence), others[i]->where});
  }
  std::string text = "other routes, the nearest first\n" + table.print("  ");
  if (others.size() > kMissesShown) text += fmt::format("  and {} more\n", others.size() - kMissesShown);
  return text;
}

std::string servicesText(const Explanation& from) {
  std::string text;
  for (const Explanation::Service& each : from.services) {
    text +=
        fmt::format("service    {}, {:.3g}% of this route's requests{}\n", each.name, each.share * 100, at(each.where));
    if (!each.problem.empty()) text += fmt::format("  would fail: {}\n", each.problem);
    if (each.endpoints.empty()) continue;
    text += fmt::format("  {} chooses among the {} endpoints{}:", each.balance, each.is_live ? "current" : "configured",
                        each.labels.empty() ? "" : " with " + each.labels);
    for (const std::string& endpoint : each.endpoints) text += " " + endpoint;
    text += "\n";
  }
  return text;
}

std::string headText(const std::string& head) {
  std::string text = "the application would get\n";
  for (size_t from = 0; from < head.size();) {
    const size_t end = std::min(head.find("\r\n", from), head.size());
    if (end > from) text += "  " + shown(std::string_view(head).substr(from, end - from)) + "\n";
    from = end + 2;
  }
  return text;
}

std::string settingsText(const Explanation& from) {
  if (from.settings.empty()) return {};
  TextTable table({"TIMEOUT", "VALUE", "FROM"});
  for (const Explanation::Setting& each : from.settings) table.add({each.name, each.value, each.where});
  return table.print("");
}

Json settingsJson(const Explanation& from) {
  Json list = Json::array();
  for (const Explanation::Setting& each : from.settings) {
    list.push_back({{"name", each.name}, {"value", each.value}, {"from", each.where}});
  }
  return list;
}

Json consideredJson(const Explanation& from) {
  Json list = Json::array();
  for (const Considered& each : from.considered) {
    list.push_back({{"route", each.route},
                    {"outcome", nameOf(each.kind)},
                    {"why", each.sentence},
                    {"where", each.where},
                    {"predicates_held", each.held}});
  }
  return list;
}

Json servicesJson(const Explanation& from) {
  Json list = Json::array();
  for (const Explanation::Service& each : from.services) {
    list.push_back({{"name", each.name},
                    {"where", each.where},
                    {"share", each.share},
                    {"known", each.is_known},
                    {"balance", each.balance},
                    {"labels", each.labels},
                    {"endpoints", each.endpoints},
                    {"live", each.is_live},
                    {"problem", each.problem.empty() ? Json() : Json(each.problem)}});
  }
  return list;
}

}  // namespace

std::string printExplanationText(const Explanation& from) {
  std::string text = fmt::format("{} {}\n{}\n", shown(from.method), shown(from.url), verdictSentence(from));
  if (from.verdict == Explanation::Verdict::kNoQuestion) return text;
  text += fmt::format("\nlistener   {}, {} on {}: {}{}\n", from.listener, admin::nameOf(from.direction),
                      from.listener_address, from.listener_why, at(from.listener_where));
  if (!from.path.empty()) {
    text += fmt::format("request    host {}, path {}{}{}, client {}\n", from.host.empty() ? "-" : from.host, from.path,
                        from.query.empty() ? "" : ", query ", from.query, from.client);
  }
  if (!from.host_kind.empty()) {
    text += fmt::format("host       {}, matched {}{}\n", from.host_rule, from.host_kind, at(from.host_where));
  }
  if (!from.route.empty()) text += fmt::format("route      {}{}\n", from.route, at(from.route_where));
  text += servicesText(from);
  if (!from.location.empty()) text += fmt::format("location   {}\n", from.location);
  if (!from.answer.empty()) text += fmt::format("body       {} bytes\n", from.answer.size());
  for (const std::string& note : from.notes) text += "note       " + shown(note) + "\n";
  const std::string parts[] = {consideredText(from), from.upstream_head.empty() ? "" : headText(from.upstream_head),
                               settingsText(from)};
  for (const std::string& part : parts) text += part.empty() ? "" : "\n" + part;
  text += from.response_changes.empty() ? "" : "\n";
  addList(text, "the route changes the response's headers", from.response_changes);
  text += from.policies.empty() ? "" : "\n";
  addList(text, "what holds requests back, and when they are sent again", from.policies);
  text += "\n";
  addList(text, "decisions, as /recent would show them", from.decisions);
  return text;
}

std::string printExplanationJson(const Explanation& from) {
  Json json = {{"verdict", nameOf(from.verdict)}, {"sentence", verdictSentence(from)}};
  if (from.verdict == Explanation::Verdict::kNoQuestion) return printJson(json);
  json.update({{"reason", tokenOf(from.reason)},
               {"status", from.status ? Json(from.status) : Json()},
               {"generation", from.generation},
               {"method", from.method},
               {"url", from.url},
               {"client", from.client},
               {"listener",
                {{"name", from.listener},
                 {"address", from.listener_address},
                 {"direction", admin::nameOf(from.direction)},
                 {"where", from.listener_where},
                 {"why", from.listener_why}}},
               {"request", {{"host", from.host}, {"path", from.path}, {"query", from.query}}},
               {"host", {{"name", from.host_rule}, {"kind", from.host_kind}, {"where", from.host_where}}},
               {"route", {{"name", from.route}, {"where", from.route_where}}},
               {"considered", consideredJson(from)},
               {"services", servicesJson(from)},
               {"upstream_head", from.upstream_head},
               {"location", from.location},
               {"answer", from.answer},
               {"request_header_changes", from.request_changes},
               {"response_header_changes", from.response_changes},
               {"timeouts", settingsJson(from)},
               {"policies", from.policies},
               {"decisions", from.decisions},
               {"notes", from.notes}});
  return printJson(json);
}

}  // namespace remora::admin
