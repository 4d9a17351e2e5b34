// validateRequest over every head that the parser takes, with no byte more storage than it asks for: what it lets
// through has one meaning only. What is said twice (host, framing, target) agrees.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/h1_parser.h"
#include "http/validate.h"

namespace {

using namespace remora;
using http::Field;
using http::Framing;
using http::HeaderId;
using http::Method;

void require(bool holds) {
  if (!holds) std::abort();
}

size_t countOf(const http::Headers& headers, HeaderId id) {
  return static_cast<size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const Field& field) { return field.id == id; }));
}

void checkFraming(const http::RawRequest& raw, const http::Request& request) {
  const size_t lengths = countOf(raw.headers, HeaderId::kContentLength);
  const size_t codings = countOf(raw.headers, HeaderId::kTransferEncoding);
  require(lengths + codings <= 1);
  switch (request.body.framing) {
    case Framing::kNone:
      require(lengths + codings == 0);
      break;
    case Framing::kLength: {
      const std::string_view text = raw.headers.valueOf(HeaderId::kContentLength);
      require(!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos);
      require(std::strtoull(std::string(text).c_str(), nullptr, 10) == request.body.length);
      break;
    }
    case Framing::kChunked:
      require(raw.minor == 1 && ascii::equalsIgnoreCase(raw.headers.valueOf(HeaderId::kTransferEncoding), "chunked"));
      break;
    case Framing::kUntilClose:
    case Framing::kStream:
      require(false);
  }
}

void checkHost(const http::RawRequest& raw, const http::Request& request) {
  require(countOf(raw.headers, HeaderId::kHost) <= 1);
  const Field* const host = raw.headers.find(HeaderId::kHost);
  require(host || raw.minor == 0);
  if (host) require(ascii::equalsIgnoreCase(host->value, request.host));
  require(request.host.find_first_of("@/\\?#\" \t,<>") == std::string_view::npos);
  for (const char c : request.hostname) require(c == ascii::lower(c) && static_cast<uint8_t>(c) > ' ' && c < 0x7f);
  require(request.hostname.size() <= request.host.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  http::H1RequestParser parser({.head_bytes = 4096, .header_count = 30, .target_bytes = 1024});
  const Result<size_t> end = parser.feed(bytes);
  if (!end || *end == 0) return 0;
  const http::RawRequest& raw = parser.request();
  const size_t needed = raw.target.size() + raw.headers.valueOf(HeaderId::kHost).size();
  for (const http::Slashes slashes : {http::Slashes::kMerge, http::Slashes::kKeep}) {
    const auto storage = std::make_unique<char[]>(needed);
    const auto request = http::validateRequest(raw, {.path = {slashes}}, {storage.get(), needed});
    if (!request) {
      require(rowOf(request.error().reason).side == Side::kDownstream && rowOf(request.error().reason).status >= 400);
      continue;
    }
    require(request->method != Method::kConnect);
    checkFraming(raw, *request);
    checkHost(raw, *request);
    const bool is_star = request->path == "*";
    require(is_star ? request->method == Method::kOptions : request->path.starts_with('/'));
    require(is_star || request->raw_path.starts_with('/'));
    require(raw.target.ends_with(request->raw_path) || request->raw_path == "/" || is_star);
    require((std::string(request->path) + "/").find("/../") == std::string::npos);
    if (request->expects_continue) require(raw.minor == 1);
    if (!request->upgrade.empty()) {
      require(raw.minor == 1 && !ascii::equalsIgnoreCase(request->upgrade.substr(0, 3), "h2c"));
    }
    if (raw.minor == 0 && request->keep_alive) require(raw.headers.find(HeaderId::kConnection) != nullptr);
  }
  return 0;
}
