// A route whose rate_limit a service counts, and which answers by itself, so that all connections that are made are
// those to the service; the test is the client and the service. Only for tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "observe/limit_answer.h"
#include "proxy/test_support.h"

namespace remora::proxy::test {

struct LimitWorld {
  using Change = std::function<void(model::RateLimitService&, model::SharedLimit&)>;

  // `make`: what kind of service it is, and by what it counts. `change`: what the test wants otherwise.
  LimitWorld(const std::string& cluster,
             const std::function<void(model::Cluster&, model::RateLimitService&, model::SharedLimit&)>& make,
             const Change& change)
      : world([&](model::Config& made) {
          made.telemetry.recent = 64;
          model::Cluster& counting = made.clusters.emplace_back();
          counting.name = cluster;
          model::RateLimitService& service = made.rate_limit_services.emplace_back();
          service.name = "shared";
          service.cluster = cluster;
          model::Route& route = routeOf(made);
          route.action = model::DirectAnswer{.body = "hi"};
          model::SharedLimit& limit = route.shared_limit.emplace();
          limit.service = "shared";
          make(counting, service, limit);
          if (change) change(service, limit);
          config = made;
        }) {
    world.endpoints({"10.0.0.9"}, cluster);
    client = world.client();
  }

  void ask(const std::string& request = kGet) { askOf(*client, request); }
  void askOf(PipeEnd& from, const std::string& request = kGet) {
    from.put(request);
    world.settle();
  }
  std::string got() {
    world.settle();
    return client->take();
  }
  uint64_t count(observe::LimitResult result) const {
    return world.metrics.limits.at(0).results[static_cast<size_t>(result)].value();
  }
  observe::LimitAnswer told() const {
    for (const observe::TrailEntry& entry : world.last().trail.entries()) {
      if (entry.outcome == observe::Outcome::kRateLimitAsked) return observe::LimitAnswer::of(entry.argument);
    }
    return {observe::LimitResult::kCount};
  }

  model::Config config;
  World world;
  std::unique_ptr<PipeEnd> client;
};

}  // namespace remora::proxy::test
