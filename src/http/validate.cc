#include "http/validate.h"

#include <array>
#include <cstring>

namespace remora::http {
namespace {

using Id = HeaderId;

// What both kinds of messages say about their framing and connection.
struct Framers {
  const Field* length;
  const Field* coding;
  uint32_t lengths = 0;  // 2: more than one
  uint32_t codings = 0;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;

  explicit Framers(const Headers& headers)
      : length(headers.find(Id::kContentLength)), coding(headers.find(Id::kTransferEncoding)) {
    lengths = length ? 1 + headers.isRepeated(Id::kContentLength) : 0;
    codings = coding ? 1 + headers.isRepeated(Id::kTransferEncoding) : 0;
    const Field* const connection = headers.find(Id::kConnection);
    if (!connection) return;
    for (const Field& field : headers) {
      if (field.id == Id::kConnection) hear(field.value);
    }
  }

  void hear(std::string_view options) {
    if (ascii::equalsLower(options, "keep-alive")) {  // by far the most frequent
      keep_alive = true;
      return;
    }
    ascii::forEachListMember(options, [this](std::string_view option) {
      close |= ascii::equalsIgnoreCase(option, "close");
      keep_alive |= ascii::equalsIgnoreCase(option, "keep-alive");
      upgrade |= ascii::equalsIgnoreCase(option, "upgrade");
    });
  }
};

// RFC 9112 section 6.3. Everything that two recipients could read differently is a failure.
Result<BodyPlan> planBody(const Framers& framers, uint8_t minor, Framing without) {
  if (framers.codings) {
    // 9112 section 6.1: Transfer-Encoding in HTTP/1.0, or beside Content-Length, is an attempt to desynchronise.
    if (framers.lengths || minor == 0 || framers.codings > 1) return fail(Reason::kBadFraming);
    if (ascii::equalsIgnoreCase(framers.coding->value, "chunked")) return BodyPlan{Framing::kChunked, 0};
    uint32_t members = 0;
    uint32_t chunked = 0;
    bool last_is_chunked = false;
    ascii::forEachListMember(framers.coding->value, [&](std::string_view coding) {
      ++members;
      last_is_chunked = ascii::equalsIgnoreCase(coding, "chunked");
      chunked += last_is_chunked;
    });
    const bool other_codings = last_is_chunked && chunked == 1 && members > 1;
    return fail(other_codings ? Reason::kBadTransferCoding : Reason::kBadFraming);
  }
  if (!framers.lengths) return BodyPlan{without, 0};
  if (framers.lengths > 1) return fail(Reason::kBadFraming);
  const auto length = ascii::parseDecimal(framers.length->value);
  if (!length || *length > INT64_MAX) return fail(Reason::kBadFraming);
  return BodyPlan{Framing::kLength, *length};
}

// RFC 3986 section 3.2.2: unreserved, sub-delims, '%'.
enum HostChar : uint8_t { kHost = 1, kUpper = 2 };
constexpr std::array<uint8_t, 256> kHostChars = [] {
  std::array<uint8_t, 256> classes{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+;=")) {
    classes[static_cast<uint8_t>(c)] = kHost;
  }
  for (char c = 'A'; c <= 'Z'; ++c) classes[static_cast<uint8_t>(c)] = kHost | kUpper;
  return classes;
}();

// The name in an authority without user information, and whether a letter of it is upper case.
bool splitAuthority(std::string_view authority, std::string_view& name, bool& has_upper) {
  size_t name_end = 0;
  uint8_t seen = 0;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (char c : authority.substr(1, close - 1)) {
      if (ascii::hexValue(c) < 0 && c != ':' && c != '.') return false;
      seen |= kHostChars[static_cast<uint8_t>(c)];
    }
    name_end = close + 1;
  } else {
    while (name_end < authority.size()) {
      const uint8_t found = kHostChars[static_cast<uint8_t>(authority[name_end])];
      if (!found) break;
      seen |= found;
      ++name_end;
    }
    if (name_end == 0) return false;
  }
  has_upper = seen & kUpper;
  name = authority.substr(0, name_end);
  if (name_end == authority.size()) return true;
  const std::string_view port = authority.substr(name_end);
  if (port[0] != ':' || port.size() > 6) return false;
  for (char c : port.substr(1)) {
    if (!ascii::isDigit(c)) return false;
  }
  return port.size() == 1 || *ascii::parseDecimal(port.substr(1)) <= 65535;
}

// Cuts `bytes` off the front of the storage.
std::span<char> take(std::span<char>& storage, size_t bytes) {
  const std::span<char> taken = storage.first(bytes);
  storage = storage.subspan(bytes);
  return taken;
}

// Takes the target apart by its form (RFC 9112 section 3.2); returns the authority of an absolute-form.
Result<std::string_view> splitTarget(Request& request) {
  std::string_view target = request.target;
  std::string_view authority;
  request.scheme = "http";
  if (target[0] != '/') {
    if (target == "*") {
      if (request.method != Method::kOptions) return fail(Reason::kBadTarget);
      request.raw_path = request.path = target;
      return authority;
    }
    const size_t scheme_end = target.find("://");
    const std::string_view scheme = target.substr(0, scheme_end);
    if (scheme_end == std::string_view::npos) return fail(Reason::kBadTarget);
    if (ascii::equalsIgnoreCase(scheme, "https")) {
      request.scheme = "https";
    } else if (!ascii::equalsIgnoreCase(scheme, "http")) {
      return fail(Reason::kBadTarget);
    }
    target.remove_prefix(scheme_end + 3);
    authority = target.substr(0, target.find_first_of("/?"));
    if (authority.empty()) return fail(Reason::kBadTarget);
    target.remove_prefix(authority.size());
    if (target.empty()) target = request.method == Method::kOptions ? "*" : "/";
    if (target[0] == '?') return fail(Reason::kBadTarget);
  }
  request.raw_path = target;
  return authority;
}

// The protocol to upgrade to. h2c is never passed on: a tunnel of it would hide requests (h2c smuggling).
std::string_view upgradeOf(const Request& request, const Framers& framers, const Headers& headers) {
  const Field* const upgrade = headers.find(Id::kUpgrade);
  if (!upgrade || headers.isRepeated(Id::kUpgrade) || !framers.upgrade || request.minor == 0) return {};
  bool is_h2c = false;
  ascii::forEachListMember(upgrade->value, [&](std::string_view protocol) {
    is_h2c |= protocol.size() >= 3 && ascii::equalsIgnoreCase(protocol.substr(0, 3), "h2c");
  });
  return is_h2c ? std::string_view() : upgrade->value;
}

}  // namespace

