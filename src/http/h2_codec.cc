#include "http/h2_codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace remora::http {

// The library's own type, under a name that the header can declare.
struct H2Codec::Native : nghttp2_nv {};

namespace {

// A head that may be forwarded has its bounds elsewhere; the library's own (64 KiB) is too near to them.
constexpr size_t kSentHeadMost = 1 << 20;

std::string_view textOf(const uint8_t* bytes, size_t length) {
  return {reinterpret_cast<const char*>(bytes), length};
}

uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

H2Stream* streamOf(nghttp2_session* session, int32_t id) {
  return id ? static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id)) : nullptr;
}

End endOf(const nghttp2_frame_hd& head) {
  return head.flags & NGHTTP2_FLAG_END_STREAM ? End::kLast : End::kMore;
}

H2Frame typeOf(uint8_t type) {
  return static_cast<H2Frame>(type);
}

}  // namespace

struct H2CodecCallbacks {
  static H2Codec& codec(void* user) { return *static_cast<H2Codec*>(user); }
  static H2Codec::Events& events(void* user) { return codec(user).events_; }

  static int onBeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    events(user).onFrame(typeOf(head->type), head->length);
    return 0;
  }

  static int onBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    const int32_t id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      H2Stream* const stream = events(user).onRequestBegin(id);
      if (stream) {
        nghttp2_session_set_stream_user_data(session, id, stream);
      } else {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
      }
    } else if (H2Stream* const stream = streamOf(session, id)) {
      events(user).onHeadBegin(*stream);
    }
    return 0;
  }

  static int onHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                      const uint8_t* value, size_t value_bytes, uint8_t, void* user) {
    H2Stream* const stream = streamOf(session, frame->hd.stream_id);
    if (!stream) return 0;
    const bool goes_on = events(user).onField(*stream, textOf(name, name_bytes), textOf(value, value_bytes));
    return goes_on ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // Otherwise the library would leave the field out and go on, and two readers would see two heads.
  static int onInvalidHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t, const uint8_t*, size_t,
                             uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int onFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Stream* const stream = streamOf(session, frame->hd.stream_id);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (stream) events(user).onHeadEnd(*stream, endOf(frame->hd));
        break;
      case NGHTTP2_DATA:
        events(user).onDataFrame(stream, frame->hd.length - frame->data.padlen, endOf(frame->hd));
        break;
      case NGHTTP2_RST_STREAM:
        events(user).onReset(stream);
        break;
      case NGHTTP2_SETTINGS:
        frame->hd.flags& NGHTTP2_FLAG_ACK ? events(user).onSettingsAnswer() : events(user).onSettings();
        break;
      case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) events(user).onPingAnswer();
        break;
      case NGHTTP2_GOAWAY:
        events(user).onGoAway();
        break;
      default:
        break;
    }
    return 0;
  }

  static int onData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t bytes, void* user) {
    events(user).onData(streamOf(session, id), id, textOf(data, bytes));
    return 0;
  }

  static int onClose(nghttp2_session* session, int32_t id, uint32_t code, void* user) {
    events(user).onClosed(streamOf(session, id), code);
    return 0;
  }

  static int onSent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const uint32_t code = frame->hd.type == NGHTTP2_RST_STREAM ? frame->rst_stream.error_code
                          : frame->hd.type == NGHTTP2_GOAWAY   ? frame->goaway.error_code
                                                               : 0;
    events(user).onSent(typeOf(frame->hd.type), frame->hd.stream_id, frame->hd.length, code);
    return 0;
  }

  static int onNotSent(nghttp2_session* session, const nghttp2_frame* frame, int, void* user) {
    // A stream that its request didn't open is closed already, and the peer has never heard of it.
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat == NGHTTP2_HCAT_REQUEST) return 0;
    events(user).onHeadNotSent(streamOf(session, frame->hd.stream_id));
    return 0;
  }

  static ssize_t takeData(nghttp2_session* session, int32_t id, uint8_t*, size_t most, uint32_t* flags,
                          nghttp2_data_source*, void* user) {
    const H2Codec::Grant grant = events(user).takeData(streamOf(session, id), most);
    if (!grant.is_given) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (grant.end == End::kLast) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(grant.bytes);
  }

  static int putData(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head, size_t bytes,
                     nghttp2_data_source*, void* user) {
    constexpr size_t kFrameHead = 9;
    const int32_t id = frame->hd.stream_id;
    events(user).putData(streamOf(session, id), id, textOf(head, kFrameHead), bytes);
    return 0;
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* callbacks = nullptr;
    check(nghttp2_session_callbacks_new(&callbacks) == 0, "memory for the callbacks of HTTP/2");
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, onBeginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, onBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, onInvalidHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onClose);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, onSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, onNotSent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, putData);
    return callbacks;
  }
};

