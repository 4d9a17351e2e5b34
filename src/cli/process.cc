#include "cli/process.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <utility>

#include "cli/machine.h"
#include "control/config_files.h"
#include "net/descriptor_reserve.h"

namespace remora::cli {
namespace {

std::atomic<uint64_t> lines_lost{0};

// Never waits: a full pipe costs lines, which are counted, not the control thread or a core. Lines are shorter than
// PIPE_BUF, so whoever may write may write one whole.
void writeToStderr(void*, std::string_view line) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) && ::write(STDERR_FILENO, line.data(), line.size()) >= 0) {
    return;
  }
  lines_lost.fetch_add(1, std::memory_order_relaxed);
}

observe::LogLevel levelOf(model::ProcessLog::Level level) {
  return static_cast<observe::LogLevel>(level);
}

std::string placeAndProblem(const route::CompileError& error) {
  return describe(error.where) + ": " + error.problem;
}

// Served to clients and shown to endpoints, each file once.
std::vector<tls::CertificateFacts> certificatesOf(const snapshot::Snapshot& snapshot) {
  std::vector<tls::CertificateFacts> all;
  const auto add = [&all](const std::vector<tls::CertificateFacts>& certificates) {
    for (const tls::CertificateFacts& certificate : certificates) {
      const bool is_known = std::ranges::any_of(all, [&](const auto& known) { return known.file == certificate.file; });
      if (!is_known) all.push_back(certificate);
    }
  };
  for (const snapshot::ListenerPlan& plan : snapshot.listeners) {
    if (plan.tls) add(plan.tls->certificates());
  }
  for (const auto& client : snapshot.tls_clients) {
    if (client) add(client->certificates());
  }
  return all;
}

}  // namespace

Process::Process()
    : sys_(loop::systemFromEnvironment()),
      log_({.write = writeToStderr}, observe::LogLevel::kInfo, observe::LogFormat::kText),
      loop_(clock_, std::make_unique<loop::EpollPoller>(sys_)),
      rules_(std::make_shared<snapshot::RuleBook>()) {}

Process::~Process() = default;

int Process::run(model::Config config, std::string file) {
  file_ = std::move(file);
  log_.setLevel(levelOf(config.telemetry.log.level));
  if (config.telemetry.log.json) log_.setFormat(observe::LogFormat::kJson);
  blockSignals();
  const uint64_t descriptors = raiseDescriptorLimit();
  net::reserveDescriptors(descriptors);
  signals_ = std::make_unique<Signals>(loop_, [this](int signal) { onSignal(signal); });

  watchFiles(config);
  Prepared prepared;
  std::vector<std::string> problems;
  if (!prepare(std::move(config), prepared, problems)) {
    for (const std::string& problem : problems) log_.error("config", "{}", problem);
    return 1;
  }
  const model::Config& first = prepared.snapshot->config;
  if (!startCores(coresToUse(first.cores)) || !startAdmin(first)) return 1;
  followClusters(*prepared.snapshot);
  settleEndpoints();
  publish(std::move(prepared));
  overload_->start(threads_);
  phase_ = admin::Phase::kServing;
  log_.info("remora", "remora {} serves with {} core(s) and {} descriptors, generation {}", REMORA_VERSION,
            threads_.size(), descriptors, generation_);
  if (changed_early_) reload("a file changed");
  while (!stopping_) loop_.turn(Deadline::never());

  admin_.reset();
  threads_[0]->loop().mailbox().post([this] { listeners_.reset(); });
  for (const auto& thread : threads_) thread->stop();
  if (sink_) sink_->stop(std::chrono::seconds(2));
  log_.info("remora", "remora stopped");
  return exit_code_;
}

bool Process::startCores(uint32_t count) {
  overload_ = std::make_unique<OverloadWatch>(loop_, log_, count);
  std::vector<proxy::Listeners::Target> targets;
  for (uint32_t i = 0; i < count; ++i) {
    threads_.push_back(std::make_unique<CoreThread>(i, clock_, sys_, overload_->overload()));
    CoreThread& thread = *threads_.back();
    thread.core().logTo(log_);
    handles_.push_back({&thread.core(), &thread.loop(), &thread.metrics()});
    targets.push_back({&thread.core(), &thread.loop()});
  }
  listeners_ = std::make_unique<proxy::Listeners>(std::move(targets), sys_, log_);
  for (const auto& thread : threads_) thread->start();
  return true;
}

