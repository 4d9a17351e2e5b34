// RawRequest -> Request and RawResponse -> Response: the framing is unambiguous, the target is understood, the path
// is normalised. What isn't clear is refused, never repaired (RFC 9110, RFC 9112). Pure; any thread.
#pragma once

#include <span>

#include "base/result.h"
#include "http/message.h"
#include "http/path.h"

namespace remora::http {

struct RequestPolicy {
  PathPolicy path;
  uint32_t host_bytes = 255;
};

// `storage` holds what can't be a view of the received bytes: the lower-case host name and a path that had to be
// changed. It must be at least as large as the target and the host together, and outlive the Request.
Result<Request> validateRequest(const RawRequest& raw, const RequestPolicy& policy, std::span<char> storage);

// `method` is that of the request which it answers: a response to HEAD has no body.
Result<Response> validateResponse(const RawResponse& raw, Method method);

// The same for what came over HTTP/2, where framing is the stream's: the fields that belong to a connection are refused
// (RFC 9113 section 8.2.2), and an extended CONNECT for a WebSocket is an upgrade (RFC 8441). The syntax of
// pseudo-header fields, names and values was checked when the head was read.
Result<Request> validateH2Request(const RawRequest& raw, const RequestPolicy& policy, std::span<char> storage);
Result<Response> validateH2Response(const RawResponse& raw, Method method);

// Whether a trailer field of this name may be passed on: never one that frames, routes or authenticates
// (RFC 9110 section 6.5.1).
bool mayBeTrailer(const Field& field);

}  // namespace remora::http
