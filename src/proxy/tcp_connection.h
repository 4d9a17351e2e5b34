// A downstream connection whose bytes are relayed as they are. The endpoint is connected to at once, before any byte of
// the client, so that protocols in which the server speaks first work. One exchange record for the whole connection.
// What remora cuts itself is reset on both sides, since a FIN would say that the stream is complete. Belongs to one
// core, which destroys it from the run queue.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "loop/loop.h"
#include "proxy/byte_relay.h"
#include "proxy/connect.h"
#include "proxy/connection.h"

namespace remora::proxy {

class TcpConnection final : public Connection, loop::Runnable, loop::TaskOwner, loop::Timer {
 public:
  // `chain` is one of the listener's in the core's current Snapshot; null: none takes the connection, which is reset.
  // `server_name`: of the ClientHello that passed by, if one was looked at.
  TcpConnection(Core& core, Origin origin, const snapshot::TcpChain* chain, std::string server_name = {});
  ~TcpConnection() override;

  void start() override;
  bool isIdle() const override { return false; }  // it never knows; draining gives it all of the grace time
  void abandon(Reason reason) override;

 private:
  void run() override;  // the task ended, or something happened to the client that nobody waits for
  void onTaskEnd() override { core_.loop().post(*this); }
  void onTime() override;  // silent for too long
  void describe(const snapshot::TcpChain* chain);
  loop::Task<void> serve();
  loop::Task<void> connect();
  loop::Task<void> findSlot(upstream::ClusterState& cluster, upstream::Permits::Permit& slot);
  loop::Task<void> relay();
  void end(const Failure& outcome);

  // Until connected: a connection of days must not pin a Snapshot.
  Ref<CoreSnapshot> snapshot_;
  const bool has_chain_;
  const uint32_t cluster_;
  const model::Subset* subset_;  // the snapshot's; until connect() begins
  const Duration idle_;
  const Duration write_stall_;
  const std::string service_;
  const std::string server_name_;
  observe::ExchangeRecord record_;
  observe::RequestSeries* series_ = nullptr;
  std::array<char, net::kPeerTextMax> remote_text_;
  Ref<upstream::EndpointState> endpoint_;  // the record's text lives there
  upstream::Lease lease_;
  std::optional<ByteRelay> relay_;
  uint64_t taken_ = 0;  // by the relay, when the idle timer looked last
  bool is_recorded_ = false;
  loop::Task<void> serving_;  // last, so that it goes first
};

}  // namespace remora::proxy
