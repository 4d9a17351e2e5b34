// Which of a cluster's endpoints the next request goes to. It is built anew when endpoints or their standing change;
// picking takes the same short time however many there are. Belongs to one core.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/cluster.h"
#include "observe/trace_context.h"
#include "upstream/endpoint_state.h"
#include "upstream/hash_ring.h"
#include "upstream/weighted_choice.h"

namespace remora::upstream {

class Balancer {
 public:
  struct Options {
    model::Balance balance = model::Balance::kLeastRequest;
    uint32_t panic_percent = 50;
    Duration slow_start{0};
    std::string own_zone;  // its endpoints are preferred; empty: zones don't matter
  };
  struct Pick {
    Instant now;
    observe::IdSource& random;
    const EndpointState* but_not = nullptr;  // unless there is no other
    std::optional<uint64_t> hash;            // of the request's key; without one a hash falls back to chance
  };

  void rebuild(const Options& options, std::span<const Ref<EndpointState>> endpoints,
               std::shared_ptr<const HashRing> ring);
  // Null when there is none at all.
  EndpointState* pick(const Pick& pick);
  // So many are ill that all are tried: better than to send everything to the few that are left.
  bool panics() const { return panics_; }

 private:
  // Those of one priority that get requests.
  struct Group {
    Group(std::vector<EndpointState*> those, std::span<const uint32_t> weights)
        : members(std::move(those)), chance(weights), turns(weights) {}
    std::vector<EndpointState*> members;
    WeightedChance chance;
    WeightedTurns turns;
    uint32_t load = 0;  // its share of the requests, in parts of the sum; 0: only instead of one that has failed
  };
  struct Priority {
    std::vector<EndpointState*> all;
    uint64_t weight = 0;
    uint64_t available_weight = 0;
  };

  void addGroup(Priority& priority, uint32_t load, bool is_short);
  bool addByZone(const Priority& priority, const std::vector<EndpointState*>& members, uint32_t load);
  void addMembers(std::vector<EndpointState*> members, std::span<const uint32_t> weights, uint32_t load);
  Group& groupFor(const Pick& pick);
  EndpointState* draw(Group& group, const Pick& pick);
  EndpointState* drawOther(Group& group, const Pick& pick, const EndpointState* first);
  EndpointState* cheaperOfTwo(Group& group, const Pick& pick);
  EndpointState* byHash(const Pick& pick);
  double costOf(const EndpointState& endpoint, Instant now) const;
  bool isHeldBack(const EndpointState& endpoint, const Pick& pick) const;

  Options options_;
  std::vector<EndpointState*> all_;  // as the ring counts them
  std::vector<Group> groups_;
  uint32_t loads_ = 0;
  bool panics_ = false;
  std::shared_ptr<const HashRing> ring_;
};

}  // namespace remora::upstream
