// Any bytes as the answer of a gRPC health service: never past their end, and what is read is what was framed.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/grpc_health.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace remora;
  // In memory of exactly this size, so that the sanitizer sees a step too far.
  const std::string body(reinterpret_cast<const char*>(data), size);
  const Result<http::grpc::ServingStatus> status = http::grpc::parseHealthAnswer(body);
  if (!status) return 0;
  // Exactly one message: a byte more or less is none.
  if (http::grpc::parseHealthAnswer(body + '\0')) std::abort();
  if (size > 0 && http::grpc::parseHealthAnswer(std::string_view(body).substr(0, size - 1))) std::abort();
  // A status that is said again, last, is the status.
  if (size < 200) {
    std::string again = body + "\x08\x01";
    again[4] = static_cast<char>(again[4] + 2);
    if (static_cast<uint8_t>(body[4]) < 250 && http::grpc::parseHealthAnswer(again) != http::grpc::kServing)
      std::abort();
  }
  return 0;
}
