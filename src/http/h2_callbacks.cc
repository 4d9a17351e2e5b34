#include "http/h2_callbacks.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace remora::http {
namespace {

std::string_view textOf(const uint8_t* data, size_t bytes) {
  return {reinterpret_cast<const char*>(data), bytes};
}

H2Session& sessionOf(void* self) {
  return *static_cast<H2Session*>(self);
}

bool isCheap(const nghttp2_frame_hd& head) {
  switch (head.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM:  // has a bound of its own
    case NGHTTP2_GOAWAY:
    case NGHTTP2_CONTINUATION:  // likewise
      return false;
    case NGHTTP2_DATA:
      return head.length == 0 && !(head.flags & NGHTTP2_FLAG_END_STREAM);
    default:
      return true;
  }
}

}  // namespace

nghttp2_session_callbacks* H2Callbacks::make() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, onBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, onBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, onInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, onInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onClose);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, onSend);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, onFrameSent);
  return callbacks;
}

H2Stream* H2Callbacks::streamOf(H2Session& session, int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session.session_, id));
}

int H2Callbacks::onBeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
  H2Session& session = sessionOf(self);
  const Instant now = session.last_input_;
  if (head->type == NGHTTP2_CONTINUATION) return session.budget_.countContinuation() ? 0 : session.calmDown();
  if (head->type == NGHTTP2_RST_STREAM && !session.budget_.countReset(now)) return session.calmDown();
  if (isCheap(*head) && !session.budget_.countControl(now)) return session.calmDown();
  return 0;
}

int H2Callbacks::onBeginHeaders(nghttp2_session* nghttp2, Frame frame, void* self) {
  H2Session& session = sessionOf(self);
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    auto stream = std::unique_ptr<H2Stream>(new H2Stream(session, session.transport_.loop()));
    stream->id_ = frame->hd.stream_id;
    stream->head_taken_ = true;
    stream->request_.major = 2;
    stream->request_.minor = 0;
    ++session.active_;
    nghttp2_session_set_stream_user_data(nghttp2, frame->hd.stream_id, stream.get());
    session.link(*stream);
    session.incoming_.push_back(std::move(stream));
    return 0;
  }
  H2Stream* const stream = streamOf(session, frame->hd.stream_id);
  if (!stream) return 0;
  if (session.role_ == H2Session::Role::kServer || stream->has_final_head_) {
    stream->trailer_lines_ = std::make_unique<H2Stream::Head>();
  } else {
    stream->arriving_ = std::make_unique<H2Stream::ReceivedResponse>();
    stream->arriving_->response.major = 2;
    stream->arriving_->response.minor = 0;
  }
  return 0;
}

int H2Callbacks::onHeader(nghttp2_session*, Frame frame, const uint8_t* name, size_t name_bytes, const uint8_t* value,
                          size_t value_bytes, uint8_t, void* self) {
  H2Session& session = sessionOf(self);
  H2Stream* const stream = streamOf(session, frame->hd.stream_id);
  if (!stream) return 0;
  const std::string_view field = textOf(name, name_bytes);
  const std::string_view text = textOf(value, value_bytes);
  if (stream->trailer_lines_) {
    if (!stream->trailer_lines_->add(field, text, session.limits_.trailers.count, session.limits_.header_count)) {
      stream->is_malformed_ = true;
    }
  } else if (session.role_ == H2Session::Role::kServer) {
    takeRequestField(*stream, field, text, session);
  } else {
    takeResponseField(*stream, field, text, session);
  }
  return 0;
}