Result<Request> validateRequest(const RawRequest& raw, const RequestPolicy& policy, std::span<char> storage) {
  Request request;
  request.headers = &raw.headers;
  request.method_text = raw.method;
  request.method = methodOf(raw.method);
  request.target = raw.target;
  request.minor = raw.minor;
  if (request.method == Method::kConnect) return fail(Reason::kConnectMethod);

  const Framers framers(raw.headers);
  const Field* const host = raw.headers.find(Id::kHost);
  const Field* const expect = raw.headers.find(Id::kExpect);
  if (raw.headers.isRepeated(Id::kHost)) return fail(Reason::kBadHost);
  if (raw.headers.isRepeated(Id::kExpect)) return fail(Reason::kBadExpect);
  const Result<BodyPlan> body = planBody(framers, raw.minor, Framing::kNone);
  if (!body) return std::unexpected(body.error());
  request.body = *body;
  request.keep_alive = !framers.close && (raw.minor >= 1 || framers.keep_alive);

  const Result<std::string_view> authority = splitTarget(request);
  if (!authority) return std::unexpected(authority.error());
  if (const auto good = validateHost(request, host, *authority, policy, storage); !good) {
    return std::unexpected(good.error());
  }
  if (const auto good = normalizeTarget(request, policy, storage); !good) return std::unexpected(good.error());
  if (expect) {
    if (const auto good = validateExpect(request, *expect); !good) return std::unexpected(good.error());
  }
  request.upgrade = upgradeOf(request, framers, raw.headers);
  return request;
}

