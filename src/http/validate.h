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

// Steps that both versions share. Host and authority: one, valid, and the same wherever they are said twice (RFC 9112
// section 3.2); `authority` is that of an absolute-form target.
Result<void> validateHost(Request& request, const Field* host, std::string_view authority, const RequestPolicy& policy,
                          std::span<char>& storage);
// raw_path -> path and query.
Result<void> normalizeTarget(Request& request, const RequestPolicy& policy, std::span<char>& storage);
Result<void> validateExpect(Request& request, const Field& expect);
// The value of Content-Length: digits, once.
Result<uint64_t> parseLength(const Headers& headers, const Field& length);

// Whether a trailer field of this name may be passed on: never one that frames, routes or authenticates
// (RFC 9110 section 6.5.1).
bool mayBeTrailer(const Field& field);

}  // namespace remora::http
