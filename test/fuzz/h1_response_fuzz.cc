// H1ResponseParser over any bytes: cut anywhere it gives the same, and what it accepts is made of nothing but what
// RFC 9112 allows. Also validateResponse: whatever it lets through has an unambiguous body.
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

constexpr http::HeadLimits kLimits{.head_bytes = 2048, .header_count = 20, .target_bytes = 256};

void require(bool holds) {
  if (!holds) std::abort();
}

void checkValid(const http::RawResponse& raw) {
  for (const http::Method method : {http::Method::kGet, http::Method::kHead}) {
    const Result<http::Response> response = http::validateResponse(raw, method);
    if (!response) {
      require(response.error().reason == Reason::kBadResponse);
      continue;
    }
    require(response->status >= 100 && response->status <= 599);
    const auto count = [&](http::HeaderId id) {
      return std::count_if(raw.headers.begin(), raw.headers.end(), [&](const Field& f) { return f.id == id; });
    };
    const auto lengths = count(http::HeaderId::kContentLength);
    const auto codings = count(http::HeaderId::kTransferEncoding);
    require(lengths + codings <= 1);
    if (response->body.framing == Framing::kLength) {
      require(lengths == 1 && response->body.length <= static_cast<uint64_t>(INT64_MAX));
    }
    if (response->body.framing == Framing::kChunked) require(codings == 1 && raw.minor == 1);
    if (response->body.framing == Framing::kUntilClose) require(lengths + codings == 0 && !response->keep_alive);
    const bool is_bare = method == http::Method::kHead || raw.status < 200 || raw.status == 204 || raw.status == 304;
    require((response->body.framing == Framing::kNone) == is_bare);
  }
}

std::string parse(std::string_view bytes, std::string_view cuts) {
  http::H1ResponseParser parser(kLimits);
  std::unique_ptr<char[]> memory;
  size_t fed = 0;
  for (size_t i = 0; fed < bytes.size(); ++i) {
    const size_t step = cuts.empty() ? bytes.size() : 1 + static_cast<uint8_t>(cuts[i % cuts.size()]) % 64;
    fed = std::min(bytes.size(), fed + step);
    auto moved = std::make_unique<char[]>(fed);
    bytes.copy(moved.get(), fed);
    const Result<size_t> end = parser.feed({moved.get(), fed});
    memory = std::move(moved);
    if (!end) {
      require(end.error().reason == Reason::kBadResponse || end.error().reason == Reason::kResponseTooLarge);
      return end.error().reason == Reason::kResponseTooLarge ? "too large" : "refused";
    }
    if (*end == 0) continue;
    require(*end <= fed && *end <= kLimits.head_bytes);
    require(bytes.substr(0, *end).ends_with("\r\n\r\n"));
    const http::RawResponse& raw = parser.response();
    std::string text = std::to_string(raw.status) + " " + std::string(raw.phrase) + " " + std::to_string(raw.minor);
    for (const char c : raw.phrase) require(c == '\t' || (static_cast<uint8_t>(c) >= ' ' && c != 0x7f));
    require(raw.headers.size() <= kLimits.header_count);
    for (const Field& field : raw.headers) {
      for (const char c : field.name) require(ascii::isTokenChar(c));
      for (const char c : field.value) require(c == '\t' || (static_cast<uint8_t>(c) >= ' ' && c != 0x7f));
      text += "\n" + std::string(field.name) + ":" + std::string(field.value);
    }
    checkValid(raw);
    return text + "\n" + std::to_string(*end);
  }
  return "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view cuts = bytes.substr(0, std::min<size_t>(4, size));
  for (const std::string_view text : {bytes, bytes.substr(cuts.size())}) {
    const std::string whole = parse(text, {});
    for (const std::string_view how : {cuts.empty() ? std::string_view("\7", 1) : cuts, std::string_view("\0", 1)}) {
      const std::string cut = parse(text, how);
      // Past a limit, how much was seen when it was noticed decides what is complained about first.
      require(whole == cut || cut == "too large" || whole == "too large");
    }
  }
  return 0;
}
