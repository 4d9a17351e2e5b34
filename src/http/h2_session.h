// HTTP/2 on one connection, in either role: frames on the transport's side, streams on the other. Input is read while
// there is room for what it makes us send; what a turn produces goes out in one write. Belongs to one core.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "http/h2_budget.h"
#include "http/h2_stream.h"
#include "loop/loop.h"
#include "model/listener.h"
#include "net/stream.h"

struct nghttp2_session;

namespace remora::http {

class H2Session final : loop::Runnable, loop::Timer {
 public:
  enum class Role : uint8_t { kServer, kClient };

  // Both are called from the run queue or from start(). The session may be destroyed in neither: that is for the run
  // queue.
  class Owner {
   public:
    // Server: a request's head is complete.
    virtual void onRequest(std::unique_ptr<H2Stream> stream) = 0;
    // It ended, is told to go away, has no stream left, or takes new ones again.
    virtual void onSessionChange() = 0;

   protected:
    ~Owner() = default;
  };

  struct Bounds {
    model::Http2Options options;
    model::Limits limits;  // of heads and trailers
  };

  // `scratch` is shared by the core: data in it holds within a turn only. The transport must outlive this.
  H2Session(Role role, net::Stream& transport, std::span<char> scratch, const Bounds& bounds, Owner& owner);
  // Streams that are still there fail.
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // `first`: what was read from the transport already.
  void start(std::string_view first = {});
  // Client: for one request; null when the session takes none now.
  std::unique_ptr<H2Stream> openStream();
  bool mayOpen() const;

  uint64_t glitches() const { return glitches_; }  // frames that were invalid
  size_t activeStreams() const { return active_; }
  bool isIdle() const { return active_ == 0; }
  bool isEnded() const { return ended_; }
  // The peer's SETTINGS have come, and with them whether it takes an extended CONNECT (RFC 8441).
  bool hasPeerSettings() const { return has_peer_settings_; }
  bool peerAllowsExtendedConnect() const;

  // Server: no new streams soon, none after the client has heard of it; then, when the last one is done, it ends.
  // Client: opens no more.
  void goAway();
  // Says why (an error code of RFC 9113 section 7) and ends now; streams fail.
  void end(uint32_t error_code);

 private:
  friend class H2Stream;
  friend struct H2Callbacks;

  enum class Leaving : uint8_t { kNo, kNoticed, kFinal };  // what was said by GOAWAY

  void run() override;     // the transport has news, or output waits
  void onTime() override;  // the peer is asked whether it is there, or didn't answer
  void submitSettings();
  void readInput();
  bool feed(std::string_view bytes);
  void deliverRequests();
  void collectOutput();
  void sendOutput();
  // Streams fail, and the owner hears of it.
  void fail(uint32_t code);
  static std::unexpected<Failure> fail_(int error);
  void sayGoodbye();
  bool isFinished() const;
  void armPing();
  void onPong();
  bool isFull() const { return unsent() >= options_.unsent.count; }
  size_t unsent() const { return output_.size() - output_at_; }
  size_t dataRoom() const;
  void wakeWriters();
  void flushSoon() { transport_.loop().post(*this); }
  // The peer asks for too much for nothing: reading stops here. What nghttp2's callbacks return then.
  int calmDown();
  struct FieldList;
  FieldList& fieldsOf(std::span<const HeadField> fields);

  // Of H2Stream.
  Result<void> submitHead(H2Stream& stream, std::span<const HeadField> fields, End end);
  Result<void> submitTrailers(H2Stream& stream, std::span<const HeadField> fields);
  net::IoResult send(H2Stream& stream, std::span<const iovec> pieces, End end);
  void giveBack(const H2Stream& stream, size_t bytes);
  void link(H2Stream& stream);
  void forget(H2Stream& stream);

  const Role role_;
  net::Stream& transport_;
  const std::span<char> scratch_;
  const model::Http2Options options_;
  const model::Limits limits_;
  Owner& owner_;
  nghttp2_session* session_ = nullptr;
  H2Budget budget_;

  std::vector<H2Stream*> streams_;                    // those that somebody holds
  std::vector<std::unique_ptr<H2Stream>> incoming_;   // heads that aren't complete
  std::vector<std::unique_ptr<H2Stream>> delivered_;  // complete, for the owner at the end of this input
  size_t active_ = 0;
  uint64_t glitches_ = 0;
  std::unique_ptr<FieldList> fields_;  // of the head that is being sent

  std::string output_;
  size_t output_at_ = 0;
  Instant last_input_;
  Leaving leaving_ = Leaving::kNo;
  bool peer_leaves_ = false;
  bool has_peer_settings_ = false;
  bool awaits_pong_ = false;
  bool is_doomed_ = false;  // a bound was passed: it ends as soon as nghttp2 isn't at work
  bool has_changed_ = false;
  bool ended_ = false;
};

}  // namespace remora::http