void H2Callbacks::takeRequestField(H2Stream& stream, std::string_view name, std::string_view value,
                                   H2Session& session) {
  RawRequest& request = stream.request_;
  H2Stream::Head& head = stream.head_;
  std::string_view* const pseudo = name == ":method"     ? &request.method
                                   : name == ":path"     ? &request.target
                                   : name == ":scheme"   ? &request.scheme
                                   : name == ":protocol" ? &request.protocol
                                                         : nullptr;
  const size_t most = session.limits_.head.count;
  bool fits = true;
  if (pseudo) {
    *pseudo = head.keep(value);
    fits = head.charge(name, value, most);
  } else if (name == ":authority") {
    stream.authority_ = head.keep(value);
    fits = head.add("host", value, most, session.limits_.header_count);
  } else if (name == "host" && !stream.authority_.empty()) {  // says the same, or contradicts
    if (value != stream.authority_) request.refusal = Reason::kBadHost;
    fits = head.charge(name, value, most);
  } else {
    fits = head.add(name, value, most, session.limits_.header_count);
  }
  if (!fits) request.refusal = Reason::kHeadTooLarge;
  if (name == ":path" && value.size() > session.limits_.target.count) request.refusal = Reason::kTargetTooLong;
}

void H2Callbacks::takeResponseField(H2Stream& stream, std::string_view name, std::string_view value,
                                    H2Session& session) {
  RawResponse& response = stream.arriving_->response;
  if (name == ":status") {  // three digits, as nghttp2 has checked
    response.status = 0;
    for (const char c : value) response.status = static_cast<uint16_t>(response.status * 10 + (c - '0'));
    return;
  }
  if (!stream.arriving_->head.add(name, value, session.limits_.head.count, session.limits_.header_count)) {
    response.refusal = Reason::kResponseTooLarge;
  }
}

// nghttp2 would leave such a field out and go on; a message with it is malformed (RFC 9113 section 8.2.1).
int H2Callbacks::onInvalidHeader(nghttp2_session* nghttp2, Frame frame, const uint8_t*, size_t, const uint8_t*, size_t,
                                 uint8_t, void* self) {
  if (H2Stream* const stream = streamOf(sessionOf(self), frame->hd.stream_id)) stream->is_malformed_ = true;
  nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
  return 0;
}

int H2Callbacks::onFrame(nghttp2_session* nghttp2, Frame frame, void* self) {
  H2Session& session = sessionOf(self);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS: {
      session.budget_.endHead();
      H2Stream* const stream = streamOf(session, frame->hd.stream_id);
      return stream ? onHead(session, *stream, frame) : 0;
    }
    case NGHTTP2_DATA: {
      if (frame->hd.length) session.budget_.payData();
      H2Stream* const stream = streamOf(session, frame->hd.stream_id);
      if (stream && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) stream->noteEnd();
      return 0;
    }
    case NGHTTP2_SETTINGS:
      if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) session.has_peer_settings_ = session.has_changed_ = true;
      session.wakeWriters();  // a larger initial window
      return 0;
    case NGHTTP2_PING:
      if (frame->hd.flags & NGHTTP2_FLAG_ACK) session.onPong();
      return 0;
    case NGHTTP2_GOAWAY:
      session.peer_leaves_ = session.has_changed_ = true;
      return 0;
    case NGHTTP2_WINDOW_UPDATE:
      if (frame->hd.stream_id == 0) {
        session.wakeWriters();
      } else if (H2Stream* const stream = streamOf(session, frame->hd.stream_id); stream && !stream->mayWrite()) {
        stream->noteWritable();
      }
      return 0;
    default:
      return 0;
  }
}

