// validateH2Request and -Response over any fields: what passes, written as HTTP/1, is read back by the parser of HTTP/1
// as the same message, so that nothing can be smuggled by a change of version.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/h1_parser.h"
#include "http/h2_field.h"
#include "http/h2_head.h"
#include "http/h2_validate.h"

namespace {

using namespace remora;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view cut(std::string_view& bytes) {
  if (bytes.empty()) return {};
  const size_t length = std::min<size_t>(static_cast<uint8_t>(bytes[0]), bytes.size() - 1);
  const std::string_view piece = bytes.substr(1, length);
  bytes.remove_prefix(1 + length);
  return piece;
}

void checkRequest(const http::RawRequest& raw) {
  std::string storage(raw.target.size() + raw.headers.valueOf(http::HeaderId::kHost).size(), '\0');
  const auto request = http::validateH2Request(raw, {}, storage);
  if (!request) {
    require(rowOf(request.error().reason).side == Side::kDownstream && rowOf(request.error().reason).status >= 400);
    return;
  }
  if (request->method == http::Method::kConnect) return require(request->upgrade == "websocket");
  std::string text = std::string(raw.method) + " " + std::string(raw.target) + " HTTP/1.1\r\n";
  for (const http::Field& field : raw.headers) {
    require(std::string_view(field.name.data(), field.line_bytes) ==
            std::string(field.name) + ": " + std::string(field.value) + "\r\n");
    text.append(field.name.data(), field.line_bytes);
  }
  text += "\r\n";
  http::H1RequestParser parser({.head_bytes = 1 << 20, .header_count = 1000, .target_bytes = 1 << 20});
  const auto end = parser.feed(text);
  require(end && *end == text.size());
  require(parser.request().headers.size() == raw.headers.size());
  const auto again = http::validateRequest(parser.request(), {}, storage);
  require(again && again->path.size() == request->path.size());
  const bool announces = again->body.framing == http::Framing::kLength;
  require(again->body.framing != http::Framing::kChunked);
  require(!announces || again->body.length == (raw.has_body ? request->body.length : 0));
}

void checkResponse(const http::RawResponse& raw) {
  const auto response = http::validateH2Response(raw, http::Method::kGet);
  if (!response) return;
  std::string text = "HTTP/1.1 " + std::to_string(raw.status) + " x\r\n";
  for (const http::Field& field : raw.headers) text.append(field.name.data(), field.line_bytes);
  text += "\r\n";
  http::H1ResponseParser parser({.head_bytes = 1 << 20, .header_count = 1000, .target_bytes = 1 << 20});
  const auto end = parser.feed(text);
  require(end && *end == text.size() && parser.response().headers.size() == raw.headers.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const auto flags = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  const bool is_request = flags & 1;
  http::H2Head head;
  using Added = http::H2Head::Added;
  const auto add = [&](std::string_view name, std::string_view value) {
    const std::string_view token = name.starts_with(':') ? name.substr(1) : name;
    return head.add({name, value, http::headerIdOf(name), http::isFieldName(token), http::isFieldValue(value)});
  };
  head.begin(is_request ? http::H2Head::Kind::kRequest : http::H2Head::Kind::kResponse,
             {.bytes = 4096, .fields = 30, .target = 1024});
  if (is_request) {
    add(":scheme", flags & 2 ? "http" : "https");
    add(":authority", "shop");
    if (add(":method", cut(bytes)) != Added::kWell || add(":path", cut(bytes)) != Added::kWell) return 0;
  } else if (add(":status", cut(bytes)) != Added::kWell) {
    return 0;
  }
  while (!bytes.empty()) {
    const std::string_view name = cut(bytes);
    if (add(name, cut(bytes)) != Added::kWell) return 0;
  }
  if (!head.finish(flags & 4 ? http::End::kLast : http::End::kMore) || head.failure()) return 0;
  is_request ? checkRequest(head.request()) : checkResponse(head.response());
  return 0;
}
