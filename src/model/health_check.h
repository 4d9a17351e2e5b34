// How a service's endpoints are asked whether they are well, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/deadline.h"

namespace remora::model {

struct HealthCheck {
  enum class Kind : uint8_t {
    kHttp,  // a request, whose status tells
    kGrpc,  // the standard health protocol (grpc.health.v1)
    kTcp,   // a connection, with TLS where the service has it
  };
  // From the first to the second, both included.
  using Statuses = std::pair<uint16_t, uint16_t>;

  Kind kind = Kind::kHttp;
  std::string path = "/";                                          // of kHttp
  std::string method = "GET";                                      // of kHttp; an answer's body is never kept
  std::vector<Statuses> statuses{{uint16_t{200}, uint16_t{299}}};  // of kHttp, that are well
  std::string grpc_service;                                        // of kGrpc; empty: the whole server
  std::string host;                    // Host, or :authority; empty: the endpoint's name or address
  uint16_t port = 0;                   // 0: the endpoint's
  Milliseconds interval{5'000};        // from the end of a check to the next
  Milliseconds interval_idle{60'000};  // the same while nobody sends the service requests; never less than interval
  Milliseconds timeout{1'000};
  uint32_t jitter_percent = 10;      // of the interval, by which it is longer by chance
  uint32_t unhealthy_threshold = 3;  // failed checks in a row
  uint32_t healthy_threshold = 2;    // passed ones

  bool operator==(const HealthCheck&) const = default;
};

}  // namespace remora::model
