// Everything that one core needs to serve: its loop, its view of the configuration, its connections, pools, counters
// and memory. Cores share nothing on the path of a request. Belongs to its loop's thread; others speak to it by
// mailbox.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/head_field.h"
#include "loop/loop.h"
#include "loop/sys.h"
#include "net/log_sink.h"
#include "net/stream.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/trace_context.h"
#include "proxy/core_snapshot.h"
#include "proxy/overload.h"
#include "proxy/recent.h"
#include "tls/cipher_memory.h"

namespace remora::proxy {

class Connection;
class Exchange;
class LimitLink;

// A listener's life on one core; survives reloads that keep the listener.
struct ListenerState : RefCounted<ListenerState> {
  std::string name;
  uint32_t plan = 0;        // position in the current Snapshot's listeners
  bool is_removed = false;  // by a reload: its connections end with the exchange they are in
};

class Core {
 public:
  struct Parts {
    uint32_t index = 0;
    loop::Loop& loop;
    net::Connector& connector;
    observe::CoreMetrics& metrics;
    observe::IdSource::Seed seed;
    Overload* overload = nullptr;  // the process's; null: never overloaded
  };
  explicit Core(Parts parts);
  ~Core();
  Core(const Core&) = delete;

  // The process log, for what is rare; null: none. Outlives the core.
  void logTo(observe::Log& log) { log_ = &log; }
  observe::Log* log() { return log_; }

  // Configuration, from the publisher.
  void adoptSnapshot(snapshot::SnapshotPtr snapshot, std::shared_ptr<net::LogSink> sink);
  void adoptEndpoints(const std::string& cluster, upstream::EndpointSetPtr set);

  // Takes a fresh connection over.
  void serve(std::unique_ptr<net::Stream> stream, const net::Peer& peer, const std::string& listener);
  void remove(Connection& connection);
  // The same client's, as what it turned out to be. Destroys `known`.
  void replace(Connection& known, std::unique_ptr<Connection> next);
  // Copies of requests, which belong to no client. Starts it.
  void addMirror(std::unique_ptr<Connection> mirror);
  void removeMirror(Connection& mirror);
  size_t mirrors() const { return mirrors_.size(); }
  // A connection that is on its way here counts as one of ours already, so that a burst spreads evenly. Any thread.
  void expectConnection() { connection_count_.fetch_add(1, std::memory_order_relaxed); }
  void noteArrival() { connection_count_.fetch_sub(1, std::memory_order_relaxed); }

  // Draining: answers carry Connection: close, and connections that were quiet for `quiet` are closed.
  void startDraining();
  bool isDraining() const { return is_draining_; }
  enum class Quiet : uint8_t { kAll, kServed };  // kServed: only those that had a request before
  void closeQuiet(Duration quiet, Quiet which = Quiet::kAll);
  void closeAll();
  size_t connections() const { return connection_count_.load(std::memory_order_relaxed); }  // any thread
  // Under overload: lets go of spare memory, and of connections that are only kept for a next request.
  void giveMemoryBack();
  void reopenLogs();

  // What the path of a request uses.
  loop::Loop& loop() { return loop_; }
  Instant now() const { return loop_.now(); }
  int64_t wallNanos(Instant at);
  net::Connector& connector() { return connector_; }
  observe::CoreMetrics& metrics() { return metrics_; }
  observe::IdSource& ids() { return ids_; }
  const Ref<CoreSnapshot>& snapshot() const { return snapshot_; }
  RecentRing& recent() { return *recent_; }
  uint32_t index() const { return index_; }
  // Memory that any exchange may use until its next wait.
  std::span<char> scratch() { return scratch_; }
  // As much of it as a body may be read at a time: what is read and not taken is kept.
  std::span<char> bodyScratch() { return scratch_.first(std::min<size_t>(overload_.piece(), kScratchBytes)); }
  OverloadGate& overload() { return overload_; }
  std::span<char> headSpace() { return head_space_; }
  // What TLS works in; made with the first connection that has it.
  tls::CipherMemory& cipherMemory() {
    if (!cipher_memory_) cipher_memory_ = std::make_unique<tls::CipherMemory>();
    return *cipher_memory_;
  }
  // The fields of an HTTP/2 head that is being written; likewise.
  std::vector<http::HeadField>& headFields() { return head_fields_; }
  // Writes the line, counts, remembers.
  void record(const observe::ExchangeRecord& record, observe::RequestSeries& series);
  // Of a connection that came to no exchange: the same without counting a request.
  void recordUncounted(const observe::ExchangeRecord& record);

  std::unique_ptr<Exchange> takeExchange();
  void giveExchange(std::unique_ptr<Exchange> exchange);
  size_t spareExchanges() const { return spare_.size(); }

  // A body is read this much at a time: as the byte relay it is compared with.
  static constexpr size_t kScratchBytes = 128 << 10;
  // Room for the largest head that may arrive and everything that is added to it.
  static constexpr size_t kHeadSpaceBytes = 160 << 10;

 private:
  struct LineFlusher final : loop::Timer {
    explicit LineFlusher(Core& c) : core(c) {}
    void onTime() override;
    Core& core;
  };
  struct SpareTrimmer final : loop::Timer {
    explicit SpareTrimmer(Core& c) : core(c) {}
    void onTime() override;
    Core& core;
  };
  Ref<ListenerState> listenerState(const std::string& name);
  void link(Connection& connection);
  void unlink(Connection& connection);
  void adoptListeners();
  std::vector<Ref<LimitLink>> adoptLimitServices(const snapshot::Snapshot& snapshot,
                                                 const std::vector<Ref<upstream::ClusterState>>& clusters);
  void adoptLog(std::shared_ptr<net::LogSink> sink);
  void writeLine(const observe::ExchangeRecord& record);

  // As many are kept as were needed within a second, so that steady load allocates nothing however much of it there is;
  // and always this many.
  static constexpr size_t kSpareExchanges = 64;
  static constexpr Duration kSpareSpan = std::chrono::seconds(1);

  const uint32_t index_;
  loop::Loop& loop_;
  net::Connector& connector_;
  observe::CoreMetrics& metrics_;
  observe::IdSource ids_;
  OverloadGate overload_;
  observe::Log* log_ = nullptr;
  std::unique_ptr<char[]> scratch_memory_;
  std::unique_ptr<char[]> head_memory_;
  std::span<char> scratch_;
  std::span<char> head_space_;
  std::unique_ptr<tls::CipherMemory> cipher_memory_;
  std::vector<http::HeadField> head_fields_;
  int64_t wall_offset_ = 0;
  Instant wall_checked_{0};

  Ref<CoreSnapshot> snapshot_;
  std::unordered_map<std::string, Ref<upstream::ClusterState>> clusters_;
  std::unordered_map<std::string, upstream::EndpointSetPtr> endpoint_sets_;
  std::vector<Ref<LimitLink>> limit_links_;
  std::unordered_map<std::string, Ref<ListenerState>> listeners_;
  std::shared_ptr<net::LogSink> sink_;  // before the buffer that feeds it
  std::unique_ptr<net::LogBuffer> lines_;
  LineFlusher flusher_{*this};
  std::unique_ptr<RecentRing> recent_;
  std::vector<std::unique_ptr<Exchange>> spare_;
  size_t spare_least_ = 0;  // since the trimmer looked
  SpareTrimmer trimmer_{*this};
  Connection* first_ = nullptr;  // all downstream connections
  std::vector<std::unique_ptr<Connection>> mirrors_;
  std::atomic<size_t> connection_count_{0};
  bool is_draining_ = false;
};

}  // namespace remora::proxy
