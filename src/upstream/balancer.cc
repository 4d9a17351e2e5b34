#include "upstream/balancer.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/random.h"

namespace remora::upstream {
namespace {

// A priority takes all requests until fewer than five of its seven endpoints are well; then the next takes what is
// missing.
constexpr uint64_t kOverprovision = 140;

// A load is a percentage in so many parts.
constexpr uint64_t kZoneParts = 1000;

// So often another one is drawn before all are looked at.
constexpr int kDraws = 4;

// Of a share that grows from the first request on.
constexpr double kSlowStartLeast = 0.1;

}  // namespace

void Balancer::rebuild(const Options& options, std::span<const Ref<EndpointState>> endpoints,
                       std::shared_ptr<const HashRing> ring) {
  options_ = options;
  ring_ = std::move(ring);
  all_.clear();
  groups_.clear();
  loads_ = 0;
  panics_ = false;
  std::map<uint32_t, Priority> priorities;
  for (const Ref<EndpointState>& state : endpoints) {
    all_.push_back(state.get());
    const uint32_t weight = state->endpoint.weight;
    if (weight == 0) continue;
    Priority& priority = priorities[state->endpoint.priority];
    priority.all.push_back(state.get());
    priority.weight += weight;
    if (state->is_available) priority.available_weight += weight;
  }
  uint64_t capacity = 0;
  const auto capacityOf = [](const Priority& priority) {
    return std::min<uint64_t>(100, kOverprovision * priority.available_weight / priority.weight);
  };
  for (const auto& [number, priority] : priorities) capacity += capacityOf(priority);
  uint64_t left = 100;
  for (auto& [number, priority] : priorities) {
    const uint64_t load = std::min(left, capacityOf(priority));
    left -= load;
    const bool is_last_hope = capacity == 0 && groups_.empty();
    if (load > 0 || is_last_hope)
      addGroup(priority, static_cast<uint32_t>(std::max<uint64_t>(load, 1)), capacity < 100);
  }
}

void Balancer::addGroup(Priority& priority, uint32_t load, bool is_short) {
  const bool panics = priority.available_weight == 0 ||
                      (is_short && priority.available_weight * 100 < options_.panic_percent * priority.weight);
  panics_ |= panics;
  std::vector<EndpointState*> members;
  std::vector<uint32_t> weights;
  for (EndpointState* state : priority.all) {
    if (!panics && !state->is_available) continue;
    members.push_back(state);
    weights.push_back(state->endpoint.weight);
  }
  if (!panics && !options_.own_zone.empty() && addByZone(priority, members, load)) return;
  addMembers(std::move(members), weights, load * static_cast<uint32_t>(kZoneParts));
}

void Balancer::addMembers(std::vector<EndpointState*> members, std::span<const uint32_t> weights, uint32_t load) {
  groups_.emplace_back(std::move(members), weights).load = load;
  loads_ += load;
}

// Callers are taken to be spread evenly over the zones, so that each zone has to bear an even share. What the own zone
// weighs of those that are well, against that share, is what it takes; only what is missing goes to others, by what
// each of them has beyond its own share. False when all are alike.
bool Balancer::addByZone(const Priority& priority, const std::vector<EndpointState*>& members, uint32_t load) {
  std::map<std::string_view, uint64_t> weight_of;
  uint64_t sum = 0;
  for (const EndpointState* state : members) {
    weight_of[state->endpoint.zone] += state->endpoint.weight;
    sum += state->endpoint.weight;
  }
  // Those whose endpoints are all ill have callers all the same.
  std::set<std::string_view> every;
  for (const EndpointState* state : priority.all) every.insert(state->endpoint.zone);
  const uint64_t zones = every.size();
  const auto own = weight_of.find(options_.own_zone);
  if (own == weight_of.end() || weight_of.size() == 1) return false;
  const uint64_t local = std::min<uint64_t>(kZoneParts, own->second * zones * kZoneParts / sum);
  std::vector<EndpointState*> near;
  std::vector<EndpointState*> far;
  std::vector<uint32_t> near_weights;
  std::vector<uint32_t> far_weights;
  for (EndpointState* state : members) {
    const uint64_t weight = state->endpoint.weight;
    const uint64_t of_zone = weight_of[state->endpoint.zone];
    if (state->endpoint.zone == options_.own_zone) {
      near.push_back(state);
      near_weights.push_back(state->endpoint.weight);
    } else if (local == kZoneParts) {
      far.push_back(state);
      far_weights.push_back(state->endpoint.weight);
    } else if (of_zone * zones > sum) {
      constexpr uint64_t kFineness = 64;
      far.push_back(state);
      far_weights.push_back(static_cast<uint32_t>(
          std::max<uint64_t>(1, weight * kFineness * (of_zone * zones - sum) / (of_zone * zones))));
    }
  }
  addMembers(std::move(near), near_weights, load * static_cast<uint32_t>(local));
  addMembers(std::move(far), far_weights, load * static_cast<uint32_t>(kZoneParts - local));
  return true;
}

EndpointState* Balancer::pick(const Pick& pick) {
  if (groups_.empty()) return nullptr;
  if (ring_ && pick.hash) {
    if (EndpointState* const found = byHash(pick)) return found;
  }
  Group& group = groupFor(pick);
  if (group.members.size() == 1) {
    EndpointState* const only = group.members.front();
    if (only != pick.but_not || groups_.size() == 1) return only;
  }
  switch (options_.balance) {
    case model::Balance::kLeastRequest:
    case model::Balance::kPeakEwma:
      return cheaperOfTwo(group, pick);
    default:
      return draw(group, pick);
  }
}

Balancer::Group& Balancer::groupFor(const Pick& pick) {
  if (groups_.size() == 1) return groups_.front();
  uint64_t at = below(pick.random.next(), loads_);
  size_t i = 0;
  while (i + 1 < groups_.size() && at >= groups_[i].load) at -= groups_[i++].load;
  // Of a group of one that has failed there is no other: then of the next.
  if (groups_[i].members.size() == 1 && groups_[i].members.front() == pick.but_not) i = (i + 1) % groups_.size();
  return groups_[i];
}

// In turn or by chance; neither the one that has failed, nor one that just starts, unless there is no other.
EndpointState* Balancer::draw(Group& group, const Pick& pick) {
  const bool in_turn = options_.balance == model::Balance::kRoundRobin;
  EndpointState* second_best = nullptr;
  for (int i = 0; i < kDraws; ++i) {
    EndpointState* const drawn = group.members[in_turn ? group.turns.next() : group.chance.draw(pick.random.next())];
    if (drawn == pick.but_not) continue;
    if (!isHeldBack(*drawn, pick)) return drawn;
    second_best = drawn;
  }
  return second_best ? second_best : drawOther(group, pick, pick.but_not);
}

// Any but that one, if there is another: from a random place on, since draws by weight may give it for ever.
EndpointState* Balancer::drawOther(Group& group, const Pick& pick, const EndpointState* first) {
  const size_t count = group.members.size();
  const size_t begin = below(pick.random.next(), count);
  for (size_t i = 0; i < count; ++i) {
    EndpointState* const state = group.members[(begin + i) % count];
    if (state != first && (state != pick.but_not || count == 2)) return state;
  }
  return group.members[begin];
}

// Power of two choices.
EndpointState* Balancer::cheaperOfTwo(Group& group, const Pick& pick) {
  EndpointState* const a = draw(group, pick);
  EndpointState* b = a;
  for (int i = 0; i < kDraws && b == a; ++i) b = draw(group, pick);
  if (b == a) b = drawOther(group, pick, a);
  if (b == pick.but_not) return a;
  return costOf(*b, pick.now) < costOf(*a, pick.now) ? b : a;
}

// Load is what is under way, here by what it takes, per weight.
double Balancer::costOf(const EndpointState& endpoint, Instant now) const {
  const double load = static_cast<double>(endpoint.active + 1) / endpoint.endpoint.weight;
  return options_.balance == model::Balance::kPeakEwma ? load * endpoint.latency.estimate(now) : load;
}

// One that just came gets a share that grows.
bool Balancer::isHeldBack(const EndpointState& endpoint, const Pick& pick) const {
  if (options_.slow_start.count() == 0) return false;
  const double age = static_cast<double>((pick.now - endpoint.joined).count());
  const double share = age / static_cast<double>(options_.slow_start.count());
  return share < 1 && unitOf(pick.random.next()) >= std::max(share, kSlowStartLeast);
}

// The one that the key belongs to; where that is ill, or has failed, another that the key also always leads to.
EndpointState* Balancer::byHash(const Pick& pick) {
  uint64_t hash = *pick.hash;
  for (int i = 0; i < 4 * kDraws; ++i) {
    EndpointState* const state = all_[ring_->at(hash)];
    const bool is_preferred = state->endpoint.priority == groups_.front().members.front()->endpoint.priority;
    if (state != pick.but_not && is_preferred && (state->is_available || panics_)) return state;
    hash = hashOf({reinterpret_cast<const char*>(&hash), sizeof hash}, static_cast<uint64_t>(i) + 1);
  }
  return nullptr;
}

}  // namespace remora::upstream