bool Process::startAdmin(const model::Config& config) {
  if (!config.admin) return true;
  admin_ = std::make_unique<admin::Server>(*this, loop_, sys_);
  const auto listening = admin_->listen(*config.admin);
  if (!listening) {
    log_.error("admin", "{}", listening.error());
    return false;
  }
  return true;
}

// Names that DNS answers quickly are there before the first request, and so is what is known of endpoints that are
// checked; a slow server must not delay the start.
void Process::settleEndpoints() {
  constexpr Duration kLongest = std::chrono::seconds(1);
  const Deadline until = Deadline::at(loop_.readClock() + kLongest);
  const auto are_settled = [this] {
    for (const auto& [name, resolver] : resolvers_) {
      if (!resolver->isSettled()) return false;
    }
    return health_checks_.isSettled();
  };
  while (!are_settled() && !until.hasPassed(loop_.now()) && !stopping_) loop_.turn(until);
}

bool Process::prepare(model::Config config, Prepared& prepared, std::vector<std::string>& problems) {
  if (const char* zone = std::getenv("REMORA_ZONE"); zone && config.zone.empty()) config.zone = zone;
  if (config.zone.empty() && std::ranges::any_of(config.clusters, &model::Cluster::zone_aware)) {
    log_.warn("endpoints", "zone_aware has no effect: neither 'zone' nor the variable REMORA_ZONE says where this is");
  }
  auto compiled = snapshot::compile(std::move(config), generation_ + 1, rules_,
                                    {.ticket_keys = &ticket_keys_, .rate_limiters = &rate_limiters_});
  if (!compiled) {
    for (const route::CompileError& error : compiled.error()) problems.push_back(placeAndProblem(error));
    return false;
  }
  prepared.snapshot = std::move(*compiled);
  const model::Config& next = prepared.snapshot->config;
  for (const model::Listener& listener : next.listeners) {
    const std::string address = model::toText(listener.address);
    if (const auto known = sockets_.find(address); known != sockets_.end()) {
      prepared.sockets.emplace(*known);
      continue;
    }
    auto socket = net::BoundSocket::bind(listener);
    if (socket) {
      prepared.sockets.emplace(address, std::move(*socket));
    } else {
      problems.push_back(describe(listener.origin) + ": " + socket.error());
    }
  }
  openSink(next.telemetry.access_log, prepared, problems);
  return problems.empty();
}

bool Process::openSink(const model::AccessLog& log, Prepared& prepared, std::vector<std::string>& problems) {
  if (log.sink == model::AccessLog::Sink::kNone) return true;
  if (sink_ && snapshot_) {
    model::AccessLog now = snapshot_->config.telemetry.access_log;
    now.origin = log.origin;
    now.format = log.format;
    now.text = log.text;
    now.fields = log.fields;
    if (now == log) {
      prepared.sink = sink_;
      return true;
    }
  }
  auto sink = net::LogSink::open(log, [this](std::string_view sentence) { log_.warn("access_log", "{}", sentence); });
  if (!sink) {
    problems.push_back(describe(log.origin) + ": " + sink.error());
    return false;
  }
  prepared.sink = std::move(*sink);
  return true;
}

void Process::publish(Prepared prepared) {
  generation_ = prepared.snapshot->generation;
  reloads_.adopted_wall_nanos = clock_.wallNanos();
  snapshot_ = prepared.snapshot;
  overload_->overload().configure(snapshot_->config.overload);
  certificates_.follow(certificatesOf(*snapshot_));
  sockets_ = prepared.sockets;
  const std::shared_ptr<net::LogSink> old_sink = std::exchange(sink_, prepared.sink);
  // The first core last: it accepts for the others, and what it hands over must find its listener there.
  for (size_t i = threads_.size(); i-- > 0;) {
    CoreThread& thread = *threads_[i];
    thread.loop().mailbox().post(
        [&thread, snapshot = snapshot_, sink = sink_] { thread.core().adoptSnapshot(snapshot, sink); });
  }
  threads_[0]->loop().mailbox().post(
      [this, snapshot = snapshot_, sockets = sockets_] { listeners_->adopt(*snapshot, sockets); });
}