int H2Callbacks::onHead(H2Session& session, H2Stream& stream, Frame frame) {
  const bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
  if (stream.is_malformed_) {
    nghttp2_submit_rst_stream(session.session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }
  if (stream.trailer_lines_) {
    stream.trailer_lines_->finish(stream.trailers_);
    stream.trailer_lines_owned_ = std::move(stream.trailer_lines_);
    if (ends) stream.noteEnd();
    return 0;
  }
  if (session.role_ == H2Session::Role::kServer) {
    stream.head_.finish(stream.request_.headers);
    stream.request_.has_body = !ends;
    const auto found = std::ranges::find(session.incoming_, &stream, &std::unique_ptr<H2Stream>::get);
    session.delivered_.push_back(std::move(*found));
    session.incoming_.erase(found);
  } else {
    RawResponse& response = stream.arriving_->response;
    stream.arriving_->head.finish(response.headers);
    response.has_body = !ends;
    stream.has_final_head_ = response.status >= 200;
    stream.responses_.push_back(std::move(stream.arriving_));
    stream.noteReadable();
  }
  if (ends) stream.noteEnd();
  return 0;
}

int H2Callbacks::onInvalidFrame(nghttp2_session*, Frame, int, void* self) {
  H2Session& session = sessionOf(self);
  ++session.glitches_;
  return 0;
}

int H2Callbacks::onData(nghttp2_session* nghttp2, uint8_t, int32_t id, const uint8_t* data, size_t bytes, void* self) {
  H2Stream* const stream = streamOf(sessionOf(self), id);
  if (!stream) {  // whoever wanted it is gone: it counts as read
    nghttp2_session_consume_connection(nghttp2, bytes);
    return 0;
  }
  stream->inbox_.append(reinterpret_cast<const char*>(data), bytes);
  if (stream->head_taken_) stream->noteReadable();
  return 0;
}

int H2Callbacks::onClose(nghttp2_session*, int32_t id, uint32_t code, void* self) {
  H2Session& session = sessionOf(self);
  if (session.active_) --session.active_;
  session.has_changed_ = true;
  if (code == NGHTTP2_NO_ERROR) session.budget_.payStream();
  H2Stream* const stream = streamOf(session, id);
  if (!stream) return 0;
  stream->was_refused_ = code == NGHTTP2_REFUSED_STREAM;
  if (code == NGHTTP2_NO_ERROR && stream->has_ended_) {
    stream->is_closed_ = true;
  } else {
    stream->noteReset(code);
  }
  std::erase_if(session.incoming_, [&](const auto& incoming) {
    if (incoming.get() != stream) return false;
    stream->is_closed_ = true;
    return true;
  });
  return 0;
}

// DATA goes from its owner's memory into the session's output, without a stop in nghttp2's.
int H2Callbacks::onSend(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t length,
                        nghttp2_data_source*, void* self) {
  H2Session& session = sessionOf(self);
  H2Stream* const stream = streamOf(session, frame->hd.stream_id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  constexpr size_t kFrameHead = 9;
  session.output_.append(reinterpret_cast<const char*>(head), kFrameHead);
  stream->takeOutgoing(length, session.output_);
  session.budget_.payData();
  return 0;
}

// Resets that the peer made us send count like its own; those for an exchange that ended are ours.
int H2Callbacks::onFrameSent(nghttp2_session*, Frame frame, void* self) {
  if (frame->hd.type != NGHTTP2_RST_STREAM) return 0;
  const uint32_t code = frame->rst_stream.error_code;
  const bool is_ours = code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL || code == NGHTTP2_INTERNAL_ERROR;
  H2Session& session = sessionOf(self);
  if (!is_ours && !session.budget_.countReset(session.last_input_)) session.is_doomed_ = true;
  return 0;
}

ssize_t readOutgoing(nghttp2_session* nghttp2, int32_t id, uint8_t*, size_t most, uint32_t* flags, nghttp2_data_source*,
                     void* self) {
  return H2Callbacks::outgoingOf(nghttp2, id, most, flags, self);
}

ssize_t H2Callbacks::outgoingOf(nghttp2_session* nghttp2, int32_t id, size_t most, uint32_t* flags, void* self) {
  H2Stream* const stream = streamOf(sessionOf(self), id);
  if (!stream) return NGHTTP2_ERR_DEFERRED;  // its reset is on the way
  if (!stream->outgoing_trailers_.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto& fields = sessionOf(self).fieldsOf(std::exchange(stream->outgoing_trailers_, {})).list;
    nghttp2_submit_trailer(nghttp2, id, fields.data(), fields.size());
    return 0;
  }
  if (stream->outgoing_bytes_ == 0) {
    if (!stream->ends_after_outgoing_) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream->has_sent_end_ = true;
    return 0;
  }
  const size_t n = std::min(most, stream->outgoing_bytes_);
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (n == stream->outgoing_bytes_ && stream->ends_after_outgoing_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream->has_sent_end_ = true;
  }
  return static_cast<ssize_t>(n);
}

}  // namespace remora::http
