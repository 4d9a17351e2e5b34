#include "upstream/endpoint_ring.h"

#include <algorithm>
#include <vector>

namespace remora::upstream {

std::shared_ptr<const HashRing> ringOf(model::Balance balance, std::span<const Endpoint* const> endpoints) {
  if (balance != model::Balance::kRingHash && balance != model::Balance::kMaglev) return nullptr;
  uint32_t preferred = UINT32_MAX;
  for (const Endpoint* endpoint : endpoints) preferred = std::min(preferred, endpoint->priority);
  std::vector<HashRing::Member> members;
  for (const Endpoint* endpoint : endpoints) {
    members.push_back({endpoint->text, endpoint->priority == preferred ? endpoint->weight : 0});
  }
  const bool is_ring = balance == model::Balance::kRingHash;
  return HashRing::make(is_ring ? HashRing::Kind::kRing : HashRing::Kind::kMaglev, members);
}

}  // namespace remora::upstream
