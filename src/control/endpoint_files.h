// The files of endpoints that a configuration names, watched: what each says now. A file that can't be read changes
// nothing, the endpoints that it last gave stay; that is said in the log, and counted. Belongs to the control thread's
// loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "model/config.h"
#include "net/file_watch.h"
#include "observe/log.h"

namespace remora::control {

struct EndpointFileFacts {
  std::string file;
  size_t endpoints = 0;                    // that serve
  std::optional<int64_t> read_wall_nanos;  // when it last was good, since 1970; nothing: never
  uint64_t failures = 0;                   // readings that were refused
  std::string last_error;                  // empty when the last one was good
};

class EndpointFiles {
 public:
  // Gets the path of a file whose endpoints are others now. It may not call follow().
  using OnChange = std::function<void(const std::string& file)>;

  EndpointFiles(loop::Loop& loop, observe::Log& log, OnChange on_change)
      : loop_(loop), log_(log), on_change_(std::move(on_change)) {}

  // The files of `config` from now on; each is read before this returns, and nothing is told of that. Others are
  // forgotten.
  void follow(const model::Config& config);
  // The cluster with the endpoints that its file gave last: none before the first good reading.
  model::Cluster withEndpoints(const model::Cluster& cluster) const;
  // By path.
  std::vector<EndpointFileFacts> facts() const;
  // Of the cluster's file, for /clusters; empty when it has none.
  std::string factsText(const model::Cluster& cluster) const;

 private:
  struct File {
    EndpointFileFacts facts;
    std::vector<model::Endpoint> endpoints;
  };

  void watch();
  void readAll();
  // True when the endpoints are others.
  bool read(File& file);

  loop::Loop& loop_;
  observe::Log& log_;
  OnChange on_change_;
  std::map<std::string, File> files_;
  std::unique_ptr<net::FileWatch> watch_;
};

}  // namespace remora::control
