#pragma once
#include "http/validate.h"
namespace remora::http {
inline Result<Request> validateH2Request(const RawRequest& r, const RequestPolicy& p, std::span<char> s) {
  return validateRequest(r, p, s);
}
inline Result<Response> validateH2Response(const RawResponse& r, Method m) {
  return validateResponse(r, m);
}
}  // namespace remora::http
