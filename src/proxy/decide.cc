#include "proxy/decide.h"

#include "proxy/hash_key.h"
#include "proxy/priority.h"

namespace remora::proxy {

using observe::Outcome;

Result<Plan> decide(const snapshot::Snapshot& snapshot, const snapshot::ListenerPlan& listener,
                    const http::Request& request, const Facts& facts, observe::ExchangeRecord& record) {
  Plan plan;
  // Not HTTP's listener any more: a reload changed it while the connection was open.
  if (!listener.routes) return fail(Reason::kNoRoute);
  plan.choice = listener.routes->match(routeInputOf(request, facts.client));
  if (plan.choice.host) {
    record.decide(Outcome::kHostMatched, plan.choice.host->rule, static_cast<uint16_t>(plan.choice.host_kind),
                  facts.now);
  }
  const auto looked_at = observe::trailNumber(plan.choice.looked_at);
  if (!plan.choice.route) {
    record.decide(Outcome::kNoRouteMatched, listener.rule, looked_at, facts.now);
    return fail(Reason::kNoRoute);
  }
  const route::CompiledRoute& route = *plan.choice.route;
  record.route = route.source->name;
  record.decide(Outcome::kRouteMatched, route.rule, looked_at, facts.now);
  plan.timeout = route.source->timeout;
  plan.idle_timeout = route.source->idle_timeout;
  plan.priority = priorityOf(route.source->priority, *request.headers, facts.identity);
  if (route.redirect || route.answer) {
    plan.action = route.redirect ? Plan::Action::kRedirect : Plan::Action::kAnswer;
    return plan;
  }
  if (route.forward->clusters.size() > 1) {
    const auto hash = hashOf({request, facts.client}, route.forward->split_by);
    plan.member = route::pickCluster(route, hash.value_or(facts.random));
    record.decide(Outcome::kClusterChosen, route.rule, static_cast<uint16_t>(plan.member), facts.now);
  }
  const model::WeightedCluster& member = route.forward->clusters[plan.member];
  record.service = member.cluster;
  plan.cluster = snapshot.clusterOf(member);
  if (plan.cluster == snapshot::Snapshot::kNoCluster) return fail(Reason::kNoService);
  return plan;
}

route::RouteInput routeInputOf(const http::Request& request, const net::Peer& client) {
  return {.host = request.hostname,
          .path = request.path,
          .query = request.query,
          .method = request.method_text,
          .headers = request.headers,
          .source = client.ipSpan()};
}

net::Peer believedClient(const http::Headers& headers, const net::Peer& peer, uint32_t trusted_hops) {
  if (trusted_hops == 0) return peer;
  std::string_view from_right;
  uint32_t left = trusted_hops;
  // Fields from the last to the first, members of each from the right: together they are one list.
  for (size_t i = headers.size(); i-- > 0 && left;) {
    if (headers[i].id != http::HeaderId::kXForwardedFor) continue;
    std::string_view list = headers[i].value;
    while (left && !list.empty()) {
      const size_t comma = list.rfind(',');
      from_right = ascii::trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
      list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
      --left;
    }
  }
  if (left) return peer;
  const auto believed = net::parsePeer(from_right);
  return believed ? *believed : peer;
}

}  // namespace remora::proxy
