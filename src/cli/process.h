// The running remora: the control thread with its loop, the core threads, and how configuration, signals and the end
// come to them. Lives on the main thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "admin/process.h"
#include "admin/server.h"
#include "cli/certificate_watch.h"
#include "cli/core_thread.h"
#include "cli/overload_watch.h"
#include "cli/signals.h"
#include "control/endpoint_files.h"
#include "control/yaml_config.h"
#include "net/dns.h"
#include "net/file_watch.h"
#include "net/log_sink.h"
#include "net/tcp_stream.h"
#include "observe/log.h"
#include "proxy/drain.h"
#include "proxy/listener.h"
#include "snapshot/compiler.h"
#include "upstream/cluster_resolver.h"
#include "upstream/health_checks.h"

namespace remora::cli {

class Process final : public admin::Process, loop::TaskOwner, loop::Runnable {
 public:
  Process();
  ~Process() override;

  // Serves `config` until it is told to stop; `file` (may be empty) is read again on SIGHUP and when it changes, or one
  // of the files that it names does.
  // Returns the exit code.
  int run(model::Config config, std::string file);

  loop::Loop& loop() override { return loop_; }
  const std::vector<admin::CoreHandle>& cores() const override { return handles_; }
  snapshot::SnapshotPtr snapshot() const override { return snapshot_; }
  admin::Phase phase() const override { return phase_; }
  admin::ReloadFacts reloads() const override { return reloads_; }
  std::string effectiveConfig() const override;
  observe::Log& log() override { return log_; }
  observe::ProcessFacts facts() const override;
  observe::OverloadFacts overload() const override;
  std::string resolverFacts(const std::string& cluster) const override;
  std::optional<upstream::HealthFacts> healthFacts(const std::string& cluster) const override;
  void drain() override;

 private:
  // Everything that must succeed before anything of a configuration is applied.
  struct Prepared {
    snapshot::SnapshotPtr snapshot;
    proxy::BoundSockets sockets;
    std::shared_ptr<net::LogSink> sink;
  };
  bool prepare(model::Config config, Prepared& prepared, std::vector<std::string>& problems);
  bool openSink(const model::AccessLog& log, Prepared& prepared, std::vector<std::string>& problems);
  void publish(Prepared prepared);
  void followClusters(const snapshot::Snapshot& snapshot);
  bool startCores(uint32_t count);
  bool startAdmin(const model::Config& config);
  void settleEndpoints();
  void onEndpointsChange(const std::string& file);
  void watchFiles(const model::Config& config);
  void onFileChange();
  void onSignal(int signal);
  void reload(const char* why);
  void refuseReload(const std::vector<std::string>& problems);
  loop::Task<void> drainAndStop();
  void onTaskEnd() override { loop_.post(*this); }
  void run() override { stopSoon(); }
  // Also from inside a turn of the loop: the next one ends at once.
  void stopSoon() {
    stopping_ = true;
    loop_.stop();
  }
  void writeReady() const;

  loop::SystemClock clock_;
  loop::Sys& sys_;
  observe::Log log_;
  loop::Loop loop_;
  std::string file_;
  snapshot::SnapshotPtr snapshot_;
  std::shared_ptr<snapshot::RuleBook> rules_;
  tls::TicketKeyStore ticket_keys_;
  snapshot::RateLimiters rate_limiters_;
  CertificateWatch certificates_{loop_, log_};
  uint32_t generation_ = 0;
  admin::Phase phase_ = admin::Phase::kStarting;
  admin::ReloadFacts reloads_;
  proxy::BoundSockets sockets_;
  std::shared_ptr<net::LogSink> sink_;
  std::unique_ptr<OverloadWatch> overload_;  // before the cores, which read it
  std::vector<std::unique_ptr<CoreThread>> threads_;
  std::vector<admin::CoreHandle> handles_;
  std::unique_ptr<proxy::Listeners> listeners_;  // on the first core's loop
  std::unique_ptr<net::Resolver> dns_;
  net::TcpConnector connector_{loop_, sys_};  // for health checks only
  upstream::HealthChecks health_checks_{loop_, connector_, log_};
  std::map<std::string, std::unique_ptr<upstream::ClusterResolver>> resolvers_;
  control::EndpointFiles endpoint_files_{loop_, log_, [this](const std::string& file) { onEndpointsChange(file); }};
  std::unique_ptr<net::FileWatch> watch_;
  const uint64_t subset_seed_ = (uint64_t{std::random_device()()} << 32) | std::random_device()();
  bool changed_early_ = false;  // a file changed before the first configuration served
  std::unique_ptr<admin::Server> admin_;
  std::unique_ptr<Signals> signals_;
  loop::Task<void> draining_;
  bool stopping_ = false;
  int exit_code_ = 0;
};

}  // namespace remora::cli
