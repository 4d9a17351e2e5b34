// One connection's frames: read with every rule of RFC 9113 sections 4 to 6 that concerns frames, streams' states and
// windows, and written. What a head says is its owner's to judge. No I/O, no time, no policy: what comes is told to
// Events, what goes is appended to the session's buffer. Belongs to one session and its core.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/h2_account.h"
#include "http/h2_frame.h"
#include "http/head_field.h"
#include "http/hpack.h"
#include "http/message.h"

namespace remora::http {

class H2Codec {
 public:
  enum class Role : uint8_t { kServer, kClient };

  // What is announced to the peer, and the bound that only the codec can keep.
  struct Settings {
    uint32_t streams = 100;
    uint32_t stream_window = 256 << 10;
    uint32_t connection_window = 1 << 20;
    uint32_t header_list_bytes = 64 << 10;
    uint32_t continuations = 8;
  };

  // Called from inside feed(), which must not be entered again from there; everything else may be called.
  class Events {
   public:
    // Each known frame's head, before anything is made of it.
    virtual void onFrame(H2Frame type) = 0;
    // A request's head begins; its account, which the codec opens. Null refuses it.
    virtual H2Account* onRequestBegin() = 0;
    virtual void onHeadBegin(H2Account& account) = 0;                       // a later head, or a response's
    virtual bool onField(H2Account& account, const HpackField& field) = 0;  // false: tell no more of this head
    virtual void onHeadEnd(H2Account& account, End end) = 0;
    // Its bytes count against the windows until they are consumed.
    virtual void onData(H2Account& account, std::string_view data) = 0;
    virtual void onDataFrame(H2Account* account, size_t bytes, End end) = 0;  // after the frame's last onData()
    virtual void onReset(H2Account* account) = 0;                             // RST_STREAM came; onClosed() follows
    // The codec has forgotten it. `code`: of a reset from either side, 0 when both sides have ended.
    virtual void onClosed(H2Account& account, H2Error code) = 0;
    virtual void onFault() = 0;  // the peer did something that a stream was, or is, reset for
    virtual void onSettings() = 0;
    virtual void onSettingsAnswer() = 0;
    virtual void onPingAnswer() = 0;
    virtual void onGoAway() = 0;
    virtual void onWindow(H2Account& account) = 0;  // it may send again
    virtual void onWindows() = 0;                   // any of them may

   protected:
    ~Events() = default;
  };

  // `out` gets what is to be sent, beginning with SETTINGS.
  H2Codec(Role role, const Settings& settings, Events& events, std::string& out);
  H2Codec(const H2Codec&) = delete;
  H2Codec& operator=(const H2Codec&) = delete;

  enum class Fed : uint8_t { kWell, kFlood, kBadPeer };
  // When the peer is bad, GOAWAY has been said; after a flood, that is left to the caller.
  Fed feed(std::string_view bytes);

  // A client's account without an id is opened. False: it is too large to be sent, or there is no such stream.
  bool sendHead(H2Account& account, std::span<const HeadField> fields, End end);
  bool sendTrailers(H2Account& account, std::span<const HeadField> fields) {
    return sendHead(account, fields, End::kLast);
  }
  // As much as windows and `most` allow, and END_STREAM behind the last byte. Gives how much that was.
  size_t sendData(H2Account& account, std::span<const iovec> pieces, size_t most, End end);
  // Closes it without a word to Events: its owner knows.
  void reset(H2Account& account, H2Error code);
  // Resets it for what the peer did, and tells of onFault() and onClosed().
  void failStream(H2Account& account, H2Error code);
  // Gives credit back for bytes that were read, also when the account was closed since.
  void consume(H2Account& account, size_t bytes);

  void announceGoAway();  // GOAWAY that refuses nothing yet, and a PING whose answer says that it was heard
  void sendGoAway();      // GOAWAY with the last stream that will be answered
  void terminate(H2Error code);
  void ping();

