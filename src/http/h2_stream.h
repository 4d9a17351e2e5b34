// One stream of an HTTP/2 session, which is a net::Stream of its DATA: bodies, relays, tunnels and waits work over it
// as over a connection. Whoever holds it owns it; destroying it while it is open resets it. It may outlive its session,
// and then fails like a connection that was reset. Belongs to the session's core.
//
// END_STREAM is the end of what can be read and no hang-up: hasHangup() and hasError() tell of a reset, or of the
// session's death, before the other side had said everything.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "http/h2_codec.h"
#include "http/h2_head.h"
#include "http/message.h"
#include "loop/frame_pool.h"
#include "net/stream.h"

namespace remora::http {

class H2Session;

class H2Stream final : public net::Stream, public loop::Pooled, private H2Account {
 public:
  ~H2Stream() override;

  int32_t id() const { return H2Account::id; }  // 0 until a client's head is sent

  // --- received ---
  // Of a server. Views live as long as the stream.
  const RawRequest& request() const { return head_->request(); }
  size_t headBytes() const { return head_bytes_; }  // that its head holds
  // Of a client: the next head, interim or final; null when none has come yet. A ReadWait ends when one has. It holds
  // until the next call, and body bytes are given only after the final one was taken.
  const RawResponse* takeResponse();
  // Why the head can't be used, though it can be answered (too large); null when it can. Ask before validating it.
  const Failure* headFailure() const { return head_ && head_->failure() ? &*head_->failure() : nullptr; }
  // After read() gave the end; the reference holds as long as the stream.
  const Headers& trailers() const { return trailer_fields_; }
  // Provably not one byte was handled: REFUSED_STREAM, or above the last stream of a GOAWAY, or never sent.
  bool wasRefused() const {
    return is_failed_ && (id() == 0 || code_ == static_cast<uint32_t>(H2Error::kRefusedStream));
  }
  // RFC 9113 section 7, of a reset from either side; 0 when there was none, or the session died.
  uint32_t resetCode() const { return code_; }
  // What the peer sent on this stream broke the protocol: a malformed head, a body that isn't as long as announced.
  bool wasMalformed() const { return is_failed_ && !was_reset_ && code_ == static_cast<uint32_t>(H2Error::kProtocol); }
  // Of a client, after hasError().
  std::optional<Failure> brokenBy() const override;
  bool isReceived() const { return remote_ended_; }  // END_STREAM came
  bool isSent() const { return has_sent_end; }       // END_STREAM was sent

  // --- sent ---
  // A request, a response or an interim response, encoded at once. Fails when the stream is closed.
  Result<void> sendHead(std::span<const HeadField> fields, End end);
  bool hasSentHead() const { return head_sent_; }
  // Ends the stream. Nothing may be left unwritten.
  Result<void> sendTrailers(std::span<const HeadField> fields);
  // Like write(), and when all of it fits the stream ends with it. With EAGAIN the rest is to be given again.
  net::IoResult writeLast(std::span<const iovec> pieces) { return put(pieces, End::kLast); }

  // A read gives ECONNRESET after a reset, EBADMSG when the trailers are refused.
  net::IoResult read(std::span<char> into) override;
  // Takes what windows and the session's unsent bound allow. Borrowed memory isn't kept.
  net::IoResult write(std::span<const iovec> pieces) override { return put(pieces, End::kMore); }
  size_t windowLeft() const;
  // How much of a body would be taken now. 0: the stream becomes writable when that changes.
  size_t room();
  void shutdownWrite() override;
  void flush() override;
  void resetOnClose() override { closes_with_ = H2Error::kInternal; }
  // As resetOnClose(), with a code of one's own.
  void resetOnClose(H2Error code) { closes_with_ = code; }

 private:
  friend class H2Session;
  friend class H2StreamList;
  explicit H2Stream(H2Session& session);

  net::IoResult put(std::span<const iovec> pieces, End end);
  // What the session tells.
  H2Head& beginHead();
  H2Error endHead(End end);  // other than kNone: it may not come like this
  H2Error keep(std::string_view data);
  H2Error endReading();
  void breakDown(H2Error code);
  std::unexpected<Failure> closed() const;
  void letWrite();
  void noteLength(const H2Head& head);

  bool isReadable() const;
  void wakeReader();

  static constexpr size_t kHeadsWaiting = 8;  // interim heads that nobody takes; more would be memory for nothing

  H2Session* session_;  // null when it is gone
  H2Stream* next_ = nullptr;
  H2Stream* prev_ = nullptr;
  uint32_t code_ = 0;
  std::optional<Failure> transport_failure_;
  H2Error closes_with_ = H2Error::kCancel;

  // Written by what arrives.
  H2HeadPtr head_;                              // a request, or the response head taken last
  std::array<H2HeadPtr, kHeadsWaiting> heads_;  // response heads not taken yet
  size_t heads_count_ = 0;
  H2HeadPtr arriving_;
  size_t head_bytes_ = 0;  // of a request, as its session counts them
  H2HeadPtr trailers_;
  Headers trailer_fields_;  // views into trailers_
  std::basic_string<char, std::char_traits<char>, loop::PoolAllocator<char>> inbox_;
  size_t inbox_at_ = 0;
  bool is_server_;
  bool has_final_head_ = false;  // it came
  bool gives_body_ = false;      // a server, or the final head was taken
  bool remote_ended_ = false;
  bool was_reset_ = false;       // RST_STREAM came
  bool is_failed_ = false;       // reset from either side, or the session died
  bool asked_for_head_ = false;  // a client's
  int64_t due_ = -1;             // bytes of the announced body that didn't come yet; -1: none was announced

  // Written by whoever sends.
  bool wants_room_ = false;  // the session had too much unsent, or its window was closed
  bool head_sent_ = false;
};

// The streams of a session, in the order in which they were made.
class H2StreamList {
 public:
  size_t size() const { return size_; }
  void add(H2Stream& stream) {
    stream.prev_ = last_;
    (last_ ? last_->next_ : first_) = &stream;
    last_ = &stream;
    ++size_;
  }
  void remove(H2Stream& stream) {
    (stream.prev_ ? stream.prev_->next_ : first_) = stream.next_;
    (stream.next_ ? stream.next_->prev_ : last_) = stream.prev_;
    stream.next_ = stream.prev_ = nullptr;
    --size_;
  }
  // `visit` must not add or remove.
  template <class Visit>
  void forEach(Visit visit) {
    for (H2Stream* stream = first_; stream; stream = stream->next_) visit(*stream);
  }

 private:
  H2Stream* first_ = nullptr;
  H2Stream* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace remora::http
