#include "admin/upstream_view.h"

#include <algorithm>
#include <array>

#include "admin/words.h"
#include "observe/trace_context.h"
#include "proxy/core.h"
#include "proxy/forwarding.h"
#include "route/rewrite.h"

namespace remora::admin {
namespace {

const LiveService* findLive(const std::string& name, std::span<const LiveService> live) {
  const auto found = std::ranges::find_if(live, [&](const LiveService& each) { return each.name == name; });
  return found == live.end() ? nullptr : &*found;
}

void describeEndpoints(const model::Cluster& cluster, const model::Subset& subset, std::span<const LiveService> live,
                       Explanation::Service& out) {
  LiveService now;
  if (const LiveService* found = findLive(cluster.name, live)) {
    now = *found;
    out.is_live = true;
  } else {
    for (const model::Endpoint& endpoint : cluster.endpoints) {
      now.endpoints.push_back(model::toText(endpoint.address));
      now.labels.push_back(endpoint.labels);
    }
    // It isn't read here: what it says is not part of the configuration.
    if (!cluster.endpoints_file.empty()) {
      out.endpoints.push_back("those of " + cluster.endpoints_file);
      return;
    }
  }
  now.labels.resize(now.endpoints.size());
  for (size_t i = 0; i < now.endpoints.size(); ++i) {
    if (model::hasAll(now.labels[i], subset.labels)) out.endpoints.push_back(now.endpoints[i]);
  }
  if (now.endpoints.empty()) {
    out.problem = now.has_dns_failed ? "its name has never resolved" : "it has no endpoint";
  } else if (out.endpoints.empty() && subset.falls_back) {
    out.endpoints = now.endpoints;
  } else if (out.endpoints.empty()) {
    out.problem = "none of its endpoints has the labels " + out.labels;
    out.lacks_labels = true;
  }
}

std::string_view requestIdFor(const UpstreamQuestion& question) {
  constexpr size_t kLongest = 128;  // as Exchange::requestIdToSend
  if (!question.listener.http.request_id) return {};
  const std::string_view received = question.request.headers->valueOf(http::HeaderId::kXRequestId);
  const bool keeps = !question.listener.http.edge && !received.empty() && received.size() <= kLongest;
  return keeps ? received : "<new id>";
}

// As Exchange::traceparentToSend: several count as none.
bool continuesTrace(const http::Headers& headers) {
  size_t count = 0;
  bool valid = false;
  for (const http::Field& field : headers) {
    if (field.id != http::HeaderId::kTraceparent) continue;
    ++count;
    valid = observe::parseTraceparent(field.value).has_value();
  }
  return count == 1 && valid;
}

}  // namespace

std::vector<Explanation::Service> servicesOf(const snapshot::Snapshot& snapshot, const route::CompiledRoute& route,
                                             std::span<const LiveService> live) {
  std::vector<Explanation::Service> services;
  for (const model::WeightedCluster& member : route.forward->clusters) {
    Explanation::Service service{.name = member.cluster,
                                 .share = static_cast<double>(member.weight) / static_cast<double>(route.total_weight)};
    const uint32_t index = snapshot.clusterOf(member);
    if (index == snapshot::Snapshot::kNoCluster) {
      service.is_known = false;
      service.where = describe(member.origin);
      service.problem = "no service is named " + member.cluster;
    } else {
      const model::Cluster& cluster = snapshot.config.clusters[index];
      service.where = describe(cluster.origin);
      service.balance = nameOf(cluster.balance);
      service.labels = model::toText(member.subset.labels);
      describeEndpoints(cluster, member.subset, live, service);
    }
    services.push_back(std::move(service));
  }
  return services;
}

bool hasDnsFailed(const std::string& service, std::span<const LiveService> live) {
  const LiveService* now = findLive(service, live);
  return now && now->has_dns_failed;
}

std::vector<std::string> changesOf(const model::HeaderChanges& changes) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : changes.set) lines.push_back("set " + name + ": " + value);
  for (const auto& [name, value] : changes.add) lines.push_back("add " + name + ": " + value);
  for (const std::string& name : changes.remove) lines.push_back("remove " + name);
  return lines;
}

// What proxy/attempt.cc does before it writes the head; what an exchange makes for itself is a placeholder here.
Result<std::string> upstreamHead(const UpstreamQuestion& question) {
  const http::Request& request = question.request;
  const model::Listener& listener = *question.listener.source;
  const model::Route& route = *question.choice.route->source;
  const model::HttpOptions& options = question.listener.http;
  std::string target_memory(static_cast<size_t>(listener.limits.target.count) + 256, '\0');
  const Result<std::string_view> target = route::outgoingTarget(
      question.choice, listener.direction, {.path = request.path, .raw_path = request.raw_path}, target_memory);
  if (!target) return std::unexpected(target.error());
  std::array<char, net::kPeerTextMax> ip_text;
  std::string ip;
  const bool is_own_call = listener.direction == model::Direction::kOutbound && question.peer.isLoopback();
  if (question.peer.ip_bytes && !is_own_call) ip.assign(ip_text.data(), net::printIp(question.peer, ip_text));
  const std::string quoted_ip = !ip.empty() && question.peer.ip_bytes == 16 ? "\"[" + ip + "]\"" : ip;
  const bool rewrites_host = route.rewrite && route.rewrite->host;
  const bool continues = continuesTrace(*request.headers);
  std::string memory(proxy::Core::kHeadSpaceBytes, '\0');
  proxy::HeadWriter out(memory);
  proxy::writeRequestHead(request,
                          {.options = options,
                           .changes = route.request_headers,
                           .direction = listener.direction,
                           .target = *target,
                           .host = rewrites_host ? std::string_view(*route.rewrite->host) : request.host,
                           .peer_ip = ip,
                           .peer_port_ip = quoted_ip,
                           .request_id = requestIdFor(question),
                           .traceparent = !options.trace_context ? std::string_view()
                                          : continues            ? "<the same trace, a new span>"
                                                                 : "<a new trace>",
                           .keep_tracestate = !options.trace_context || continues},
                          out);
  if (out.hasOverflowed()) return fail(Reason::kHeadTooLarge);
  return std::string(out.text());
}

}  // namespace remora::admin
