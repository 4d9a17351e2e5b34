// One HTTP/2 stream. For the bytes of its DATA it is a net::Stream like any other, so that bodies, relays and tunnels
// run over it; heads and trailers go beside. END_STREAM is the end that read() gives and no hang-up; a reset, and the
// end of its session, are one. Destroying it while it is open resets the stream. Belongs to the core of its session,
// which may end before it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "http/head_field.h"
#include "http/message.h"
#include "net/stream.h"

namespace remora::http {

class H2Session;

enum class End : uint8_t { kMore, kLast };

class H2Stream final : public net::Stream {
 public:
  ~H2Stream() override;

  int32_t id() const { return id_; }  // 0: nothing was sent yet

  // Server: the request's head; its views hold as long as the stream.
  const RawRequest& request() const { return request_; }
  // Client: the next head that came, interim ones first; null: none yet. read() gives nothing before the final one was
  // taken. Its views hold until the next one is taken, those of the final one as long as the stream.
  const RawResponse* takeResponse();
  // After read() gave the end.
  const Headers& trailers() const { return trailers_; }
  // The peer says that it did nothing with the request: REFUSED_STREAM, or a GOAWAY that names an earlier stream last.
  bool wasRefused() const { return was_refused_; }
  uint32_t resetCode() const { return reset_code_; }  // of RFC 9113 section 7; 0: not reset

  // A request, a response, or an interim response. The views need to hold only until it returns.
  Result<void> sendHead(std::span<const HeadField> fields, End end);
  // Ends the stream.
  Result<void> sendTrailers(std::span<const HeadField> fields);
  // Like write(), and ends the stream when everything was taken.
  net::IoResult writeLast(std::span<const iovec> pieces);

  net::IoResult read(std::span<char> into) override;
  net::IoResult write(std::span<const iovec> pieces) override;
  void shutdownWrite() override;
  void resetOnClose() override { resets_on_close_ = true; }

 private:
  friend class H2Session;
  friend struct H2Callbacks;

  // A head as it arrives: lines of text, so that HTTP/1 can pass runs of them on in one piece.
  class Head {
   public:
    // Charged is what is kept and what is dropped alike.
    bool add(std::string_view name, std::string_view value, size_t most_bytes, uint32_t most_fields);
    void finish(Headers& headers);
    bool charge(std::string_view name, std::string_view value, size_t most_bytes);
    std::string_view keep(std::string_view text);  // of a pseudo-header field; holds as long as this
    void clear();

   private:
    struct Line {
      uint32_t at;
      uint32_t name_bytes;
      uint32_t value_bytes;
    };
    std::string text_;
    std::string cookie_;
    std::vector<Line> lines_;
    std::vector<std::unique_ptr<std::string>> pseudo_;
    size_t charged_ = 0;
  };
  struct ReceivedResponse {
    Head head;
    RawResponse response;
  };

  explicit H2Stream(H2Session& session, loop::Loop& loop);
  void noteReadable() { notify({.readable = true}); }
  void noteWritable() { notify({.writable = true}); }
  void noteEnd();
  void noteReset(uint32_t code);

  H2Session* session_;  // null: it has ended
  int32_t id_ = 0;
  size_t position_ = 0;  // among the session's

  // Received.
  Head head_;
  std::unique_ptr<Head> trailer_lines_;        // arriving
  std::unique_ptr<Head> trailer_lines_owned_;  // arrived: what trailers_ looks at
  RawRequest request_;
  std::string_view authority_;
  std::vector<std::unique_ptr<ReceivedResponse>> responses_;  // client: not taken yet
  std::unique_ptr<ReceivedResponse> taken_;
  std::unique_ptr<ReceivedResponse> arriving_;
  Headers trailers_;
  std::string inbox_;
  size_t inbox_at_ = 0;
  uint32_t reset_code_ = 0;
  bool has_final_head_ = false;
  bool head_taken_ = false;  // the final one: read() may give the body
  bool has_ended_ = false;   // END_STREAM came
  bool is_malformed_ = false;
  bool was_refused_ = false;
  bool is_closed_ = false;  // nothing more comes or goes

  // Sent.
  void takeOutgoing(size_t bytes, std::string& into);
  std::span<const iovec> outgoing_;  // during send() only
  size_t outgoing_at_ = 0;           // in the first of them
  size_t outgoing_bytes_ = 0;        // of them, that may go now
  std::span<const HeadField> outgoing_trailers_;
  bool ends_after_outgoing_ = false;
  bool has_sent_end_ = false;
  bool resets_on_close_ = false;
};

}  // namespace remora::http
