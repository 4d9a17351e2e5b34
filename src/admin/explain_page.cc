// /explain: a hypothetical request, by query or as JSON, against the configuration and the endpoints of this moment.
#include "admin/core_facts.h"
#include "admin/explain.h"
#include "admin/gather.h"
#include "admin/json.h"
#include "admin/pages.h"
#include "admin/words.h"
#include "base/ascii.h"

namespace remora::admin {
namespace {

using Question = std::expected<HypotheticalRequest, std::string>;

constexpr std::string_view kJsonForm =
    R"({"method": "GET", "url": "http://orders/v2", "headers": {"x-canary": "true"}, "source": "10.0.0.7", "listener": "..."})";

std::expected<std::optional<model::Direction>, std::string> directionNamed(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "inbound") return model::Direction::kInbound;
  if (text == "outbound") return model::Direction::kOutbound;
  return std::unexpected("direction is '" + shown(text) + "'; it may be inbound or outbound");
}

Question questionOfParams(const PageRequest& request) {
  HypotheticalRequest asked;
  for (const auto& [name, value] : request.params) {
    if (name == "method") asked.method = value;
    if (name == "url") asked.url = value;
    if (name == "source") asked.source = value;
    if (name == "listener") asked.listener = value;
    if (name == "direction") {
      const auto direction = directionNamed(value);
      if (!direction) return std::unexpected(direction.error());
      asked.direction = *direction;
    }
    if (name == "header") {
      const size_t colon = value.find(':');
      if (colon == std::string::npos) return std::unexpected("header '" + shown(value) + "' isn't 'name: value'");
      asked.headers.emplace_back(value.substr(0, colon), ascii::trim(std::string_view(value).substr(colon + 1)));
    }
  }
  return asked;
}

// {"name": "value"} or {"name": ["one", "two"]}.
bool readHeaders(const Json& from, HypotheticalRequest& asked) {
  if (!from.is_object()) return false;
  for (const auto& [name, value] : from.items()) {
    const Json values = value.is_array() ? value : Json::array({value});
    for (const Json& each : values) {
      if (!each.is_string()) return false;
      asked.headers.emplace_back(name, each.get_ref<const std::string&>());
    }
  }
  return true;
}

Question questionOfJson(const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::unexpected("the body isn't a JSON object such as " + std::string(kJsonForm));
  HypotheticalRequest asked;
  std::string direction;
  const std::pair<std::string_view, std::string*> texts[] = {{"method", &asked.method},
                                                             {"url", &asked.url},
                                                             {"source", &asked.source},
                                                             {"listener", &asked.listener},
                                                             {"direction", &direction}};
  for (const auto& [name, value] : json.items()) {
    const auto* known =
        std::ranges::find(texts, std::string_view(name), &std::pair<std::string_view, std::string*>::first);
    if (known != std::end(texts) && value.is_string()) {
      *known->second = value.get<std::string>();
    } else if (name != "headers" || !readHeaders(value, asked)) {
      return std::unexpected("member '" + shown(name) + "' isn't understood; the form is " + std::string(kJsonForm));
    }
  }
  const auto named = directionNamed(direction);
  if (!named) return std::unexpected(named.error());
  asked.direction = *named;
  return asked;
}

std::vector<LiveService> liveOf(const Gathered<CoreFacts>& cores) {
  std::vector<LiveService> live;
  for (const ClusterFacts& cluster : sumClusters(cores)) {
    LiveService service{.name = cluster.name, .has_dns_failed = cluster.has_dns_failed};
    for (const EndpointFacts& endpoint : cluster.endpoints) {
      service.endpoints.push_back(endpoint.address);
      service.labels.push_back(endpoint.labels);
    }
    live.push_back(std::move(service));
  }
  return live;
}

}  // namespace

loop::Task<Page> Pages::explain(PageRequest request) {
  if (auto known = knowParams(request, {"method", "url", "header", "source", "listener", "direction"}); !known) {
    co_return known.error();
  }
  const bool is_form = request.content_type.starts_with("application/x-www-form-urlencoded");
  const bool is_json = request.method == http::Method::kPost && !request.body.empty() && !is_form;
  const Question question = is_json ? questionOfJson(request.body) : questionOfParams(request);
  if (!question) co_return sayingPage(request, 400, question.error());
  const Gathered<CoreFacts> cores = co_await gather(loop_, process_.cores(), &copyCoreFacts);
  const snapshot::SnapshotPtr snapshot = process_.snapshot();
  if (!snapshot) co_return sayingPage(request, 503, "no configuration serves yet");
  Explanation explanation = admin::explain(*snapshot, *question, liveOf(cores));
  if (const std::string silent = describeSilent(cores); !silent.empty()) explanation.notes.push_back(silent);
  if (const std::string overload = process_.overload().sentence; !overload.empty()) {
    explanation.notes.push_back("at the moment remora is overloaded: " + overload);
  }
  const bool no_question = explanation.verdict == Explanation::Verdict::kNoQuestion;
  Page page{.status = static_cast<uint16_t>(no_question ? 400 : 200)};
  if (formatOf(request) == Format::kText) {
    page.body = printExplanationText(explanation);
  } else {
    page.content_type = kJsonContent;
    page.body = printExplanationJson(explanation);
  }
  co_return page;
}

}  // namespace remora::admin
