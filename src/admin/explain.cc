#include "admin/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "admin/asked_url.h"
#include "admin/listener_choice.h"
#include "admin/policy_words.h"
#include "admin/trail_text.h"
#include "admin/upstream_view.h"
#include "admin/words.h"
#include "http/h1_parser.h"
#include "http/validate.h"
#include "proxy/decide.h"
#include "route/explain_match.h"
#include "route/rewrite.h"

namespace remora::admin {
namespace {

using Verdict = Explanation::Verdict;
using observe::Outcome;

// Parsed from a real head, so that refusals are the real ones. Runs once, in the order of run().
class Explainer {
 public:
  Explainer(const snapshot::Snapshot& snapshot, const HypotheticalRequest& asked, std::span<const LiveService> live)
      : snapshot_(snapshot), asked_(asked), live_(live), parser_({}) {}

  Explanation run() {
    out_.generation = snapshot_.generation;
    out_.method = asked_.method;
    out_.url = asked_.url;
    if (!readQuestion() || !findListener()) return std::move(out_);
    if (validate()) decide();
    noteDecisions();
    return std::move(out_);
  }

 private:
  bool cannot(std::string problem) {
    out_.verdict = Verdict::kNoQuestion;
    out_.problem = std::move(problem);
    return false;
  }
  bool refuse(Reason reason) {
    out_.verdict = Verdict::kRefused;
    out_.reason = reason;
    out_.status = rowOf(reason).status;
    return false;
  }

  bool readQuestion();
  bool findListener();
  std::string headText() const;
  bool validate();
  void decide();
  void describeMatch(const route::RouteInput& input);
  void describeForward(const proxy::Plan& plan);
  void describeRedirect(const proxy::Plan& plan);
  void describeSettings();
  void noteDecisions();

  const snapshot::Snapshot& snapshot_;
  const HypotheticalRequest& asked_;
  std::span<const LiveService> live_;
  Explanation out_;

