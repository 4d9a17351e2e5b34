// A body that arrives over an HTTP/1 connection or an HTTP/2 stream, to be pulled. Not pulling is back-pressure:
// nothing is read, the kernel's buffer fills, the sender stops. Belongs to one core and to one exchange.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/body_decoder.h"
#include "net/stream.h"

namespace remora::http {

// What one pull gave. `data` holds until the next pull or wait.
struct Pull {
  enum class State : uint8_t { kMore, kLast, kWait };
  State state = State::kMore;
  std::span<const char> data;
};

class MessageBody {
 public:
  // How failures of this side are named.
  struct Names {
    Reason malformed;  // of the chunked coding
    Reason closed;     // the connection ended before the body did
    Reason reset;
    Reason trailer = Reason::kBadTrailer;
  };
  // `scratch` is shared by the core: data in it holds only until the next wait. `trailers`: where those of an HTTP/2
  // stream are found after its end (Framing::kStream).
  MessageBody(BodyPlan plan, BodyLimits limits, net::Stream& stream, std::span<char> scratch, Names names,
              const Headers* trailers = nullptr);

  // Decodes what came with the head, and moves the payload together in place; returns how many of these bytes belong to
  // the body.
  Result<size_t> begin(std::span<char> first);

  // At most so much of what isn't read yet.
  Result<Pull> pull(size_t most = SIZE_MAX);
  // Until a pull would give something.
  net::ReadWait arrival(const net::Patience& patience) { return {stream_, patience}; }

  net::Stream& stream() { return stream_; }
  bool isEnded() const { return decoder_.isEnded() && at_ == first_.size() && kept_at_ == kept_.size(); }
  uint64_t received() const { return received_; }  // payload bytes pulled so far
  uint64_t remaining() const { return decoder_.remaining(); }
  const Headers& trailers() const { return trailers_ ? *trailers_ : decoder_.trailers(); }
  // Bytes that were read past the body's end: a pipelined request, or a response nobody asked for.
  std::string& surplus() { return surplus_; }

  // From now on what is pulled is kept, up to `most` bytes, so that the body can be sent again.
  void keepForReplay(size_t most);
  // All of it, where it has come to its end and was kept.
  std::optional<std::string> copyOfWhole() const;
  // Starts again from the first byte; false when that is no longer possible.
  bool rewind();
  // From now on nothing more is kept; what was kept and not yet pulled again is still given.
  void dropReplay();

 private:
  net::IoResult readStream(std::span<char> into, bool& at_end);
  std::unexpected<Failure> malformed(const Failure& failure) const {
    return fail(failure.reason == Reason::kBadTrailer ? names_.trailer : names_.malformed);
  }

  net::Stream& stream_;
  std::span<char> scratch_;
  Names names_;
  BodyDecoder decoder_;
  const Headers* trailers_;
  bool is_stream_;
  std::span<const char> first_;  // payload that came with the head
  size_t at_ = 0;                // first byte of first_ not yet pulled
  uint64_t received_ = 0;
  std::string surplus_;
  std::string kept_;    // pulled after `first_`, while a replay may be needed
  size_t kept_at_ = 0;  // first byte of kept_ not yet pulled again
  size_t keep_most_ = 0;
  bool keeps_ = false;
  bool overflowed_ = false;
};

}  // namespace remora::http
