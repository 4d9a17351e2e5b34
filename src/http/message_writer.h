// Sends one message, over HTTP/1 or HTTP/2: a head, then a body in pieces, framed as the head announced. One gathered
// send a piece; what the stream doesn't take is copied, and the next push waits until that is through. Belongs to one
// core.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/h2_session.h"
#include "http/head_field.h"
#include "http/message.h"
#include "net/stream.h"

namespace remora::http {

class MessageWriter {
 public:
  // `broken` is the failure when the connection doesn't take bytes any more.
  MessageWriter(net::Stream& stream, Framing framing, Failure broken)
      : MessageWriter(stream, nullptr, framing, broken) {}
  // `h2` is the same stream where it is one of HTTP/2, which frames by itself.
  MessageWriter(net::Stream& stream, H2Stream* h2, Framing framing, Failure broken)
      : stream_(&stream), h2_(h2), framing_(framing), broken_(broken) {}

  // The head goes out with the first push; its bytes must hold until that returns. `room` writable bytes follow it,
  // where a small body is put, so that one plain send does.
  void begin(std::string_view head, size_t room = 0) {
    head_ = head;
    room_ = room;
  }
  void begin(std::span<const HeadField> fields) { fields_ = fields; }
  // Over HTTP/2 an empty body ends with a frame of its own, not with the head: there are servers of gRPC that take a
  // head with END_STREAM for no request.
  void endApart() { ends_apart_ = true; }
  // True: everything is with the kernel. False: the rest was copied; co_await drained() before the next push. Trailers
  // go out with the last push of a chunked or HTTP/2 body; null for none.
  Result<bool> push(std::span<const char> data, End end, const Headers* trailers = nullptr);
  bool hasUnsentHead() const { return !head_.empty() || !fields_.empty(); }
  bool isDrained() const { return rest_.empty(); }
  // Sends the rest.
  loop::Task<void> drained(net::Patience patience);
  // How much a push should bring: what doesn't fit a window of HTTP/2 would only be kept. 0: wait for roomWait() first.
  size_t room();
  net::WriteWait roomWait(const net::Patience& patience) { return {*stream_, patience}; }

  uint64_t sentBytes() const { return sent_; }        // with framing and head, as the kernel took them
  uint64_t payloadBytes() const { return payload_; }  // of the body, handed over
  bool isEnded() const { return ended_ && rest_.empty(); }

 private:
  size_t joinSmall(std::span<iovec> pieces);
  Result<bool> send(std::span<iovec> pieces);
  Result<bool> pushToStream(std::span<const char> data, End end, const Headers* trailers);
  Result<void> sendHead(End end);
  Result<void> sendTrailers();
  net::IoResult writeRest();
  std::unexpected<Failure> broken(int error) const;

  net::Stream* stream_;
  H2Stream* h2_;  // the same stream; null: HTTP/1
  Framing framing_;
  Failure broken_;
  std::string_view head_;
  std::span<const HeadField> fields_;
  size_t room_ = 0;
  std::string rest_;
  size_t rest_at_ = 0;
  std::vector<std::pair<std::string, std::string>> trailers_;  // of HTTP/2, to follow rest_
  uint64_t sent_ = 0;
  uint64_t payload_ = 0;
  bool ended_ = false;
  bool ends_apart_ = false;
};

}  // namespace remora::http
