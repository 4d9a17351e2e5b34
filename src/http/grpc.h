// What gRPC puts into HTTP: its content type, its deadline, its frame, its status. Pure; any thread.
// Source: "gRPC over HTTP2" of the gRPC project (PROTOCOL-HTTP2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "http/headers.h"

namespace remora::http::grpc {

// "application/grpc", alone or with "+proto", ";charset" and the like behind it.
bool isGrpc(const Headers& headers);

// "100m" and the like: at most 8 digits and a unit of n, u, m, S, M or H. Nothing for what is malformed. 0 is a
// deadline that has passed.
std::optional<Duration> parseTimeout(std::string_view text);
// The largest unit that loses nothing that matters, rounded down; "0n" for what has passed.
std::string timeoutText(Duration left);

// Of grpc-status: a decimal number from 0 to 16; nothing for anything else.
std::optional<uint32_t> parseStatus(std::string_view text);

// Whether a message is compressed, and its length.
inline constexpr size_t kFrameBytes = 5;
// Appends a frame whose message is to follow, and says what endFrame() is given once it has.
size_t beginFrame(std::string& out);
void endFrame(std::string& out, size_t begun);
// The message of a body that is exactly one, and not compressed; nothing for any other body.
std::optional<std::string_view> messageOf(std::string_view body);

// Percent-encodes what grpc-message may not hold.
std::string encodeMessage(std::string_view message);

}  // namespace remora::http::grpc