void Process::followClusters(const snapshot::Snapshot& snapshot) {
  if (!dns_) {
    const char* servers = std::getenv("REMORA_DNS_SERVERS");  // for tests and odd hosts; empty: resolv.conf
    auto created = net::CaresResolver::create(loop_, {.servers = servers ? servers : ""});
    if (created) {
      dns_ = std::move(*created);
    } else {
      log_.error("dns", "{}", created.error());
      return;
    }
  }
  const model::Config& config = snapshot.config;
  endpoint_files_.follow(config);
  std::map<std::string, std::unique_ptr<upstream::ClusterResolver>> kept;
  health_checks_.configure(config.clusters, snapshot.tls_clients);
  for (const model::Cluster& configured : config.clusters) {
    const model::Cluster cluster = endpoint_files_.withEndpoints(configured);
    if (const auto known = resolvers_.find(cluster.name); known != resolvers_.end()) {
      known->second->update(cluster);
      health_checks_.follow(cluster.name, known->second->current());  // also where only the checks are new
      kept.emplace(cluster.name, std::move(known->second));
      continue;
    }
    auto resolver = std::make_unique<upstream::ClusterResolver>(
        loop_, *dns_, cluster,
        [this, name = cluster.name](upstream::EndpointSetPtr set) {
          health_checks_.follow(name, set);
          for (const auto& thread : threads_) {
            thread->loop().mailbox().post([&core = thread->core(), name, set] { core.adoptEndpoints(name, set); });
          }
        },
        std::random_device()(), subset_seed_);
    resolver->start();
    kept.emplace(cluster.name, std::move(resolver));
  }
  resolvers_ = std::move(kept);
}

// Without a new Snapshot: the cores get another set of endpoints, and what runs at those that are gone ends there.
void Process::onEndpointsChange(const std::string& file) {
  if (!snapshot_) return;
  for (const model::Cluster& cluster : snapshot_->config.clusters) {
    const auto resolver = resolvers_.find(cluster.name);
    if (cluster.endpoints_file != file || resolver == resolvers_.end()) continue;
    resolver->second->update(endpoint_files_.withEndpoints(cluster));
  }
}

void Process::onSignal(int signal) {
  switch (signal) {
    case SIGHUP:
      return reload("SIGHUP");
    case SIGUSR1:
      for (const auto& thread : threads_) {
        thread->loop().mailbox().post([&core = thread->core()] { core.reopenLogs(); });
      }
      if (sink_) sink_->reopen();
      log_.info("access_log", "access log reopened on SIGUSR1");
      return;
    case SIGTERM:
    case SIGINT:
      if (draining_) {
        log_.warn("drain", "second signal: stopping at once");
        return stopSoon();
      }
      return drain();
    default:
      return;
  }
}

void Process::reload(const char* why) {
  if (phase_ == admin::Phase::kDraining) return;
  if (file_.empty()) {
    log_.warn("config", "nothing to reload: remora runs without a configuration file");
    return;
  }
  const auto names = observe::accessLogFieldNames();
  control::LoadedConfig loaded = control::loadYamlFile(file_, {names.begin(), names.end()});
  std::vector<std::string> problems;
  for (const control::ConfigError& error : loaded.errors) problems.push_back(control::describe(error));
  Prepared prepared;
  // Before the files are read: what changes from now on is told. Also those of a configuration that is refused, since
  // one of them may be what is missing or half-written. Of a text that can't be read nothing is known.
  if (problems.empty()) watchFiles(loaded.config);
  if (!problems.empty() || !prepare(std::move(loaded.config), prepared, problems)) return refuseReload(problems);
  const model::Config& next = prepared.snapshot->config;
  if (next.admin != snapshot_->config.admin || next.cores != snapshot_->config.cores) {
    log_.warn("config", "changes of admin and cores take effect only with a restart");
  }
  for (const control::ConfigError& warning : loaded.warnings) log_.warn("config", "{}", control::describe(warning));
  log_.setLevel(levelOf(next.telemetry.log.level));
  followClusters(*prepared.snapshot);
  publish(std::move(prepared));
  ++reloads_.succeeded;
  reloads_.last_error.clear();
  log_.info("config", "reloaded because {}: generation {}", why, generation_);
}

// The configuration file, and what the configuration depends on.
void Process::watchFiles(const model::Config& config) {
  if (file_.empty()) return;
  std::vector<std::string> files = control::filesOf(config);
  files.insert(files.begin(), file_);
  std::expected<void, std::string> followed;
  if (watch_) {
    followed = watch_->follow(std::move(files));
  } else if (auto watch = net::FileWatch::start(loop_, std::move(files), [this] { onFileChange(); })) {
    watch_ = std::move(*watch);
  } else {
    followed = std::unexpected(std::move(watch.error()));
  }
  if (!followed) log_.warn("config", "some changes are noticed only on SIGHUP: {}", followed.error());
}

