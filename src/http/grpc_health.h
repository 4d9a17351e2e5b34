// The standard health protocol of gRPC: grpc.health.v1.Health/Check, its question and its answer. Pure; any thread.
// Source: "GRPC Health Checking Protocol" of the gRPC project, health.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace remora::http::grpc {

inline constexpr std::string_view kHealthPath = "/grpc.health.v1.Health/Check";
inline constexpr size_t kHealthServiceBytesMost = 255;
// Of an answer with its frame; an honest one has 7.
inline constexpr size_t kHealthAnswerBytesMost = 4096;

// HealthCheckResponse.ServingStatus; others may come.
enum ServingStatus : uint32_t { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };
std::string_view nameOf(ServingStatus status);  // "NOT_SERVING"

// The question with its frame. `service` has at most kHealthServiceBytesMost bytes; empty: the whole server.
std::string healthQuestion(std::string_view service);
// Of the whole body of an answer. Fails with kBadResponse where it isn't exactly one such message.
Result<ServingStatus> parseHealthAnswer(std::string_view body);

}  // namespace remora::http::grpc
