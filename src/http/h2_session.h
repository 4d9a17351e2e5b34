// HTTP/2 on one connection, as its server or its client. It owns the frames and the streams' accounts; each stream
// belongs to whoever took it, and the transport to the session's owner, who destroys the session first. All input of a
// turn is fed at once, all output of a turn is gathered and written once, from the run queue. Belongs to one core.
//
// It bounds what the peer may do (docs/threat-model.md, 13 to 18): past a bound it says GOAWAY with ENHANCE_YOUR_CALM
// and ends. A peer that reads nothing isn't read from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "http/h2_codec.h"
#include "http/h2_floods.h"
#include "http/h2_head.h"
#include "http/h2_stream.h"
#include "loop/loop.h"
#include "model/listener.h"
#include "net/stream.h"

namespace remora::http {

struct H2Bounds {
  model::Http2Options http2;
  H2Head::Bounds head;
  H2Head::Bounds trailers{.bytes = 8 << 10};
  Duration write_stall{0};  // the peer takes nothing of what is unsent; 0: no limit
  Duration head_time{0};    // of a request's head, from its first frame to its last; 0: no limit

  static H2Bounds of(const model::Http2Options& http2, const model::Limits& limits, const model::Timeouts& timeouts);
};

// Why a session ended.
enum class H2End : uint8_t {
  kNot,              // it hasn't
  kDone,             // GOAWAY, and the last stream is gone
  kAsked,            // end() was called
  kPeerClosed,       // the transport ended
  kPeerReset,        // the transport failed
  kBadPeer,          // the peer broke the protocol
  kFlood,            // the peer did too much of what costs us something
  kPeerStalled,      // the peer took nothing for write_stall
  kPingTimeout,      // no answer to a PING
  kSettingsTimeout,  // no answer to SETTINGS
  kHeadTimeout,      // a request's head wasn't complete within its time
};
std::string_view tokenOf(H2End end);

struct H2Counts {
  uint64_t frames = 0;           // received
  uint64_t glitches = 0;         // odd or forbidden things that the peer did
  uint64_t streams = 0;          // opened
  uint64_t resets_received = 0;  // RST_STREAM
  uint64_t resets_forced = 0;    // RST_STREAM that the peer's faults made us send
};

class H2Session final : private loop::Runnable, private loop::TaskOwner, private H2Codec::Events {
 public:
  using Role = H2Codec::Role;

  // May end the session or destroy streams, but destroys the session only in onSessionChange() or from the run queue.
  class Owner {
   public:
    // Of a server: a complete head came. Validate it (http/h2_validate.h), after asking headFailure().
    virtual void onRequest(std::unique_ptr<H2Stream> stream) = 0;
    // Of a server: a head begins. False refuses its stream before anything of it is kept.
    virtual bool mayTakeRequest() { return true; }
    // It ended, heard GOAWAY, became idle, or may open a stream again.
    virtual void onSessionChange() = 0;

   protected:
    ~Owner() = default;
  };

  // `scratch` is shared by the core: only used within a turn.
  H2Session(Role role, net::Stream& transport, std::span<char> scratch, const H2Bounds& bounds, Owner& owner);
  ~H2Session();

  // Says SETTINGS and hears the peer. `first`: bytes that were read from the transport before. Requests among them are
  // told from the run queue.
  void start(std::string_view first = {});

  // Of a client: null when none may be opened now.
  std::unique_ptr<H2Stream> openStream();
  bool mayOpen() const;
  size_t activeStreams() const { return streams_.size(); }  // that are owned by somebody, or about to be
  size_t streamsMost() const;                               // at once
  bool isIdle() const { return streams_.size() == 0; }
  bool isDraining() const { return goaway_heard_ || goaway_ != GoAway::kNone; }
  bool isEnded() const { return end_ != H2End::kNot; }
  H2End endReason() const { return end_; }
  Failure endFailure() const;
  bool peerAllowsExtendedConnect() const { return codec_.peerAllowsExtendedConnect(); }
  bool hasSettings() const { return settings_heard_; }  // the peer's came

  // Streams that run may finish, new ones are refused: at once by a client; by a server when the peer has heard of it,
  // or at the second call. Then the session ends with its last stream.
  void goAway();
  // Says GOAWAY with this error and ends; every stream fails.
  void end(H2Error error);
  // Writes what is gathered now.
  void flush();

