#include "proxy/limit_link.h"

#include <algorithm>

#include "base/random.h"
#include "proxy/core.h"

namespace remora::proxy {

LimitLink::LimitLink(Core& core, const model::RateLimitService& service, std::string password)
    : core_(core), service_(service), password_(std::move(password)), connecting_(core.loop()) {}

LimitLink::~LimitLink() = default;

bool LimitLink::isFor(const model::RateLimitService& service, std::string_view password) const {
  model::RateLimitService same = service;
  same.origin = service_.origin;  // a line that moved changes nothing
  return same == service_ && password == password_;
}

loop::Task<Connected> LimitLink::dial(tls::Carries carries, upstream::Permits::Permit& slot) {
  const Ref<upstream::ClusterState> cluster = cluster_;
  endpoint_ =
      cluster ? cluster->choose(core_.ids(), is_away_ ? endpoint_.get() : nullptr) : Ref<upstream::EndpointState>();
  if (!endpoint_) co_return fail(Reason::kNoEndpoint, Reached::kNo);
  const Ref<upstream::EndpointState> endpoint = endpoint_;
  slot = takeSlot(core_, *cluster);
  if (!slot) co_return std::unexpected(connectionsFull(*cluster));
  const net::Patience patience{.stall = cluster->pool().connect,
                               .stalled = Failure{Reason::kConnectTimeout, Reached::kNo, 0}};
  Result<Connected> connected = co_await loop::asResult(connectTo(core_, *cluster, *endpoint, patience, carries));
  ++(connected ? endpoint->requests : endpoint->failures);
  co_return connected;
}

bool LimitLink::isAtItsEndpoint() const {
  const auto is_ours = [this](const auto& endpoint) { return endpoint.get() == endpoint_.get(); };
  return cluster_ && std::ranges::any_of(cluster_->endpoints(), is_ours);
}

bool LimitLink::mayConnect() const {
  return !is_away_ || core_.now() >= retry_at_;
}

void LimitLink::noteAway() {
  const Duration twice = backoff_ * 2;
  backoff_ = std::clamp<Duration>(twice, service_.backoff, std::max(service_.backoff, service_.backoff_most));
  // Between half of it and the whole, so that those whom it failed together don't come back together.
  retry_at_ = core_.now() + backoff_ / 2 + Duration(below(core_.ids().next(), backoff_.count() / 2 + 1));
  is_away_ = true;
}

void LimitLink::noteBack() {
  is_away_ = false;
  backoff_ = Duration(0);
}

}  // namespace remora::proxy