void Process::onFileChange() {
  if (phase_ == admin::Phase::kStarting) {
    changed_early_ = true;
    return;
  }
  reload("a file changed");
}

void Process::refuseReload(const std::vector<std::string>& problems) {
  ++reloads_.failed;
  reloads_.last_error = fmt::format("{}", fmt::join(problems, "; "));
  for (const std::string& problem : problems) log_.error("config", "{}", problem);
  log_.error("config", "the new configuration is refused; generation {} goes on serving", generation_);
}

void Process::drain() {
  if (draining_) return;
  phase_ = admin::Phase::kDraining;
  log_.info("drain", "draining: accepting for {} ms more, then up to {} ms for running exchanges",
            snapshot_->config.drain.delay.count(), snapshot_->config.drain.grace.count());
  draining_ = drainAndStop();
  draining_.start(*this);
}

loop::Task<void> Process::drainAndStop() {
  std::vector<proxy::Listeners::Target> targets;
  for (const auto& thread : threads_) targets.push_back({&thread->core(), &thread->loop()});
  const proxy::DrainOutcome outcome =
      co_await proxy::drain(loop_, std::move(targets), *listeners_, snapshot_->config.drain);
  if (outcome.cut) {
    log_.warn("drain", "{} connection(s) were still busy after the grace time and are cut", outcome.cut);
  }
  co_return loop::done;
}

std::string Process::effectiveConfig() const {
  return control::effectiveYaml(snapshot_->config);
}

observe::ProcessFacts Process::facts() const {
  observe::ProcessFacts facts;
  facts.version = REMORA_VERSION;
  facts.snapshot_generation = generation_;
  facts.reloads = reloads_.succeeded;
  facts.reload_failures = reloads_.failed;
  if (sink_) {
    facts.access_log_lost = sink_->totals().lost;
    facts.access_log_errors = sink_->totals().errors;
  }
  facts.log_suppressed = log_.suppressed() + lines_lost.load(std::memory_order_relaxed);
  for (const tls::CertificateFacts& certificate : certificates_.certificates()) {
    facts.certificates.push_back({certificate.file, certificate.subject, certificate.not_after});
  }
  for (const upstream::HealthFacts& health : health_checks_.facts()) {
    facts.health_checks.push_back(
        {health.service, health.passed, health.failed, health.healthy, health.endpoints.size()});
  }
  for (const auto& [service, resolver] : resolvers_) {
    if (!resolver->current() || !resolver->current()->shared) continue;
    const upstream::ClusterShared& shared = *resolver->current()->shared;
    const auto add = [&](const upstream::Permits& permits, std::vector<observe::ProcessFacts::ServiceLimit>& into) {
      if (permits.most()) into.push_back({service, permits.most(), permits.active(), permits.waiting()});
    };
    add(*shared.requests, facts.request_limits);
    add(*shared.connections.permits, facts.connection_limits);
  }
  for (const control::EndpointFileFacts& file : endpoint_files_.facts()) {
    facts.endpoint_files.push_back({file.file, file.last_error.empty(), file.failures});
  }
  facts.overload = overload();
  readUsage(facts);
  return facts;
}

observe::OverloadFacts Process::overload() const {
  return overload_ ? overload_->facts() : observe::OverloadFacts{};
}

std::string Process::resolverFacts(const std::string& cluster) const {
  const auto found = resolvers_.find(cluster);
  if (found == resolvers_.end() || !snapshot_) return {};
  std::string text;
  for (const model::Cluster& each : snapshot_->config.clusters) {
    if (each.name == cluster) text += endpoint_files_.factsText(each);
  }
  for (const upstream::NameFacts& name : found->second->facts()) {
    const bool is_srv = name.name.starts_with("srv://");
    text += fmt::format("dns {}: {} {}, ttl {} s, {} failure(s){}{}\n", name.name,
                        is_srv ? name.services.size() : name.addresses.size(), is_srv ? "record(s)" : "address(es)",
                        name.ttl.count(), name.failures, name.last_error.empty() ? "" : ", ", name.last_error);
  }
  return text;
}

std::optional<upstream::HealthFacts> Process::healthFacts(const std::string& cluster) const {
  const upstream::HealthChecker* const checker = health_checks_.find(cluster);
  return checker ? std::optional(checker->facts()) : std::nullopt;
}

}  // namespace remora::cli
