// What a Snapshot has ready of rate limits that a service counts. Immutable; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "model/rate_limit_service.h"
#include "model/routes.h"
#include "upstream/redis_limit.h"

namespace remora::snapshot {

struct LimitService {
  const model::RateLimitService* source = nullptr;
  uint32_t cluster = UINT32_MAX;  // position in the Snapshot's clusters, or kNoCluster
  std::string password;           // as its file had it when this was compiled
};

struct SharedLimit {
  const model::SharedLimit* source = nullptr;
  uint32_t service = 0;  // position in the Snapshot's limit_services
  // Of a Redis.
  std::string key;  // what its keys begin with
  upstream::RedisRate rate;
};

}  // namespace remora::snapshot
