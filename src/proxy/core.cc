#include "proxy/core.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

#include "loop/frame_pool.h"
#include "proxy/arrival.h"
#include "proxy/connection.h"
#include "proxy/exchange.h"
#include "proxy/grpc_link.h"
#include "proxy/redis_link.h"

namespace remora::proxy {
namespace {

// A request that a busy loop hasn't heard of yet.
bool hasArrived(const net::Stream& transport) {
  int bytes = 0;
  return transport.descriptor() >= 0 && ::ioctl(transport.descriptor(), FIONREAD, &bytes) == 0 && bytes > 0;
}

Ref<LimitLink> makeLimitLink(Core& core, const snapshot::LimitService& service) {
  if (service.source->kind == model::RateLimitService::Kind::kGrpc) {
    return Ref<LimitLink>(new GrpcLink(core, *service.source));
  }
  return Ref<LimitLink>(new RedisLink(core, *service.source, service.password));
}

}  // namespace

Core::Core(Parts parts)
    : index_(parts.index),
      loop_(parts.loop),
      connector_(parts.connector),
      metrics_(parts.metrics),
      ids_(parts.seed),
      overload_(parts.overload ? *parts.overload : Overload::none(), parts.index, parts.loop),
      scratch_memory_(std::make_unique_for_overwrite<char[]>(kScratchBytes)),
      head_memory_(std::make_unique_for_overwrite<char[]>(kHeadSpaceBytes)),
      scratch_(scratch_memory_.get(), kScratchBytes),
      head_space_(head_memory_.get(), kHeadSpaceBytes),
      recent_(std::make_unique<RecentRing>(0)) {}

Core::~Core() {
  closeAll();
}

void Core::adoptSnapshot(snapshot::SnapshotPtr snapshot, std::shared_ptr<net::LogSink> sink) {
  std::unordered_map<std::string, Ref<upstream::ClusterState>> clusters;
  std::vector<Ref<upstream::ClusterState>> by_index;
  for (const model::Cluster& cluster : snapshot->config.clusters) {
    const auto known = clusters_.find(cluster.name);
    auto state = known != clusters_.end() ? known->second : makeRef<upstream::ClusterState>(loop_, metrics_);
    state->configure(cluster, snapshot->tls_clients[by_index.size()], snapshot->config.zone);
    if (const auto set = endpoint_sets_.find(cluster.name); set != endpoint_sets_.end()) state->adopt(set->second);
    by_index.push_back(state);
    clusters.emplace(cluster.name, std::move(state));
  }
  for (const auto& [name, state] : clusters_) {
    if (!clusters.contains(name)) {
      state->closeIdle();
      endpoint_sets_.erase(name);
    }
  }
  clusters_ = std::move(clusters);
  std::vector<Ref<LimitLink>> links = adoptLimitServices(*snapshot, by_index);
  snapshot_ = makeRef<CoreSnapshot>(std::move(snapshot), std::move(by_index), std::move(links), metrics_.requests);
  adoptListeners();
  adoptLog(std::move(sink));
  const size_t recent = (*snapshot_)->config.telemetry.recent;
  if (recent != recent_->capacity()) recent_ = std::make_unique<RecentRing>(recent);
}

// What stays the same keeps its connection.
std::vector<Ref<LimitLink>> Core::adoptLimitServices(const snapshot::Snapshot& snapshot,
                                                     const std::vector<Ref<upstream::ClusterState>>& clusters) {
  std::vector<Ref<LimitLink>> links;
  for (const snapshot::LimitService& service : snapshot.limit_services) {
    const auto is_same = [&](const Ref<LimitLink>& link) { return link->isFor(*service.source, service.password); };
    const auto known = std::ranges::find_if(limit_links_, is_same);
    links.push_back(known != limit_links_.end() ? *known : makeLimitLink(*this, service));
    links.back()->setCluster(service.cluster < clusters.size() ? clusters[service.cluster]
                                                               : Ref<upstream::ClusterState>());
  }
  limit_links_ = links;
  return links;
}

void Core::adoptEndpoints(const std::string& cluster, upstream::EndpointSetPtr set) {
  if (const auto known = clusters_.find(cluster); known != clusters_.end()) known->second->adopt(set);
  endpoint_sets_[cluster] = std::move(set);
}

void Core::adoptListeners() {
  std::unordered_map<std::string, Ref<ListenerState>> kept;
  for (const snapshot::ListenerPlan& plan : (*snapshot_)->listeners) {
    Ref<ListenerState> state = listenerState(plan.source->name);
    state->plan = plan.index;
    kept.emplace(plan.source->name, std::move(state));
  }
  for (const auto& [name, state] : listeners_) state->is_removed = !kept.contains(name);
  listeners_ = std::move(kept);
  for (Connection* at = first_; at;) {
    Connection* const next = at->next();
    if (at->listener().is_removed) {
      at->transport().flush();
      if (at->isIdle()) remove(*at);
    }
    at = next;
  }
}

Ref<ListenerState> Core::listenerState(const std::string& name) {
  if (const auto known = listeners_.find(name); known != listeners_.end()) return known->second;
  auto state = makeRef<ListenerState>();
  state->name = name;
  return state;
}

void Core::adoptLog(std::shared_ptr<net::LogSink> sink) {
  const snapshot::Snapshot& now = **snapshot_;
  if (sink == sink_ && lines_) return;
  flusher_.onTime();
  lines_.reset();
  sink_ = std::move(sink);
  if (!sink_ || !now.access_log) return;
  const model::AccessLog& log = now.config.telemetry.access_log;
  const Bytes capacity{std::max<uint64_t>(log.buffer.count, now.access_log->maxLine())};
  lines_ = std::make_unique<net::LogBuffer>(*sink_, capacity, log.flush, metrics_.access_log_written,
                                            metrics_.access_log_dropped);
}

void Core::reopenLogs() {
  if (lines_) lines_->flush();
}

void Core::LineFlusher::onTime() {
  if (!core.lines_) return;
  core.lines_->flushIfDue(core.now());
  core.loop_.timers().arm(*this, core.lines_->flushBy());
}

void Core::record(const observe::ExchangeRecord& record, observe::RequestSeries& series) {
  series.record(record.status, record.reason, record.duration, record.upstream, record.bytes_received,
                record.bytes_sent);
  if (record.grpc_code >= 0) series.countGrpc(static_cast<uint32_t>(record.grpc_code));
  recordUncounted(record);
}

void Core::recordUncounted(const observe::ExchangeRecord& record) {
  recent_->add(record);
  if (lines_) writeLine(record);
}

void Core::writeLine(const observe::ExchangeRecord& record) {
  const observe::AccessLogFormat& format = *(*snapshot_)->access_log;
  const std::span<char> room = lines_->reserve(format.maxLine());
  if (room.empty()) return;
  lines_->commit(format.write(record, room), now());
  if (!flusher_.isArmed()) loop_.timers().arm(flusher_, lines_->flushBy());
}

int64_t Core::wallNanos(Instant at) {
  // The difference of the two clocks hardly moves; reading the second one for each exchange would cost 25 ns.
  if (at - wall_checked_ > std::chrono::seconds(1) || wall_checked_.nanos == 0) {
    wall_offset_ = loop_.clock().wallNanos() - loop_.readClock().nanos;
    wall_checked_ = at;
  }
  return at.nanos + wall_offset_;
}

void Core::serve(std::unique_ptr<net::Stream> stream, const net::Peer& peer, const std::string& listener) {
  const auto known = listeners_.find(listener);
  if (known == listeners_.end()) return;  // removed while the connection was on its way
  Connection* const connection =
      makeConnection(*this, {.transport = std::move(stream), .peer = peer, .listener = known->second}).release();
  link(*connection);
  connection_count_.fetch_add(1, std::memory_order_relaxed);
  metrics_.downstream_accepted.add();
  metrics_.downstream_active.add();
  connection->start();
}

void Core::link(Connection& connection) {
  connection.linkBefore(first_);
  first_ = &connection;
}

void Core::unlink(Connection& connection) {
  if (first_ == &connection) first_ = connection.next();
  connection.unlink();
}

void Core::replace(Connection& known, std::unique_ptr<Connection> next) {
  unlink(known);
  delete &known;
  link(*next);
  next.release()->start();
}

void Core::remove(Connection& connection) {
  unlink(connection);
  delete &connection;
  connection_count_.fetch_sub(1, std::memory_order_relaxed);
  metrics_.downstream_active.sub();
  metrics_.downstream_closed.add();
}

void Core::addMirror(std::unique_ptr<Connection> mirror) {
  mirrors_.push_back(std::move(mirror));
  mirrors_.back()->start();
}

void Core::removeMirror(Connection& mirror) {
  std::erase_if(mirrors_, [&](const std::unique_ptr<Connection>& each) { return each.get() == &mirror; });
}

void Core::startDraining() {
  is_draining_ = true;
  for (Connection* at = first_; at; at = at->next()) at->startDraining();
}

void Core::closeQuiet(Duration quiet, Quiet which) {
  for (Connection* at = first_; at;) {
    Connection* const next = at->next();
    const bool counts = which == Quiet::kAll || at->requests();
    if (counts && at->isIdle() && now() - at->idleSince() >= quiet && !hasArrived(at->transport())) remove(*at);
    at = next;
  }
}

void Core::closeAll() {
  while (first_) {
    first_->abandon(Reason::kDraining);
    remove(*first_);
  }
}

void Core::giveMemoryBack() {
  // A client that just got an answer may be about to send its next request on that connection.
  constexpr Duration kQuiet = std::chrono::seconds(1);
  const size_t before = connections();
  closeQuiet(kQuiet, Quiet::kServed);
  metrics_.overload_closed.add(before - connections());
  if (overload_.stage() >= OverloadStage::kRefuse) {
    for (const auto& [name, cluster] : clusters_) cluster->closeIdle();
  }
  spare_.clear();
  spare_.shrink_to_fit();
  spare_least_ = 0;
  loop::giveFramesBack();
}

std::unique_ptr<Exchange> Core::takeExchange() {
  overload_.promise(Overload::kExchangeBytes);
  if (spare_.empty()) return std::make_unique<Exchange>(*this);
  std::unique_ptr<Exchange> exchange = std::move(spare_.back());
  spare_.pop_back();
  spare_least_ = std::min(spare_least_, spare_.size());
  return exchange;
}

void Core::giveExchange(std::unique_ptr<Exchange> exchange) {
  exchange->clear();
  overload_.takeBack(Overload::kExchangeBytes);
  spare_.push_back(std::move(exchange));
  if (spare_.size() <= kSpareExchanges || trimmer_.isArmed()) return;
  spare_least_ = spare_.size();
  loop_.arm(trimmer_, kSpareSpan);
}

// What lay unused for a whole span was a burst's.
void Core::SpareTrimmer::onTime() {
  const size_t unused = std::min(core.spare_least_, std::max(core.spare_.size(), kSpareExchanges) - kSpareExchanges);
  core.spare_.resize(core.spare_.size() - unused);
  core.spare_least_ = core.spare_.size();
  if (core.spare_.size() > kSpareExchanges) core.loop_.arm(*this, kSpareSpan);
}

}  // namespace remora::proxy