  AskedUrl url_;
  net::Peer peer_;
  const snapshot::ListenerPlan* listener_ = nullptr;
  std::string head_;
  http::H1RequestParser parser_;
  std::string storage_;
  http::Request request_;
  net::Peer client_;
  route::RouteChoice choice_;
  observe::ExchangeRecord record_;
};

const std::string* headerNamed(const HypotheticalRequest& asked, std::string_view name) {
  for (const auto& [each, value] : asked.headers) {
    if (ascii::equalsIgnoreCase(each, name)) return &value;
  }
  return nullptr;
}

bool Explainer::readQuestion() {
  auto url = takeApart(asked_.url);
  if (!url) return cannot(url.error());
  url_ = std::move(*url);
  if (url_.had_fragment) out_.notes.emplace_back("a client never sends the part behind '#', so it was left out");
  if (url_.scheme == "https") {
    out_.notes.emplace_back("remora doesn't end TLS; this is explained as if the request came as plain HTTP");
  }
  if (const std::string* host = headerNamed(asked_, "host")) {
    std::tie(url_.hostname, url_.port) = splitAuthority(*host);
  }
  for (const auto& [name, value] : asked_.headers) {
    const bool breaks = (name + value).find_first_of("\r\n") != std::string::npos;
    if (breaks) return cannot("header '" + shown(name) + "' holds a line break; name each header by itself");
  }
  if ((asked_.method + asked_.url).find_first_of("\r\n") != std::string::npos) {
    return cannot("the method or the URL holds a line break");
  }
  const std::string source = asked_.source.empty() ? "127.0.0.1" : asked_.source;
  const auto peer = net::parsePeer(source);
  if (!peer) return cannot("source '" + shown(source) + "' is no IP address");
  peer_ = *peer;
  return true;
}

bool Explainer::findListener() {
  const auto chosen = chooseListener(
      snapshot_,
      {.name = asked_.listener, .direction = asked_.direction, .hostname = url_.hostname, .port = url_.port});
  if (!chosen) return cannot(chosen.error());
  listener_ = chosen->listener;
  const model::Listener& source = *listener_->source;
  out_.listener = source.name;
  out_.listener_address = model::toText(source.address);
  out_.listener_where = describe(source.origin);
  out_.listener_why = chosen->why;
  out_.direction = source.direction;
  record_.inbound = source.direction == model::Direction::kInbound;
  record_.listener = source.name;
  record_.decide(Outcome::kReceived, listener_->rule, 0, {});
  if (!listener_->routes) {
    return cannot("listener '" + source.name + "' relays bytes as they are; there are no requests to explain");
  }
  return true;
}

// As a client would send it: origin-form, Host first.
std::string Explainer::headText() const {
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", asked_.method, url_.target);
  if (!headerNamed(asked_, "host")) {
    const model::SocketAddress& address = listener_->source->address;
    const bool is_ip = address.kind == model::SocketAddress::Kind::kIp;
    const std::string own = is_ip ? fmt::format("localhost:{}", address.port) : "localhost";
    head += fmt::format("Host: {}\r\n", url_.authority.empty() ? own : url_.authority);
  }
  for (const auto& [name, value] : asked_.headers) head += fmt::format("{}: {}\r\n", name, value);
  return head + "\r\n";
}

bool Explainer::validate() {
  const model::Limits& limits = listener_->source->limits;
  parser_ = http::H1RequestParser({.head_bytes = static_cast<size_t>(limits.head.count),
                                   .header_count = limits.header_count,
                                   .target_bytes = static_cast<size_t>(limits.target.count)});
  head_ = headText();
  const Result<size_t> parsed = parser_.feed(head_);
  Result<http::Request> request = fail(Reason::kBadRequestLine);
  if (parsed && *parsed) {
    storage_.resize(head_.size());
    request = http::validateRequest(parser_.request(), listener_->request_policy, storage_);
  } else if (!parsed) {
    request = std::unexpected(parsed.error());
  }
  if (!request) {
    record_.decide(Outcome::kRefused, {}, static_cast<uint16_t>(request.error().reason), {});
    return refuse(request.error().reason);
  }
  request_ = *request;
  out_.host = request_.hostname;
  out_.path = request_.path;
  out_.query = request_.query;
  client_ = proxy::believedClient(*request_.headers, peer_, listener_->http.trusted_hops);
  std::array<char, net::kPeerTextMax> text;
  out_.client.assign(text.data(), net::printIp(client_, text));
  return true;
}

void Explainer::decide() {
  describeMatch(proxy::routeInputOf(request_, client_));
  const Result<proxy::Plan> plan =
      proxy::decide(snapshot_, *listener_, request_, {.client = client_, .random = 0, .now = {}}, record_);
  if (choice_.route) describeSettings();
  if (!plan && plan.error().reason == Reason::kNoRoute) {
    refuse(Reason::kNoRoute);
    return;
  }
  // A split of which one member is missing still serves the others' share, so members are judged one by one.
  const bool is_forward = choice_.route->forward != nullptr;
  if (is_forward) {
    proxy::Plan forward;
    forward.choice = choice_;
    describeForward(plan ? *plan : forward);
  } else if (plan->action == proxy::Plan::Action::kRedirect) {
    describeRedirect(*plan);
  } else {
    const auto& answer = std::get<model::DirectAnswer>(choice_.route->source->action);
    out_.verdict = Verdict::kAnswered;
    out_.reason = Reason::kDirectAnswer;
    out_.status = answer.status;
    out_.answer = answer.body;
  }
}

void Explainer::describeMatch(const route::RouteInput& input) {
  choice_ = route::explainMatch(*listener_->routes, input, [this](const route::RouteVerdict& verdict) {
    out_.considered.push_back({.kind = static_cast<Explanation::Considered::Kind>(verdict.kind),
                               .route = verdict.route->source->name,
                               .where = describe(verdict.where ? *verdict.where : verdict.route->source->origin),
                               .sentence = verdict.sentence,
                               .held = verdict.held});
  });
  static_assert(static_cast<int>(route::RouteVerdict::Kind::kMatched) ==
                    static_cast<int>(Explanation::Considered::Kind::kMatched) &&
                static_cast<int>(route::RouteVerdict::Kind::kMissed) ==
                    static_cast<int>(Explanation::Considered::Kind::kMissed));
  if (!choice_.host) {
    std::string hosts;
    for (const model::VirtualHost& host : listener_->routes->source().hosts) {
      for (const std::string& name : host.hosts) hosts += (hosts.empty() ? "" : ", ") + name;
    }
    out_.notes.push_back("no host of this listener fits '" + out_.host + "'; it has routes for " +
                         (hosts.empty() ? "none" : hosts));
    return;
  }
  out_.host_rule = choice_.host->source->name;
  out_.host_kind = nameOf(choice_.host_kind);
  out_.host_where = describe(choice_.host->source->origin);
  if (!choice_.route) return;
  out_.route = choice_.route->source->name;
  out_.route_where = describe(choice_.route->source->origin);
  out_.request_changes = changesOf(choice_.route->source->request_headers);
  out_.response_changes = changesOf(choice_.route->source->response_headers);
}

void Explainer::describeForward(const proxy::Plan& plan) {
  out_.services = servicesOf(snapshot_, *choice_.route, live_);
  out_.verdict = Verdict::kForwarded;
  if (out_.services.size() > 1) {
    out_.notes.emplace_back("the split is drawn anew for each request; the decisions below show one draw");
  }
  const bool any_works = std::ranges::any_of(out_.services, [](const auto& each) { return each.problem.empty(); });
  for (const Explanation::Service& service : out_.services) {
    if (service.problem.empty() || !any_works) continue;
    out_.notes.push_back(fmt::format("{:.3g}% of these requests would fail: {}", service.share * 100, service.problem));
  }
  const Result<std::string> head =
      upstreamHead({.request = request_, .listener = *listener_, .choice = choice_, .peer = peer_});
  if (!head) {
    refuse(head.error().reason);
    return;
  }
  out_.upstream_head = *head;
  if (any_works) return;
  const Explanation::Service& first = out_.services[plan.member];
  refuse(!first.is_known                   ? Reason::kNoService
         : first.lacks_labels              ? Reason::kNoSubset
         : hasDnsFailed(first.name, live_) ? Reason::kDnsFailed
                                           : Reason::kNoEndpoint);
}

void Explainer::describeRedirect(const proxy::Plan& plan) {
  std::string memory(static_cast<size_t>(listener_->source->limits.target.count) * 2, '\0');
  const Result<std::string_view> location =
      route::redirectLocation(plan.choice,
                              {.scheme = request_.scheme,
                               .host = request_.host,
                               .target = {.path = request_.path, .raw_path = request_.raw_path}},
                              memory);
  if (!location) {
    refuse(location.error().reason);
    return;
  }
  out_.verdict = Verdict::kRedirected;
  out_.reason = Reason::kRedirect;
  out_.status = std::get<model::Redirect>(choice_.route->source->action).status;
  out_.location = *location;
}

void Explainer::describeSettings() {
  const auto add = [this](std::string_view name, Milliseconds value, Milliseconds usual, const model::Origin& where) {
    out_.settings.push_back(
        {.name = std::string(name), .value = limitText(value), .where = value == usual ? "default" : describe(where)});
  };
  const model::Route& route = *choice_.route->source;
  add("route timeout (whole exchange)", route.timeout, model::Route().timeout, route.origin);
  add("route idle_timeout (no byte of the response)", route.idle_timeout, model::Route().idle_timeout, route.origin);
  const model::Listener& source = *listener_->source;
  const model::Timeouts usual;
  add("listener timeouts.header", source.timeouts.header, usual.header, source.origin);
  add("listener timeouts.body_stall", source.timeouts.body_stall, usual.body_stall, source.origin);
  add("listener timeouts.write_stall", source.timeouts.write_stall, usual.write_stall, source.origin);
  add("listener timeouts.idle", source.timeouts.idle, usual.idle, source.origin);
  out_.policies = policiesOf(route);
  if (!choice_.route->forward) return;
  for (const model::WeightedCluster& member : choice_.route->forward->clusters) {
    const uint32_t index = snapshot_.clusterOf(member);
    if (index == snapshot::Snapshot::kNoCluster) continue;
    const model::Cluster& cluster = snapshot_.config.clusters[index];
    const model::PoolOptions defaults;
    add("service " + cluster.name + " connect", cluster.pool.connect, defaults.connect, cluster.origin);
    add("service " + cluster.name + " idle", cluster.pool.idle, defaults.idle, cluster.origin);
    add("service " + cluster.name + " write_stall", cluster.pool.write_stall, defaults.write_stall, cluster.origin);
    for (std::string& policy : policiesOf(cluster)) out_.policies.push_back(std::move(policy));
  }
}

void Explainer::noteDecisions() {
  const TrailNames names{.listener = record_.listener, .route = record_.route, .service = record_.service};
  for (const Decision& decision : decisionsOf(record_.trail.entries(), *snapshot_.rules, names)) {
    out_.decisions.push_back(decision.text());
  }
}

}  // namespace

Explanation explain(const snapshot::Snapshot& snapshot, const HypotheticalRequest& asked,
                    std::span<const LiveService> live) {
  return Explainer(snapshot, asked, live).run();
}

std::string verdictSentence(const Explanation& explanation) {
  switch (explanation.verdict) {
    case Verdict::kNoQuestion:
      return "can't be explained: " + explanation.problem;
    case Verdict::kRefused: {
      const ReasonRow& row = rowOf(explanation.reason);
      return fmt::format("refused with {} ({}): {}", explanation.status, row.token, row.sentence);
    }
    case Verdict::kForwarded: {
      std::string services;
      for (const Explanation::Service& each : explanation.services) {
        services += (services.empty() ? "" : " or ") + each.name;
      }
      return "forwarded to service " + services;
    }
    case Verdict::kRedirected:
      return fmt::format("redirected with {} to {}", explanation.status, explanation.location);
    case Verdict::kAnswered:
      return fmt::format("answered with {} by the route itself", explanation.status);
  }
  return {};
}

}  // namespace remora::admin
