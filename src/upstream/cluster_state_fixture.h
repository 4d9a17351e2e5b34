// A ClusterState with endpoints as a test wants them. Only for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loop/test_loop.h"
#include "upstream/cluster_state.h"

namespace remora::upstream {

class ClusterStateFixture : public testing::Test {
 protected:
  void use(model::Balance balance) {
    model::Cluster cluster;
    cluster.name = "app";
    cluster.balance = balance;
    state_.configure(cluster);
  }
  static Endpoint endpoint(int last, uint32_t weight = 1, uint32_t priority = 0) {
    const model::SocketAddress address{model::SocketAddress::Kind::kIp, "10.0.0." + std::to_string(last), 80};
    Endpoint made;
    made.address = *net::Address::of(address);
    made.text = model::toText(address);
    made.weight = weight;
    made.priority = priority;
    return made;
  }
  void adopt(std::vector<Endpoint> endpoints) {
    state_.adopt(std::make_shared<EndpointSet>(EndpointSet{.version = ++version_, .endpoints = std::move(endpoints)}));
  }

  loop::TestLoop loop_;
  observe::CoreMetrics metrics_;
  observe::IdSource random_{{1, 2, 3, 4}};
  ClusterState state_{loop_, metrics_};
  uint64_t version_ = 0;
};

}  // namespace remora::upstream
