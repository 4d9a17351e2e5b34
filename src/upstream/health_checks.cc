#include "upstream/health_checks.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

void HealthChecks::configure(std::span<const model::Cluster> clusters,
                             std::span<const std::shared_ptr<const tls::ClientContext>> tls) {
  std::map<std::string, std::unique_ptr<HealthChecker>> kept;
  for (size_t i = 0; i < clusters.size(); ++i) {
    const model::Cluster& cluster = clusters[i];
    if (!cluster.health_check) continue;
    std::unique_ptr<HealthChecker>& checker = kept[cluster.name];
    if (const auto known = checkers_.find(cluster.name); known != checkers_.end()) {
      checker = std::move(known->second);
    } else {
      if (!memory_) memory_ = std::make_unique<Memory>();
      checker = std::make_unique<HealthChecker>(
          CheckMeans{
              .loop = loop_, .connector = connector_, .cipher_memory = memory_->cipher, .scratch = memory_->scratch},
          log_, cluster.name);
    }
    checker->configure(
        {.check = *cluster.health_check, .protocol = cluster.protocol, .http2 = cluster.http2, .tls = tls[i]});
  }
  checkers_ = std::move(kept);
}

void HealthChecks::follow(const std::string& service, const EndpointSetPtr& set) {
  if (const auto found = checkers_.find(service); found != checkers_.end()) found->second->follow(set);
}

bool HealthChecks::isSettled() const {
  return std::ranges::all_of(checkers_, [](const auto& entry) { return entry.second->isSettled(); });
}

const HealthChecker* HealthChecks::find(const std::string& service) const {
  const auto found = checkers_.find(service);
  return found == checkers_.end() ? nullptr : found->second.get();
}

std::vector<HealthFacts> HealthChecks::facts() const {
  std::vector<HealthFacts> all;
  all.reserve(checkers_.size());
  for (const auto& [name, checker] : checkers_) all.push_back(checker->facts());
  return all;
}

}  // namespace remora::upstream
