#include "http/grpc_health.h"

#include <array>
#include <optional>

#include "base/check.h"

namespace remora::http::grpc {
namespace {

constexpr size_t kFrameBytes = 5;  // compressed or not, and the length

// Protocol buffers: 7 bits a byte, the lowest first. Nothing for what is cut or longer than 64 bits.
std::optional<uint64_t> takeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return std::nullopt;
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    bytes.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

// A field that nobody here knows.
bool skipField(uint64_t wire_type, std::string_view& bytes) {
  uint64_t length = 0;
  switch (wire_type) {
    case 0:
      return takeVarint(bytes).has_value();
    case 1:
      length = 8;
      break;
    case 2: {
      const std::optional<uint64_t> announced = takeVarint(bytes);
      if (!announced) return false;
      length = *announced;
      break;
    }
    case 5:
      length = 4;
      break;
    default:
      return false;
  }
  if (length > bytes.size()) return false;
  bytes.remove_prefix(static_cast<size_t>(length));
  return true;
}

std::string bigEndian(size_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

}  // namespace

std::string_view nameOf(ServingStatus status) {
  constexpr std::array<std::string_view, 4> kNames{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return status < kNames.size() ? kNames[status] : "a status that isn't known";
}

std::string healthQuestion(std::string_view service) {
  check(service.size() <= kHealthServiceBytesMost, "the configuration bounds the name of a checked service");
  std::string message;
  if (!service.empty()) {
    message = "\x0a";  // field 1, a text
    if (service.size() >= 0x80) {
      message += static_cast<char>((service.size() & 0x7f) | 0x80);
      message += static_cast<char>(service.size() >> 7);
    } else {
      message += static_cast<char>(service.size());
    }
    message += service;
  }
  return '\0' + bigEndian(message.size()) + message;
}

Result<ServingStatus> parseHealthAnswer(std::string_view body) {
  if (body.size() < kFrameBytes || body[0] != '\0') return fail(Reason::kBadResponse);
  const std::string_view message = body.substr(kFrameBytes);
  if (body.substr(1, 4) != bigEndian(message.size())) return fail(Reason::kBadResponse);
  ServingStatus status = kUnknown;  // what isn't sent is 0
  for (std::string_view rest = message; !rest.empty();) {
    const std::optional<uint64_t> tag = takeVarint(rest);
    if (!tag || *tag >> 3 == 0) return fail(Reason::kBadResponse);
    if (*tag != 8) {  // field 1, a number
      if (!skipField(*tag & 7, rest)) return fail(Reason::kBadResponse);
      continue;
    }
    const std::optional<uint64_t> number = takeVarint(rest);
    if (!number) return fail(Reason::kBadResponse);
    status = static_cast<ServingStatus>(*number);
  }
  return status;
}

}  // namespace remora::http::grpc
