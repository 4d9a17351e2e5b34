#include "control/endpoint_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "control/endpoints_reader.h"

namespace remora::control {
namespace {

// Of a broken file the first few errors tell enough.
constexpr size_t kErrorsSaid = 3;

std::string sentenceOf(const std::vector<ConfigError>& errors) {
  std::vector<std::string> said;
  for (size_t i = 0; i < std::min(errors.size(), kErrorsSaid); ++i) said.push_back(describe(errors[i]));
  if (errors.size() > kErrorsSaid) said.push_back(fmt::format("and {} more", errors.size() - kErrorsSaid));
  return fmt::format("{}", fmt::join(said, "; "));
}

}  // namespace

void EndpointFiles::follow(const model::Config& config) {
  std::map<std::string, File> kept;
  for (const model::Cluster& cluster : config.clusters) {
    const std::string& path = cluster.endpoints_file;
    if (path.empty() || kept.contains(path)) continue;
    const auto known = files_.find(path);
    File& file = kept[path];
    if (known != files_.end()) file = std::move(known->second);
    file.facts.file = path;
  }
  files_ = std::move(kept);
  watch();
  for (auto& [path, file] : files_) read(file);
}

// Before they are read: what changes from then on is told.
void EndpointFiles::watch() {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) paths.push_back(path);
  std::expected<void, std::string> followed;
  if (watch_) {
    followed = watch_->follow(std::move(paths));
  } else if (!paths.empty()) {
    auto watch = net::FileWatch::start(loop_, std::move(paths), [this] { readAll(); });
    if (watch) {
      watch_ = std::move(*watch);
    } else {
      followed = std::unexpected(std::move(watch.error()));
    }
  }
  if (!followed) log_.warn("endpoints", "some changes are noticed only on SIGHUP: {}", followed.error());
}

void EndpointFiles::readAll() {
  for (auto& [path, file] : files_) {
    if (read(file)) on_change_(path);
  }
}

bool EndpointFiles::read(File& file) {
  EndpointFileFacts& facts = file.facts;
  LoadedEndpoints loaded = loadEndpointsFile(facts.file);
  if (!loaded.errors.empty()) {
    ++facts.failures;
    std::string sentence = sentenceOf(loaded.errors);
    if (sentence != facts.last_error) {
      log_.error("endpoints", "{}; {}", sentence,
                 facts.read_wall_nanos ? fmt::format("the {} endpoint(s) before it stay", facts.endpoints)
                                       : "there are no endpoints until it is good");
    }
    facts.last_error = std::move(sentence);
    return false;
  }
  const bool was_bad = !std::exchange(facts.last_error, {}).empty();
  const bool is_other = !facts.read_wall_nanos || loaded.endpoints != file.endpoints;
  facts.read_wall_nanos = loop_.clock().wallNanos();
  file.endpoints = std::move(loaded.endpoints);
  facts.endpoints = file.endpoints.size();
  if (is_other || was_bad) log_.info("endpoints", "{}: {} endpoint(s)", facts.file, facts.endpoints);
  return is_other;
}

model::Cluster EndpointFiles::withEndpoints(const model::Cluster& cluster) const {
  model::Cluster filled = cluster;
  if (const auto found = files_.find(cluster.endpoints_file); found != files_.end()) {
    filled.endpoints = found->second.endpoints;
  }
  return filled;
}

std::vector<EndpointFileFacts> EndpointFiles::facts() const {
  std::vector<EndpointFileFacts> all;
  for (const auto& [path, file] : files_) all.push_back(file.facts);
  return all;
}

std::string EndpointFiles::factsText(const model::Cluster& cluster) const {
  const auto found = files_.find(cluster.endpoints_file);
  if (found == files_.end()) return {};
  const EndpointFileFacts& facts = found->second.facts;
  return fmt::format("file {}: {} endpoint(s), {} failure(s){}{}\n", facts.file, facts.endpoints, facts.failures,
                     facts.last_error.empty() ? "" : ", ", facts.last_error);
}

}  // namespace remora::control
