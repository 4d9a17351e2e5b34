#include "http/grpc_health.h"

#include <array>
#include <optional>

#include "base/check.h"
#include "http/grpc.h"
#include "http/protobuf.h"

namespace remora::http::grpc {

std::string_view nameOf(ServingStatus status) {
  constexpr std::array<std::string_view, 4> kNames{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return status < kNames.size() ? kNames[status] : "a status that isn't known";
}

std::string healthQuestion(std::string_view service) {
  check(service.size() <= kHealthServiceBytesMost, "the configuration bounds the name of a checked service");
  std::string question;
  const size_t begun = beginFrame(question);
  if (!service.empty()) protobuf::addBytes(question, 1, service);
  endFrame(question, begun);
  return question;
}

Result<ServingStatus> parseHealthAnswer(std::string_view body) {
  const std::optional<std::string_view> message = messageOf(body);
  if (!message) return fail(Reason::kBadResponse);
  ServingStatus status = kUnknown;  // what isn't sent is 0
  protobuf::Fields fields(*message);
  while (fields.next()) {
    if (fields.isNumber(1)) status = static_cast<ServingStatus>(fields.number());
  }
  if (fields.isBroken()) return fail(Reason::kBadResponse);
  return status;
}

}  // namespace remora::http::grpc