  size_t windowOf(const H2Account& account) const {
    return static_cast<size_t>(std::max(std::min(account.may_send, may_send_), 0));
  }
  bool maySend() const { return may_send_ > 0; }  // on the connection
  uint32_t peerStreamsMost() const { return peer_streams_; }
  bool peerAllowsExtendedConnect() const { return peer_connect_; }
  bool hasStreamIds() const { return next_id_ <= INT32_MAX; }
  bool isTerminated() const { return terminated_; }
  H2Error terminatedWith() const { return terminated_with_; }
  // Nothing more is to be read or sent but what is in the buffer.
  bool isFinished() const {
    // A client that says GOAWAY may have more to say, and closes itself.
    const bool is_leaving = sent_goaway_ || (heard_goaway_ && role_ == Role::kClient);
    return terminated_ || (is_leaving && accounts_.size() == 0);
  }
  // Gives the room of long heads back.
  void rest();

 private:
  enum class Stage : uint8_t { kPreface, kFrameHead, kPayload, kDataPadLength, kData };

  // Reading. False: the connection can't go on.
  bool takePreface(std::string_view& bytes);
  bool takeFrameHead(std::string_view& bytes);
  bool takePayload(std::string_view& bytes);
  bool takePadLength(std::string_view& bytes);
  void takeData(std::string_view& bytes);
  bool beginFrame();
  bool beginData();
  void endData();
  bool onPayload(std::string_view payload);
  bool onHeaders(std::string_view payload);
  void openRequest(bool is_fit);
  bool onBlock(std::string_view fragment);
  bool onContinuation(std::string_view payload);
  bool onPriority(std::string_view payload);
  bool onResetFrame(std::string_view payload);
  bool onSettingsFrame(std::string_view payload);
  H2Error applySetting(H2Setting id, uint32_t value);
  bool changeWindows(int64_t by);
  bool onPing(std::string_view payload);
  bool onGoAwayFrame(std::string_view payload);
  bool onWindowUpdate(std::string_view payload);
  bool fail(H2Error code);
  bool isIdle(int32_t id) const;
  bool isForNobody(int32_t id);

  // Writing.
  void put(H2Frame type, uint8_t flags, int32_t id, std::string_view payload = {});
  void putNumberFrame(H2Frame type, int32_t id, uint32_t number);
  void putReset(int32_t id, H2Error code);
  void putGoAway(int32_t last, H2Error code);
  void putSettings();
  void splitBlock(int32_t id, size_t at);
  void open(H2Account& account);
  void close(H2Account& account);
  void endIfDone(H2Account& account);
  void creditConnection(size_t bytes);
  void endFirstWindow();
  void noteReset(int32_t id);

  Events& events_;
  std::string& out_;
  const Role role_;
  Stage stage_;
  bool flooded_ = false;
  bool terminated_ = false;
  bool sent_goaway_ = false;
  bool heard_goaway_ = false;
  bool heard_settings_ = false;
  bool settings_answered_ = false;
  bool peer_connect_ = false;
  H2Error terminated_with_ = H2Error::kNone;

  // The frame that is being read.
  h2::FrameHead frame_;
  uint32_t frame_left_ = 0;  // of its payload
  uint32_t padding_ = 0;     // at its end
  std::string held_;         // the beginning of a preface, a frame's head or a payload whose rest didn't come yet
  H2Account* data_account_ = nullptr;

  // The header block that is being read: until its last frame nothing else may come.
  bool in_block_ = false;
  int32_t block_id_ = 0;
  H2Account* block_account_ = nullptr;  // null: nobody wants it, but the tables do
  End block_end_ = End::kMore;
  uint32_t continuations_ = 0;
  std::string block_rest_;  // the beginning of a field

  HpackDecoder decoder_;
  HpackEncoder encoder_;
  H2Accounts accounts_;

  const Settings settings_;
  uint32_t peer_streams_;
  int32_t peer_window_ = h2::kFirstWindow;  // of a new stream
  int32_t may_send_ = h2::kFirstWindow;     // on the connection
  int32_t may_receive_ = h2::kFirstWindow;
  int64_t read_ = 0;          // as of an account; what a smaller window than the first keeps back makes it negative
  int64_t next_id_ = 1;       // of a client
  int32_t last_request_ = 0;  // the highest id that a client opened
  int32_t last_allowed_ = INT32_MAX;  // of a GOAWAY that came

  // What the peer had sent by the time that it heard of our reset is no fault of its.
  std::array<int32_t, 64> reset_lately_{};
  size_t reset_at_ = 0;    // the oldest of them
  int32_t forgotten_ = 0;  // the highest id that isn't among them any more
};

}  // namespace remora::http
