// Who counts for several remoras together, as plain data.
#pragma once

#include <cstdint>
#include <string>

#include "base/deadline.h"
#include "model/origin.h"

namespace remora::model {

inline constexpr size_t kLongestDomain = 128;

struct RateLimitService {
  enum class Kind : uint8_t {
    kRedis,
    kGrpc,  // what speaks Envoy's rate limit service
  };
  enum class OnFailure : uint8_t { kOpen, kClosed };
  Origin origin;
  std::string name;
  Kind kind = Kind::kRedis;
  std::string cluster;  // where it is and how it is spoken to
  // Of Redis.
  std::string user;           // empty: the default one
  std::string password_file;  // empty: none is asked for
  uint32_t database = 0;
  std::string prefix = "remora";  // of its keys
  // Of gRPC.
  std::string domain;  // whose limits are meant

  Milliseconds timeout{20};                 // for each question
  OnFailure on_failure = OnFailure::kOpen;  // what it means for the request that there was no answer
  uint32_t pending = 1024;                  // questions of a core that wait for an answer
  Milliseconds stall{1'000};                // without a byte while questions wait: the connection is given up
  Milliseconds backoff{100};                // before it is connected to again; then twice that, and so on
  Milliseconds backoff_most{5'000};

  bool operator==(const RateLimitService&) const = default;
};

}  // namespace remora::model
