#include "admin/listener_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "admin/words.h"

namespace remora::admin {
namespace {

using snapshot::ListenerPlan;
using Plans = std::vector<const ListenerPlan*>;

std::string namesOf(const Plans& plans) {
  std::string names;
  for (const ListenerPlan* plan : plans) {
    names += fmt::format("{}{} ({} on {})", names.empty() ? "" : ", ", plan->source->name,
                         nameOf(plan->source->direction), model::toText(plan->source->address));
  }
  return names;
}

bool isNamedIn(const ListenerPlan& plan, std::string_view hostname) {
  if (!plan.routes) return false;
  const route::HostKind kind = plan.routes->findHost(hostname).kind;
  return kind == route::HostKind::kExact || kind == route::HostKind::kSuffix;
}

Plans keep(const Plans& plans, const auto& fits) {
  Plans kept;
  std::ranges::copy_if(plans, std::back_inserter(kept), fits);
  return kept;
}

bool isInbound(const ListenerPlan* plan) {
  return plan->source->direction == model::Direction::kInbound;
}

}  // namespace

std::expected<ListenerAnswer, std::string> chooseListener(const snapshot::Snapshot& snapshot,
                                                          const ListenerQuestion& question) {
  Plans all;
  for (const ListenerPlan& plan : snapshot.listeners) all.push_back(&plan);
  if (!question.name.empty()) {
    const Plans named = keep(all, [&](const ListenerPlan* plan) { return plan->source->name == question.name; });
    if (!named.empty()) return ListenerAnswer{named[0], "named in the question"};
    return std::unexpected("no listener is named '" + shown(question.name) + "'; there are " + namesOf(all));
  }
  const Plans plans = keep(all, [&](const ListenerPlan* plan) {
    return !question.direction || plan->source->direction == *question.direction;
  });
  if (plans.empty()) return std::unexpected(std::string("no such listener is configured"));
  if (plans.size() == 1) return ListenerAnswer{plans[0], "the only one"};
  // Two listeners may share a port on different addresses, and a service may listen on the port of one.
  const Plans on_port = keep(plans, [&](const ListenerPlan* plan) {
    return question.port != 0 && plan->source->address.kind == model::SocketAddress::Kind::kIp &&
           plan->source->address.port == question.port;
  });
  const Plans calling = keep(plans, [&](const ListenerPlan* plan) {
    return !isInbound(plan) && !question.hostname.empty() && isNamedIn(*plan, question.hostname);
  });
  for (const ListenerPlan* plan : on_port) {
    if (std::ranges::find(calling, plan) != calling.end()) {
      return ListenerAnswer{plan, "it listens on the URL's port and its routes name the host"};
    }
  }
  if (calling.size() == 1) return ListenerAnswer{calling[0], "its routes name the URL's host"};
  if (on_port.size() == 1) return ListenerAnswer{on_port[0], "it listens on the URL's port"};
  const Plans inbound = keep(plans, isInbound);
  if (calling.empty() && on_port.empty() && inbound.size() == 1) {
    return ListenerAnswer{inbound[0], "the only inbound one, since no outbound one has routes that name the host"};
  }
  return std::unexpected("several listeners could be meant; name one: " + namesOf(plans));
}

}  // namespace remora::admin
