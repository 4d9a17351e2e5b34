// Which listener a hypothetical request would come to. A real one comes to the address it was sent to; here the URL
// must tell. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/snapshot.h"

namespace remora::admin {

struct ListenerQuestion {
  std::string_view name;  // empty: any
  std::optional<model::Direction> direction;
  std::string_view hostname;  // lower case without port; empty when the question names none
  uint16_t port = 0;          // 0: none
};

struct ListenerAnswer {
  const snapshot::ListenerPlan* listener = nullptr;
  std::string why;
};

// In this order: by name; the only one; the one on the URL's port that also names its host; the outbound one whose
// routes name the host (services listen on ports too); the one on the port; the only inbound one. The error is a
// sentence with the names to choose from.
std::expected<ListenerAnswer, std::string> chooseListener(const snapshot::Snapshot& snapshot,
                                                          const ListenerQuestion& question);

}  // namespace remora::admin
