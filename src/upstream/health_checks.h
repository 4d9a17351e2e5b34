// The HealthCheckers of all services that have one, and what they share. Belongs to the control thread's loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/cluster.h"
#include "upstream/health_checker.h"

namespace remora::upstream {

class HealthChecks {
 public:
  // All of them outlive it.
  HealthChecks(loop::Loop& loop, net::Connector& connector, observe::Log& log)
      : loop_(loop), connector_(connector), log_(log) {}

  // With each configuration, before the endpoints of its services are told. `tls` as `clusters`; null: plaintext.
  void configure(std::span<const model::Cluster> clusters,
                 std::span<const std::shared_ptr<const tls::ClientContext>> tls);
  // The service's endpoints are these now; nothing happens where it has no checks, or has heard of the set already.
  void follow(const std::string& service, const EndpointSetPtr& set);

  bool isSettled() const;
  // Of one service; null: it has no checks.
  const HealthChecker* find(const std::string& service) const;
  // Of all of them, by name.
  std::vector<HealthFacts> facts() const;

 private:
  // Memory for what a turn reads; only where something is checked.
  struct Memory {
    tls::CipherMemory cipher;
    std::vector<char> scratch = std::vector<char>(16 << 10);
  };

  loop::Loop& loop_;
  net::Connector& connector_;
  observe::Log& log_;
  std::unique_ptr<Memory> memory_;
  std::map<std::string, std::unique_ptr<HealthChecker>> checkers_;
};

}  // namespace remora::upstream
