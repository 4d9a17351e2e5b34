#include "http/grpc.h"

#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/grpc_status.h"

namespace remora::http::grpc {
namespace {

constexpr size_t kTimeoutDigits = 8;

struct Unit {
  char letter;
  int64_t nanos;
};
constexpr std::array<Unit, 6> kUnits = {
    {{'n', 1}, {'u', 1'000}, {'m', 1'000'000}, {'S', 1'000'000'000}, {'M', 60'000'000'000}, {'H', 3'600'000'000'000}}};

std::optional<uint64_t> parseDigits(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

bool isGrpc(const Headers& headers) {
  constexpr std::string_view kType = "application/grpc";
  const std::string_view type = headers.valueOf(HeaderId::kContentType);
  if (type.size() < kType.size() || !ascii::equalsIgnoreCase(type.substr(0, kType.size()), kType)) return false;
  return type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';' ||
         type[kType.size()] == ' ';
}

std::optional<Duration> parseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kTimeoutDigits + 1) return std::nullopt;
  const std::optional<uint64_t> number = parseDigits(text.substr(0, text.size() - 1));
  if (!number) return std::nullopt;
  for (const Unit& unit : kUnits) {
    // 99,999,999 hours are more nanoseconds than there are in 64 bits: as good as none.
    constexpr uint64_t kMost = INT64_MAX / 2;
    const uint64_t each = static_cast<uint64_t>(unit.nanos);
    if (unit.letter == text.back())
      return Duration(static_cast<int64_t>(*number > kMost / each ? kMost : *number * each));
  }
  return std::nullopt;
}

std::string timeoutText(Duration left) {
  constexpr int64_t kMostDigits = 99'999'999;
  const int64_t nanos = left.count() < 0 ? 0 : left.count();
  for (const Unit& unit : kUnits) {
    if (nanos / unit.nanos <= kMostDigits) return std::to_string(nanos / unit.nanos) + unit.letter;
  }
  return std::to_string(kMostDigits) + "H";
}

std::optional<uint32_t> parseStatus(std::string_view text) {
  if (text.empty() || text.size() > 2) return std::nullopt;
  const std::optional<uint64_t> number = parseDigits(text);
  if (!number || *number >= kGrpcStatuses) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

size_t beginFrame(std::string& out) {
  out.append(kFrameBytes, '\0');
  return out.size();
}

void endFrame(std::string& out, size_t begun) {
  const size_t length = out.size() - begun;
  for (size_t i = 1; i <= 4; ++i) out[begun - i] = static_cast<char>(length >> (8 * (i - 1)));
}

std::optional<std::string_view> messageOf(std::string_view body) {
  if (body.size() < kFrameBytes || body[0] != '\0') return std::nullopt;
  size_t length = 0;
  for (size_t i = 1; i < kFrameBytes; ++i) length = length << 8 | static_cast<uint8_t>(body[i]);
  body.remove_prefix(kFrameBytes);
  return length == body.size() ? std::optional(body) : std::nullopt;
}

std::string encodeMessage(std::string_view message) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : message) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace remora::http::grpc