  Role role() const { return role_; }
  loop::Loop& loop() { return transport_.loop(); }
  Instant lastFrame() const { return last_frame_; }
  const H2Counts& counts() const { return counts_; }
  size_t unsent() const { return out_.size() - out_at_; }

 private:
  friend class H2Stream;
  enum class GoAway : uint8_t { kNone, kAnnounced, kSent };

  // For streams.
  bool sendHead(H2Stream& stream, std::span<const HeadField> fields, End end);
  bool sendTrailers(H2Stream& stream, std::span<const HeadField> fields);
  size_t sendData(H2Stream& stream, std::span<const iovec> pieces, End end);
  size_t roomFor(const H2Stream& stream) const;
  void reset(H2Stream& stream, H2Error code);
  void consume(H2Stream& stream, size_t bytes);
  void forget(H2Stream& stream);
  const H2Head::Bounds& boundsOf(H2Head::Kind kind) const;

  // What the codec tells.
  void onFrame(H2Frame type) override;
  H2Account* onRequestBegin() override;
  void onHeadBegin(H2Account& account) override;
  bool onField(H2Account& account, const HpackField& field) override;
  void onHeadEnd(H2Account& account, End end) override;
  void onData(H2Account& account, std::string_view data) override;
  void onDataFrame(H2Account* account, size_t bytes, End end) override;
  void onReset(H2Account* account) override;
  void onClosed(H2Account& account, H2Error code) override;
  void onFault() override;
  void onSettings() override;
  void onSettingsAnswer() override;
  void onPingAnswer() override;
  void onGoAway() override;
  void onWindow(H2Account& account) override;
  void onWindows() override;
  static H2Stream& streamOf(H2Account& account) { return static_cast<H2Stream&>(account); }

  // From the run queue.
  void run() override;
  void onTaskEnd() override { loop().post(*this); }
  bool mayTakeInput() const;
  void takeInput();
  void feed(std::string_view bytes);
  void deliver();
  void sendOut();
  void letWrite();
  void letWrite(H2Stream& stream);
  void awaitTurn(H2Stream& stream);
  void noteSent();
  size_t unsentRoom() const;
  loop::Task<void> awaitRoom();
  void noteEnd();

  void schedule();
  void change();
  void die(H2End end);
  void judge(H2Account& account, H2Error error);
  void calmDown();
  void countReset();
  void onSettingsLate();
  void onPingTime();
  void onHeadLate();
  void onRested();

  net::Stream& transport_;
  std::span<char> scratch_;
  const H2Bounds bounds_;
  Owner& owner_;
  const Role role_;
  std::string out_;    // frames to be written
  size_t out_at_ = 0;  // of which these bytes are
  H2Codec codec_;
  H2StreamList streams_;
  std::vector<std::unique_ptr<H2Stream>> undelivered_;  // requests whose heads aren't complete, or not told yet
  size_t wanting_room_ = 0;                             // streams that wait to write
  size_t head_bytes_ = 0;                               // of the requests that are alive
  loop::Task<void> room_;

  H2End end_ = H2End::kNot;
  GoAway goaway_ = GoAway::kNone;
  bool goaway_heard_ = false;
  bool settings_heard_ = false;
  bool is_flood_ = false;
  bool has_stalled_ = false;
  bool is_unheard_ = false;  // the transport takes nothing any more
  bool output_due_ = false;
  bool rests_ = false;  // it has read enough for this turn
  bool changed_ = false;
  bool refused_for_owner_ = false;  // the stream that is about to be reset
  bool awaits_ping_ = false;
  uint32_t pings_sent_ = 0;
  uint32_t pings_answered_ = 0;
  uint32_t goaway_ping_ = 0;  // when so many are answered, the peer has heard of the GOAWAY
  Instant last_frame_;
  Instant ping_sent_;
  FadingCount resets_;
  FadingCount control_frames_;
  H2Counts counts_;
  loop::MemberTimer<H2Session, &H2Session::onSettingsLate> settings_timer_{*this};
  loop::MemberTimer<H2Session, &H2Session::onPingTime> ping_timer_{*this};
  loop::MemberTimer<H2Session, &H2Session::onHeadLate> head_timer_{*this};
  loop::MemberTimer<H2Session, &H2Session::onRested> rest_timer_{*this};
};

}  // namespace remora::http