H2Codec::H2Codec(Role role, const Settings& settings, Events& events) : events_(events), role_(role) {
  nghttp2_session_callbacks* const callbacks = H2CodecCallbacks::make();
  nghttp2_option* option = nullptr;
  check(nghttp2_option_new(&option) == 0, "memory for the options of HTTP/2");
  nghttp2_option_set_no_auto_window_update(option, 1);  // credit is given when a body is read, not when it arrives
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_send_header_block_length(option, kSentHeadMost);
  nghttp2_option_set_max_continuations(option, settings.continuations);
  // The session counts resets itself, of both roles and with streams that ended well.
  nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
  const int made = role == Role::kServer ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                                         : nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  check(made == 0, "memory for a session of HTTP/2");

  std::array<nghttp2_settings_entry, 5> entries{{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.header_list_bytes},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.streams},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},  // RFC 8441
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},    // RFC 9218: a tree of priorities isn't kept
  }};
  size_t count = entries.size();
  if (role == Role::kClient) {
    entries[2] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    count = 3;
  }
  check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), count) == 0, "SETTINGS are valid");
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(settings.connection_window));
}

H2Codec::~H2Codec() {
  nghttp2_session_del(session_);
}

H2Codec::Fed H2Codec::feed(std::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(session_, bytesOf(bytes), bytes.size());
  if (used >= 0) return Fed::kWell;
  return used == NGHTTP2_ERR_FLOODED || used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS ? Fed::kFlood : Fed::kBadPeer;
}

bool H2Codec::drain(std::string& out) {
  for (;;) {
    const uint8_t* data = nullptr;
    const ssize_t bytes = nghttp2_session_mem_send(session_, &data);
    if (bytes < 0) return false;
    if (bytes == 0) return true;
    out.append(textOf(data, static_cast<size_t>(bytes)));
  }
}

void H2Codec::fill(std::span<const HeadField> fields) {
  fields_.clear();
  for (const HeadField& field : fields) {
    uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    if (field.is_secret) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    fields_.push_back({{bytesOf(field.name), bytesOf(field.value), field.name.size(), field.value.size(), flags}});
  }
}

bool H2Codec::submitHead(H2Stream& stream, int32_t& id, std::span<const HeadField> fields, End end) {
  fill(fields);
  const uint8_t flags = end == End::kLast ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE;
  const int32_t made =
      nghttp2_submit_headers(session_, flags, id ? id : -1, nullptr, fields_.data(), fields_.size(), &stream);
  if (made < 0) return false;
  if (id == 0) id = made;
  return true;
}

bool H2Codec::submitTrailers(int32_t id, std::span<const HeadField> fields) {
  fill(fields);
  return nghttp2_submit_trailer(session_, id, fields_.data(), fields_.size()) == 0;
}

bool H2Codec::submitData(int32_t id) {
  const nghttp2_data_provider provider{{.ptr = nullptr}, H2CodecCallbacks::takeData};
  return nghttp2_submit_data(session_, NGHTTP2_FLAG_END_STREAM, id, &provider) == 0;
}

void H2Codec::resumeData(int32_t id) {
  nghttp2_session_resume_data(session_, id);
}

void H2Codec::reset(int32_t id, H2Error code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<uint32_t>(code));
}

void H2Codec::disown(int32_t id) {
  nghttp2_session_set_stream_user_data(session_, id, nullptr);
}

void H2Codec::consume(int32_t id, size_t bytes) {
  nghttp2_session_consume(session_, id, bytes);
}

void H2Codec::announceGoAway() {
  if (role_ == Role::kClient) return;
  nghttp2_submit_shutdown_notice(session_);
  ping();
}

void H2Codec::sendGoAway() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Codec::terminate(H2Error code) {
  if (terminating_) return;
  terminating_ = true;
  nghttp2_session_terminate_session(session_, static_cast<uint32_t>(code));
}

void H2Codec::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

uint32_t H2Codec::peerStreamsMost() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Codec::peerAllowsExtendedConnect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

bool H2Codec::hasStreamIds() const {
  return nghttp2_session_get_next_stream_id(session_) <= INT32_MAX;
}

bool H2Codec::hasPeerEnded(int32_t id) const {
  return nghttp2_session_get_stream_remote_close(session_, id) != 0;
}

bool H2Codec::hasOutput() const {
  return nghttp2_session_want_write(session_) != 0;
}

bool H2Codec::isFinished() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

}  // namespace remora::http
