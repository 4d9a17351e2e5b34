// TLS over another stream, which it owns. The handshake runs by itself: the stream becomes writable when that is
// settled, well or badly, exactly as a TcpStream does when it is connected (and over one that is connecting, both are
// one wait). Then handshakeOutcome() tells which. Destroying it says close_notify where that is still possible.
//
// Ciphertext lives in the core's CipherMemory; a connection keeps some only while the reader has taken less than
// arrived, or the transport less than was sealed. Belongs to one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/stream.h"
#include "tls/cipher_memory.h"
#include "tls/context.h"
#include "tls/facts.h"
#include "tls/session_cache.h"
#include "tls/ssl_owner.h"

namespace remora::tls {

class TlsStream final : public net::Stream, private loop::Runnable, private SslOwner {
 public:
  // Ciphertext of a handshake, certificates included; no honest one comes near.
  static constexpr size_t kHandshakeMost = 128 << 10;

  // Accepted. `received` are bytes that were read from the transport already, to see what it speaks.
  TlsStream(loop::Loop& loop, std::unique_ptr<net::Stream> transport, std::shared_ptr<const ServerContext> context,
            CipherMemory& memory, std::string_view received = {});
  // Calls out. `host` is the endpoint's name or address, used where the settings have no server_name. `sessions`
  // (may be null) must outlive it.
  TlsStream(loop::Loop& loop, std::unique_ptr<net::Stream> transport, std::shared_ptr<const ClientContext> context,
            std::string_view host, CipherMemory& memory, SessionCache* sessions, Carries carries = Carries::kHttp);
  ~TlsStream() override;

  bool isSettled() const { return phase_ > Phase::kHandshaking; }
  // Once it is settled. A peer that refuses our certificate may do so after that (TLS 1.3): the outcome becomes a
  // failure then, and reading an error. Its detail is for describeTlsDetail().
  Result<void> handshakeOutcome() const;
  const Facts& facts() const { return facts_; }
  // The certificate that a failed handshake was about, for explanations; null: none, or it was fine.
  std::shared_ptr<const PeerIdentity> refusedPeer() const { return refused_peer_; }

  net::IoResult read(std::span<char> into) override;
  net::IoResult write(std::span<const iovec> pieces) override;
  // Says close_notify, then ends the transport's side. What the peer sends can still be read.
  void shutdownWrite() override;
  void writeThrough() override { transport_->writeThrough(); }
  void flush() override { transport_->flush(); }
  bool hasUnsent() const override;
  size_t refusedBytes() const override { return transport_->refusedBytes() ? last_write_ : 0; }
  void resetOnClose() override;
  // Of the transport's connecting; ECONNABORTED when the handshake failed.
  int connectError() override;
  // In bytes of ours, not of ciphertext; rounded up to whole writes.
  std::optional<Failure> brokenBy() const override { return has_failure_ ? std::optional(failure_) : std::nullopt; }
  std::optional<net::TransportProof> proof() const override;
  int descriptor() const override { return transport_->descriptor(); }
  void acknowledgeNow() override { transport_->acknowledgeNow(); }

 private:
  enum class Phase : uint8_t { kConnecting, kHandshaking, kOpen, kFailed };
  enum class End : uint8_t { kNone, kClosed, kBroken };  // of what the peer sends
  enum class Fed : uint8_t { kSome, kNone, kEnd };
  // Received and not given to the library yet.
  struct Leftover {
    std::string bytes;
    size_t given = 0;
  };
  // Sealed and not taken by the transport yet.
  struct Unsent final : loop::Timer {
    explicit Unsent(TlsStream& s) : stream(s) {}
    void onTime() override { stream.breakDown(ETIMEDOUT); }
    TlsStream& stream;
    std::string bytes;
  };
  // Without the transport taking a byte; the same as a TcpStream's own.
  static constexpr Duration kUnsentStall = std::chrono::seconds(30);

  void begin(Handle<ssl_st> ssl);
  void run() override;  // the transport has something to say
  void connected();
  void handshake();
  bool acceptsResumed();
  void settle();
  void failHandshake(Failure failure);
  Failure handshakeFailure(int32_t detail) const;
  void discardInput();
  void relayReadiness();
  bool lookAhead();
  void lendLeftover();
  Fed feed(size_t most);
  void keepRest();
  void noteReadError(int library_error);
  net::IoResult readEnd() const;
  size_t seal(std::span<const iovec> pieces);
  void sendSealed();
  int pushUnsent();
  void sendUnsent();
  void breakDown(int error);
  bool mayReadMore() const;

  int64_t wallSeconds() const override;
  std::string_view wantedHost() const override;
  void notePeer(std::shared_ptr<const PeerIdentity> peer) override;
  void notePeerRefused(int code, std::shared_ptr<const PeerIdentity> peer) override;
  void noteSession(Handle<ssl_session_st> session) override;

  CipherMemory& memory_;
  std::shared_ptr<const ServerContext> server_;  // one of the two
  std::shared_ptr<const ClientContext> client_;
  SessionCache* sessions_ = nullptr;
  std::unique_ptr<net::Stream> transport_;
  Handle<ssl_st> ssl_;
  std::unique_ptr<Leftover> leftover_;
  std::unique_ptr<Unsent> unsent_;
  Facts facts_;
  std::string host_;  // whom we call; empty on the accepting side
  std::shared_ptr<const PeerIdentity> refused_peer_;
  Failure failure_;
  uint64_t plain_written_ = 0;
  uint64_t sealed_written_ = 0;
  uint64_t sealed_before_ = 0;  // the last write
  uint32_t last_write_ = 0;     // bytes of ours that the last write took
  uint32_t handshake_bytes_ = 0;
  int broken_ = 0;     // why nothing more can be sent
  int end_error_ = 0;  // of End::kBroken; 0: cut without a word
  int refused_code_ = 0;
  Phase phase_ = Phase::kConnecting;
  End end_ = End::kNone;
  bool has_failure_ = false;
  bool has_read_ = false;             // bytes of the peer's application
  bool is_shut_ = false;              // close_notify was said, or never will be
  bool ends_unsent_ = false;          // the transport's side is ended when nothing is unsent any more
  mutable bool told_unsent_ = false;  // somebody waits to hear that the transport has nothing unsent any more
};

}  // namespace remora::tls
