#include "control/config_files.h"

#include <algorithm>
#include <filesystem>

namespace remora::control {

std::vector<std::string> filesOf(const model::Config& config) {
  std::vector<std::string> files;
  for (const model::TlsServer& tls : config.tls_servers) {
    for (const model::CertificateFiles& pair : tls.certificates) {
      files.push_back(pair.certificate);
      files.push_back(pair.key);
    }
    files.push_back(tls.client_ca);
    files.push_back(tls.crl);
  }
  for (const model::Cluster& cluster : config.clusters) {
    if (!cluster.tls) continue;
    files.push_back(cluster.tls->ca);
    files.push_back(cluster.tls->crl);
    if (!cluster.tls->certificate) continue;
    files.push_back(cluster.tls->certificate->certificate);
    files.push_back(cluster.tls->certificate->key);
  }
  for (const model::RateLimitService& service : config.rate_limit_services) files.push_back(service.password_file);
  std::ranges::sort(files);
  files.erase(std::unique(files.begin(), files.end()), files.end());
  if (!files.empty() && files.front().empty()) files.erase(files.begin());
  return files;
}

std::string pathFrom(std::string_view folder, std::string_view path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

}  // namespace remora::control
