// The seam to the HTTP/2 library: frames in and out, HPACK, flow-control arithmetic and the state of each stream. Only
// h2_codec.cc includes nghttp2, so that another codec can take its place. No I/O, no time, no policy: what comes is
// told to Events, what goes is appended to a buffer of the caller's. Belongs to one session and its core.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/head_field.h"
#include "http/message.h"

struct nghttp2_session;

namespace remora::http {

class H2Stream;

// RFC 9113 section 7.
enum class H2Error : uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kFlowControl = 3,
  kSettingsTimeout = 4,
  kStreamClosed = 5,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

// RFC 9113 section 6.
enum class H2Frame : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

class H2Codec {
 public:
  enum class Role : uint8_t { kServer, kClient };

  // What is announced to the peer, and bounds that the library itself must keep.
  struct Settings {
    uint32_t streams = 100;
    uint32_t stream_window = 256 << 10;
    uint32_t connection_window = 1 << 20;
    uint32_t header_list_bytes = 64 << 10;
    uint32_t continuations = 8;
  };

  // What of a stream's body goes into its next DATA frame.
  struct Grant {
    bool is_given = false;  // false: nothing now; ask again after resumeData()
    size_t bytes = 0;
    End end = End::kMore;
  };

  // Called from inside feed() and drain(), which must not be entered again from there. `stream` is null when its owner
  // is gone already.
  class Events {
   public:
    // Each frame's first bytes, before anything is made of it.
    virtual void onFrame(H2Frame type, size_t length) = 0;
    // A head begins: a request, for which the stream to keep is returned (null refuses it), or a later head of
    // `stream`.
    virtual H2Stream* onRequestBegin(int32_t id) = 0;
    virtual void onHeadBegin(H2Stream& stream) = 0;
    virtual bool onField(H2Stream& stream, std::string_view name, std::string_view value) = 0;  // false: reset it
    virtual void onHeadEnd(H2Stream& stream, End end) = 0;
    virtual void onData(H2Stream* stream, int32_t id, std::string_view data) = 0;
    virtual void onDataFrame(H2Stream* stream, size_t payload, End end) = 0;  // after the frame's last onData()
    virtual void onReset(H2Stream* stream) = 0;                               // RST_STREAM came; onClosed() follows
    virtual void onClosed(H2Stream* stream, uint32_t code) = 0;               // the library forgets the stream
    virtual void onSettings() = 0;
    virtual void onSettingsAnswer() = 0;
    virtual void onPingAnswer() = 0;
    virtual void onGoAway() = 0;
    // `code`: of RST_STREAM and GOAWAY.
    virtual void onSent(H2Frame type, int32_t id, size_t length, uint32_t code) = 0;
    virtual Grant takeData(H2Stream* stream, size_t most) = 0;
    virtual void putData(H2Stream* stream, int32_t id, std::string_view frame_head, size_t bytes) = 0;
    virtual void onHeadNotSent(H2Stream* stream) = 0;

   protected:
    ~Events() = default;
  };

  enum class Fed : uint8_t { kWell, kFlood, kBadPeer };

  H2Codec(Role role, const Settings& settings, Events& events);
  ~H2Codec();
  H2Codec(const H2Codec&) = delete;
  H2Codec& operator=(const H2Codec&) = delete;

  Fed feed(std::string_view bytes);
  // Appends what is to be sent; false when the library failed, and the session is of no use any more.
  bool drain(std::string& out);

  // Of one stream. They return false when the stream is closed. A head with id 0 opens a stream of the client.
  bool submitHead(H2Stream& stream, int32_t& id, std::span<const HeadField> fields, End end);
  bool submitTrailers(int32_t id, std::span<const HeadField> fields);
  bool submitData(int32_t id);  // once; from then on takeData() is asked
  void resumeData(int32_t id);
  void reset(int32_t id, H2Error code);
  void disown(int32_t id);  // its owner is gone: events give null from now on
  // Gives credit back for bytes that were read; a stream that is closed gives it back to the connection.
  void consume(int32_t id, size_t bytes);

  void announceGoAway();  // GOAWAY that refuses nothing yet, and a PING whose answer says that it was heard
  void sendGoAway();      // GOAWAY with the last stream that will be answered
  void terminate(H2Error code);
  void ping();

  uint32_t peerStreamsMost() const;
  bool peerAllowsExtendedConnect() const;
  bool hasStreamIds() const;
  bool hasPeerEnded(int32_t id) const;  // its side of that stream
  bool hasOutput() const;
  bool isFinished() const;  // nothing more is to be read or sent
  bool isTerminating() const { return terminating_; }

 private:
  friend struct H2CodecCallbacks;
  void fill(std::span<const HeadField> fields);

  nghttp2_session* session_ = nullptr;
  Events& events_;
  struct Native;
  std::vector<Native> fields_;  // keeps its capacity
  Role role_;
  bool terminating_ = false;
};

}  // namespace remora::http
