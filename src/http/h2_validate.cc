#include "http/h2_validate.h"

#include <algorithm>

namespace remora::http {
namespace {

using Id = HeaderId;

Result<BodyPlan> planStreamBody(const Headers& headers, bool has_body) {
  BodyPlan plan{.framing = has_body ? Framing::kStream : Framing::kNone};
  const Field* const length = headers.find(Id::kContentLength);
  if (!length) return plan;
  const Result<uint64_t> announced = parseLength(headers, *length);
  if (!announced) return std::unexpected(announced.error());
  plan.length = *announced;
  plan.is_length_known = true;
  return plan;
}

// A stream that ended with its head had room for no byte.
bool isCut(const BodyPlan& plan) {
  return plan.framing == Framing::kNone && plan.length > 0;
}

// RFC 9113 section 8.3.1.
Result<void> validateTarget(Request& request, const RawRequest& raw) {
  if (raw.scheme != "http" && raw.scheme != "https") return fail(Reason::kBadTarget);
  if (raw.target.empty()) return fail(Reason::kBadTarget);
  if (raw.target != "*" && raw.target[0] != '/') return fail(Reason::kBadTarget);
  if (raw.target == "*" && request.method != Method::kOptions) return fail(Reason::kBadTarget);
  // As in a request line: a blank would end it there, and begin a version.
  const auto fits = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (!std::ranges::all_of(raw.target, fits)) return fail(Reason::kBadTarget);
  request.scheme = raw.scheme;
  request.raw_path = raw.target;
  return {};
}

// CONNECT passes only as RFC 8441 extends it, for WebSockets: a plain one would open any port behind us.
Result<void> validateConnect(Request& request, const RawRequest& raw) {
  if (request.method != Method::kConnect) {
    return raw.protocol.empty() ? Result<void>() : fail(Reason::kBadHeader);
  }
  if (raw.protocol != "websocket" || !raw.has_body) return fail(Reason::kConnectMethod);
  if (raw.headers.find(Id::kContentLength)) return fail(Reason::kBadFraming);
  request.upgrade = raw.protocol;
  return {};
}

}  // namespace

Result<Request> validateH2Request(const RawRequest& raw, const RequestPolicy& policy, std::span<char> storage) {
  Request request;
  request.headers = &raw.headers;
  request.method_text = raw.method;
  request.method = methodOf(raw.method);
  request.target = raw.target;
  request.major = raw.major;
  request.minor = raw.minor;
  if (raw.method.empty() || raw.method.size() > kMethodBytesMost ||
      !std::ranges::all_of(raw.method, ascii::isTokenChar))
    return fail(Reason::kBadRequestLine);
  const Field* const expect = raw.headers.find(Id::kExpect);
  if (raw.headers.isRepeated(Id::kHost)) return fail(Reason::kBadHost);
  if (raw.headers.isRepeated(Id::kExpect)) return fail(Reason::kBadExpect);
  if (const auto good = validateConnect(request, raw); !good) return std::unexpected(good.error());
  const Result<BodyPlan> body = planStreamBody(raw.headers, raw.has_body);
  if (!body) return std::unexpected(body.error());
  if (isCut(*body)) return fail(Reason::kBadFraming);
  if (raw.has_body && request.upgrade.empty()) request.body = *body;

  if (const auto good = validateTarget(request, raw); !good) return std::unexpected(good.error());
  if (const auto good = validateHost(request, raw.headers.find(Id::kHost), {}, policy, storage); !good) {
    return std::unexpected(good.error());
  }
  if (const auto good = normalizeTarget(request, policy, storage); !good) return std::unexpected(good.error());
  if (expect) {
    if (const auto good = validateExpect(request, *expect); !good) return std::unexpected(good.error());
  }
  return request;
}

Result<Response> validateH2Response(const RawResponse& raw, Method method) {
  Response response;
  response.headers = &raw.headers;
  response.status = raw.status;
  response.major = raw.major;
  response.minor = raw.minor;
  // Section 8.6: there is no 101 in HTTP/2.
  if (raw.status < 100 || raw.status > 599 || raw.status == 101) return fail(Reason::kBadResponse);
  if (raw.headers.find(Id::kTe)) return fail(Reason::kBadResponse);
  const Result<BodyPlan> body = planStreamBody(raw.headers, raw.has_body);
  if (!body) return fail(Reason::kBadResponse);
  const bool is_interim = raw.status < 200;
  if (is_interim && (!raw.has_body || raw.headers.find(Id::kContentLength))) return fail(Reason::kBadResponse);
  const bool is_tunnel = method == Method::kConnect && raw.status < 300;
  const bool has_none = is_interim || is_tunnel || method == Method::kHead || raw.status == 204 || raw.status == 304;
  if (!has_none) {
    if (isCut(*body)) return fail(Reason::kBadResponse);
    if (raw.has_body) response.body = *body;
  }
  return response;
}

}  // namespace remora::http
