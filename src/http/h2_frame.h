// The frames of HTTP/2 (RFC 9113 sections 4, 6 and 7): names, heads, numbers. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora::http {

// RFC 9113 section 7.
enum class H2Error : uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kFlowControl = 3,
  kSettingsTimeout = 4,
  kStreamClosed = 5,
  kFrameSize = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompression = 9,
  kEnhanceYourCalm = 11,
};

// Section 6.
enum class H2Frame : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kReset = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

// Section 6.5.2, and RFC 8441.
enum class H2Setting : uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kMaxHeaderListSize = 6,
  kEnableConnectProtocol = 8,
};

namespace h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr size_t kFrameHeadBytes = 9;
inline constexpr uint32_t kPayloadMost = 16 << 10;  // SETTINGS_MAX_FRAME_SIZE that nobody has changed
inline constexpr uint32_t kFirstWindow = 65'535;    // of a connection, and of a stream before SETTINGS
inline constexpr uint32_t kWindowMost = INT32_MAX;  // section 6.9.1

enum Flags : uint8_t { kEndStream = 0x1, kAck = 0x1, kEndHeaders = 0x4, kPadded = 0x8, kHasPriority = 0x20 };

// Big-endian.
inline uint32_t readNumber(std::string_view bytes, size_t at, size_t count = 4) {
  uint32_t value = 0;
  for (size_t i = at; i < at + count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

inline char* writeNumber(char* at, uint32_t value, size_t count = 4) {
  for (size_t i = count; i > 0; --i) {
    at[i - 1] = static_cast<char>(value);
    value >>= 8;
  }
  return at + count;
}

// Of 31 bits, behind a reserved one.
inline int32_t readId(std::string_view bytes, size_t at) {
  return static_cast<int32_t>(readNumber(bytes, at) & INT32_MAX);
}

struct FrameHead {
  uint32_t length = 0;  // of the payload
  H2Frame type{};
  uint8_t flags = 0;
  int32_t id = 0;

  bool has(Flags flag) const { return flags & flag; }
};

// `bytes` has all of it.
inline FrameHead readFrameHead(std::string_view bytes) {
  return {readNumber(bytes, 0, 3), static_cast<H2Frame>(bytes[3]), static_cast<uint8_t>(bytes[4]), readId(bytes, 5)};
}

inline char* writeFrameHead(char* at, const FrameHead& head) {
  at = writeNumber(at, head.length, 3);
  *at++ = static_cast<char>(head.type);
  *at++ = static_cast<char>(head.flags);
  return writeNumber(at, static_cast<uint32_t>(head.id));
}

}  // namespace h2
}  // namespace remora::http
