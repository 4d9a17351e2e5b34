#include "proxy/handshake.h"

#include <array>
#include <utility>

#include "proxy/arrival.h"
#include "tls/detail.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

Connection::Origin encrypted(Core& core, Connection::Origin origin, std::shared_ptr<const tls::ServerContext> context) {
  auto stream = std::make_unique<tls::TlsStream>(core.loop(), std::move(origin.transport), std::move(context),
                                                 core.cipherMemory());
  origin.tls = &stream->facts();
  origin.transport = std::move(stream);
  return origin;
}

}  // namespace

Handshake::Handshake(Core& core, Origin origin, std::shared_ptr<const tls::ServerContext> context,
                     const net::Peer& destination)
    : Connection(core, encrypted(core, std::move(origin), context)),
      most_(context->settings().handshake),
      destination_(destination),
      stream_(static_cast<tls::TlsStream*>(&transport())) {
  core.overload().promise(Overload::kHandshakeBytes);
}

Handshake::~Handshake() {
  core_.overload().takeBack(Overload::kHandshakeBytes);
}

void Handshake::start() {
  transport().setWatcher(this, net::Stream::Watch::kWritable);
  core_.loop().arm(*this, most_);
  core_.loop().post(*this);
}

void Handshake::run() {
  if (!stream_->isSettled()) return;
  const Result<void> outcome = stream_->handshakeOutcome();
  if (!outcome) return fail(outcome.error());
  core_.metrics().tls_handshakes.add();
  if (stream_->facts().is_resumed) core_.metrics().tls_resumed.add();
  core_.replace(*this, makeAfterHandshake(core_, std::move(origin()), destination_));
}

void Handshake::onTime() {
  fail(Failure{Reason::kTlsTimeout});
}

// Its record has no request: whoever looks for a client that can't connect finds why.
void Handshake::fail(Failure failure) {
  core_.metrics().tls_handshake_failures.add();
  const snapshot::ListenerPlan& plan = planIn(**core_.snapshot());
  std::array<char, net::kPeerTextMax> remote;
  observe::ExchangeRecord record{};
  beginRecord(record, **core_.snapshot(), plan, idleSince(), remote);
  record.http_major = 0;
  record.server_name = stream_->facts().server_name;
  record.reason = failure.reason;
  record.detail = failure.detail;
  record.duration = core_.now() - record.start;
  record.decide(Outcome::kReceived, plan.rule, 0, record.start);
  record.decide(Outcome::kFailed, {}, static_cast<uint16_t>(failure.reason), core_.now());
  core_.recordUncounted(record);
  core_.remove(*this);
}

}  // namespace remora::proxy
