// What nghttp2 tells an H2Session while it reads input and packs output. Belongs to its session's core.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string_view>
#include <vector>

#include "http/h2_session.h"

namespace remora::http {

// As nghttp2 takes them.
struct H2Session::FieldList {
  std::vector<nghttp2_nv> list;
};

// Static members, so that the session needs one friend.
struct H2Callbacks {
  // Freed by the caller once the session was made.
  static nghttp2_session_callbacks* make();

 private:
  using Frame = const nghttp2_frame*;
  static int onBeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* self);
  static int onBeginHeaders(nghttp2_session*, Frame frame, void* self);
  static int onHeader(nghttp2_session*, Frame frame, const uint8_t* name, size_t name_bytes, const uint8_t* value,
                      size_t value_bytes, uint8_t flags, void* self);
  static int onInvalidHeader(nghttp2_session*, Frame frame, const uint8_t* name, size_t name_bytes,
                             const uint8_t* value, size_t value_bytes, uint8_t flags, void* self);
  static int onFrame(nghttp2_session*, Frame frame, void* self);
  static int onInvalidFrame(nghttp2_session*, Frame frame, int error, void* self);
  static int onData(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t bytes, void* self);
  static int onClose(nghttp2_session*, int32_t id, uint32_t code, void* self);
  static int onSend(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t length,
                    nghttp2_data_source* source, void* self);
  static int onFrameSent(nghttp2_session*, Frame frame, void* self);

  static int onHead(H2Session& session, H2Stream& stream, Frame frame);
  static void takeRequestField(H2Stream& stream, std::string_view name, std::string_view value, H2Session& session);
  static void takeResponseField(H2Stream& stream, std::string_view name, std::string_view value, H2Session& session);
  friend ssize_t readOutgoing(nghttp2_session*, int32_t, uint8_t*, size_t, uint32_t*, nghttp2_data_source*, void*);
  static ssize_t outgoingOf(nghttp2_session*, int32_t id, size_t most, uint32_t* flags, void* self);
  static H2Stream* streamOf(H2Session& session, int32_t id);
};

// The one source of every stream's DATA: what its H2Stream is being given to send.
ssize_t readOutgoing(nghttp2_session*, int32_t id, uint8_t* into, size_t most, uint32_t* flags,
                     nghttp2_data_source* source, void* self);

}  // namespace remora::http