Result<Response> validateResponse(const RawResponse& raw, Method method) {
  Response response;
  response.headers = &raw.headers;
  response.status = raw.status;
  response.minor = raw.minor;
  response.phrase = raw.phrase;
  if (raw.status < 100 || raw.status > 599) return fail(Reason::kBadResponse);
  const Framers framers(raw.headers);
  const Result<BodyPlan> body = planBody(framers, raw.minor, Framing::kUntilClose);
  if (!body) return fail(Reason::kBadResponse);
  response.body = *body;
  response.keep_alive = !framers.close && (raw.minor >= 1 || framers.keep_alive);
  const bool is_interim = raw.status < 200;
  if (is_interim && (framers.codings || (framers.lengths && body->length))) return fail(Reason::kBadResponse);
  if (is_interim || raw.status == 204 || raw.status == 304 || method == Method::kHead) {
    // A 204 that announces a body may well send one: its connection isn't trusted again.
    const bool announces = framers.codings || (framers.lengths && body->length);
    if (raw.status == 204 && announces) response.keep_alive = false;
    response.body = {Framing::kNone, 0};
  } else if (response.body.framing == Framing::kUntilClose) {
    response.keep_alive = false;
  }
  return response;
}

Result<void> validateHost(Request& request, const Field* host, std::string_view authority, const RequestPolicy& policy,
                          std::span<char>& storage) {
  if (!host && (request.minor >= 1 || request.major > 1)) return fail(Reason::kBadHost);
  if (host && !authority.empty() && !ascii::equalsIgnoreCase(host->value, authority)) return fail(Reason::kBadHost);
  request.host = !authority.empty() ? authority : host ? host->value : std::string_view();
  if (request.host.empty()) return host ? Result<void>(fail(Reason::kBadHost)) : Result<void>();
  std::string_view name;
  bool has_upper = false;
  if (request.host.size() > policy.host_bytes || !splitAuthority(request.host, name, has_upper)) {
    return fail(Reason::kBadHost);
  }
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  if (has_upper) {
    const std::span<char> lowered = take(storage, name.size());
    for (size_t i = 0; i < name.size(); ++i) lowered[i] = ascii::lower(name[i]);
    name = {lowered.data(), lowered.size()};
  }
  request.hostname = name;
  return {};
}

Result<void> normalizeTarget(Request& request, const RequestPolicy& policy, std::span<char>& storage) {
  if (request.raw_path == "*") {
    request.path = request.raw_path;
    return {};
  }
  const size_t question = request.raw_path.find('?');
  const std::string_view path = request.raw_path.substr(0, question);
  if (question != std::string_view::npos) request.query = request.raw_path.substr(question + 1);
  const Result<NormalizedPath> normal = normalizePath(path, policy.path, storage);
  if (!normal) return std::unexpected(normal.error());
  request.path = normal->path;
  request.has_encoded_slash = normal->has_encoded_slash;
  if (normal->path.data() == storage.data()) storage = storage.subspan(normal->path.size());
  return {};
}

Result<void> validateExpect(Request& request, const Field& expect) {
  if (request.major == 1 && request.minor == 0) return {};  // RFC 9110 section 10.1.1: ignored in HTTP/1.0
  if (!ascii::equalsIgnoreCase(expect.value, "100-continue")) return fail(Reason::kBadExpect);
  request.expects_continue = true;
  return {};
}

Result<uint64_t> parseLength(const Headers& headers, const Field& length) {
  if (headers.isRepeated(Id::kContentLength)) return fail(Reason::kBadFraming);
  const auto value = ascii::parseDecimal(length.value);
  if (!value || *value > INT64_MAX) return fail(Reason::kBadFraming);
  return *value;
}

bool mayBeTrailer(const Field& field) {
  switch (field.id) {
    case Id::kAuthorization:
    case Id::kConnection:
    case Id::kContentLength:
    case Id::kContentType:
    case Id::kCookie:
    case Id::kExpect:
    case Id::kForwarded:
    case Id::kHost:
    case Id::kHttp2Settings:
    case Id::kKeepAlive:
    case Id::kLocation:
    case Id::kProxyAuthenticate:
    case Id::kProxyAuthorization:
    case Id::kProxyConnection:
    case Id::kTe:
    case Id::kTrailer:
    case Id::kTransferEncoding:
    case Id::kUpgrade:
    case Id::kXForwardedFor:
    case Id::kXForwardedHost:
    case Id::kXForwardedProto:
      return false;
    default:
      return true;
  }
}

}  // namespace remora::http
