// Sends one HTTP/1 message: a head, then a body in pieces, framed as the head announced. One gathered send a piece;
// what the socket doesn't take is copied, and the next push waits until that is through. Belongs to one core.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/message.h"
#include "net/stream.h"

namespace remora::http {

class H1Writer {
 public:
  // `broken` is the failure when the connection doesn't take bytes any more.
  H1Writer(net::Stream& stream, Framing framing, Failure broken)
      : stream_(&stream), framing_(framing), broken_(broken) {}

  // The head goes out with the first push; its bytes must hold until that returns. `room` writable bytes follow it,
  // where a small body is put, so that one plain send does.
  void begin(std::string_view head, size_t room = 0) {
    head_ = head;
    room_ = room;
  }
  // True: everything is with the kernel. False: the rest was copied; co_await drained() before the next push. Trailers
  // go out with the last push of a chunked body; null for none.
  Result<bool> push(std::span<const char> data, End end, const Headers* trailers = nullptr);
  bool hasUnsentHead() const { return !head_.empty(); }
  bool isDrained() const { return rest_.empty(); }
  // Sends the rest.
  loop::Task<void> drained(net::Patience patience);

  uint64_t sentBytes() const { return sent_; }        // with framing and head, as the kernel took them
  uint64_t payloadBytes() const { return payload_; }  // of the body, handed over
  bool isEnded() const { return ended_ && rest_.empty(); }

 private:
  size_t joinSmall(std::span<iovec> pieces);
  Result<bool> send(std::span<iovec> pieces);

  net::Stream* stream_;
  Framing framing_;
  Failure broken_;
  std::string_view head_;
  size_t room_ = 0;
  std::string rest_;
  size_t rest_at_ = 0;
  uint64_t sent_ = 0;
  uint64_t payload_ = 0;
  bool ended_ = false;
};

}  // namespace remora::http
