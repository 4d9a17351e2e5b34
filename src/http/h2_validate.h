// RawRequest -> Request and RawResponse -> Response for heads that came over HTTP/2 (RFC 9113 sections 8.1 to 8.3 and
// 8.5, RFC 8441). Nothing that HTTP/1 could read differently passes, because it may be forwarded as HTTP/1: each field
// by itself was looked at when it arrived (http/h2_head.h). Pure; any thread.
#pragma once

#include <span>

#include "base/result.h"
#include "http/message.h"
#include "http/validate.h"

namespace remora::http {

// `storage` as for validateRequest. An extended CONNECT for a WebSocket has method kConnect, `upgrade` "websocket" and
// no body: the stream is its tunnel.
Result<Request> validateH2Request(const RawRequest& raw, const RequestPolicy& policy, std::span<char> storage);

// `method` is that of the request which it answers.
Result<Response> validateH2Response(const RawResponse& raw, Method method);

}  // namespace remora::http
