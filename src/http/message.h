// Messages by what is known of them. Raw* came out of the parser: syntactically right, nothing more. Request and
// Response were validated: their framing is unambiguous and their target is understood. Views only, see headers.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/reasons.h"
#include "http/headers.h"

namespace remora::http {

enum class Method : uint8_t { kOther, kGet, kHead, kPost, kPut, kDelete, kOptions, kPatch, kTrace, kConnect };

// Of a method's name, in either version.
inline constexpr size_t kMethodBytesMost = 32;

Method methodOf(std::string_view text);  // case-sensitive, RFC 9110 section 9.1
// RFC 9110 section 9.2.2: sending it twice has the effect of sending it once. kOther counts as not idempotent.
bool isIdempotent(Method method);

struct Request;
// The same of a request: by its method, or because whoever sends it says so (Idempotency-Key).
bool isRepeatable(const Request& request);

std::string_view phraseOf(uint16_t status);  // "Not Found"; empty for statuses that remora never sends by itself

// How the end of a body is found. kStream: the transport says, as each HTTP/2 stream does; its trailers come with it.
enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose, kStream };

// Whether what is sent is the last of its message.
enum class End : uint8_t { kMore, kLast };

struct BodyPlan {
  Framing framing = Framing::kNone;
  uint64_t length = 0;           // of kLength; of kStream when it was announced
  bool is_length_known = false;  // of kStream: Content-Length was sent
};

struct RawRequest {
  std::string_view method;
  std::string_view target;
  uint8_t major = 1;
  uint8_t minor = 1;
  // Of HTTP/2 only, where `target` is :path and :authority stands among the headers as Host.
  std::string_view scheme;    // :scheme
  std::string_view protocol;  // :protocol of an extended CONNECT (RFC 8441)
  bool has_body = false;      // the stream goes on after the head
  Headers headers;
};

struct RawResponse {
  uint16_t status = 0;
  uint8_t major = 1;
  uint8_t minor = 1;
  bool has_body = false;    // of HTTP/2: the stream goes on after the head
  std::string_view phrase;  // of HTTP/1
  Headers headers;
};

struct Request {
  const Headers* headers = nullptr;  // of the RawRequest
  std::string_view method_text;
  Method method = Method::kOther;
  std::string_view target;  // as received
  uint8_t major = 1;
  uint8_t minor = 1;
  std::string_view scheme;    // "http" unless an absolute-form target says otherwise
  std::string_view host;      // authority as received, with its port; from an absolute-form target when there is one
  std::string_view hostname;  // lower case without port and trailing dot
  std::string_view path;      // normalised (http/path.h), without the query
  std::string_view raw_path;  // path and query as received: "/a%2Fb?x=1"; "*" for OPTIONS *
  std::string_view query;     // without '?'
  bool has_encoded_slash = false;  // "%2F" in the path: a rule that authorizes by path must refuse it
  BodyPlan body;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string_view upgrade;  // protocol asked for by Upgrade or an extended CONNECT, empty when none
};

struct Response {
  const Headers* headers = nullptr;
  uint16_t status = 0;
  uint8_t major = 1;
  uint8_t minor = 1;
  std::string_view phrase;
  BodyPlan body;
  bool keep_alive = true;  // the connection may carry another exchange
};

}  // namespace remora::http
