// H1RequestParser over any bytes: cut anywhere it gives the same, what it accepts is made of nothing but what RFC 9112
// allows, and its texts are exactly the bytes received.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/h1_parser.h"

namespace {

using namespace remora;
using http::Field;
using http::H1RequestParser;

constexpr http::HeadLimits kLimits{.head_bytes = 2048, .header_count = 20, .target_bytes = 256};

void require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  bool is_refused = false;
  Reason reason = Reason::kOk;
  std::string text;  // everything that was understood; empty while more is needed

  bool operator==(const Outcome&) const = default;
};

// Feeds `bytes` cut at the lengths that `cuts` gives, each time from other memory of exactly that size.
Outcome parse(std::string_view bytes, std::string_view cuts) {
  H1RequestParser parser(kLimits);
  std::unique_ptr<char[]> memory;
  size_t fed = 0;
  for (size_t i = 0; fed < bytes.size(); ++i) {
    const size_t step = cuts.empty() ? bytes.size() : 1 + static_cast<uint8_t>(cuts[i % cuts.size()]) % 64;
    fed = std::min(bytes.size(), fed + step);
    auto moved = std::make_unique<char[]>(fed);
    bytes.copy(moved.get(), fed);
    const Result<size_t> end = parser.feed({moved.get(), fed});
    memory = std::move(moved);
    if (!end) return {true, end.error().reason, {}};
    if (*end == 0) continue;
    require(*end <= fed && *end <= kLimits.head_bytes);
    const http::RawRequest& raw = parser.request();
    Outcome outcome;
    outcome.text = std::string(raw.method) + " " + std::string(raw.target) + " " + std::to_string(raw.minor);
    for (const Field& field : raw.headers) {
      outcome.text += "\n" + std::string(field.name) + ":" + std::string(field.value);
    }
    outcome.text += "\n" + std::to_string(*end);
    return outcome;
  }
  return {};
}

void checkSound(std::string_view bytes) {
  H1RequestParser parser(kLimits);
  const Result<size_t> end = parser.feed(bytes);
  if (!end || *end == 0) return;
  require(bytes.substr(0, *end).ends_with("\r\n\r\n"));
  const http::RawRequest& raw = parser.request();
  for (const char c : raw.method) require(ascii::isTokenChar(c));
  require(!raw.method.empty() && !raw.target.empty() && raw.target.size() <= kLimits.target_bytes);
  for (const char c : raw.target) require(c > ' ' && c < 0x7f && c != '#');
  require(raw.headers.size() <= kLimits.header_count);
  for (const Field& field : raw.headers) {
    require(!field.name.empty() && field.id == http::headerIdOf(field.name));
    for (const char c : field.name) require(ascii::isTokenChar(c));
    for (const char c : field.value) require(c == '\t' || (static_cast<uint8_t>(c) >= ' ' && c != 0x7f));
    require(field.value == ascii::trim(field.value));
    require(field.name.data() >= bytes.data() && field.value.data() + field.value.size() <= bytes.data() + *end);
  }
  // No line feed that doesn't end a line, no carriage return without one.
  const std::string_view head = bytes.substr(0, *end);
  for (size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n') require(i > 0 && head[i - 1] == '\r');
    if (head[i] == '\r') require(i + 1 < head.size() && head[i + 1] == '\n');
  }
}

// Past a limit, how much was seen when it was noticed decides what is complained about first.
bool isLimit(Reason reason) {
  return reason == Reason::kHeadTooLarge || reason == Reason::kTooManyHeaders || reason == Reason::kTargetTooLong;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view cuts = bytes.substr(0, std::min<size_t>(4, size));
  for (const std::string_view text : {bytes, bytes.substr(cuts.size())}) {
    checkSound(text);
    const Outcome whole = parse(text, {});
    for (const std::string_view how : {cuts, std::string_view("\0", 1)}) {
      const Outcome cut = parse(text, how.empty() ? std::string_view("\7", 1) : how);
      require(whole.is_refused == cut.is_refused || isLimit(whole.reason) || isLimit(cut.reason));
      require(whole.text == cut.text || isLimit(cut.reason));
      require(whole.reason == cut.reason || isLimit(whole.reason) || isLimit(cut.reason));
    }
  }
  return 0;
}
