// What a user says of an endpoint, to choose by it: "version: v2". Plain data.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace remora::model {

using Labels = std::vector<std::pair<std::string, std::string>>;  // by name, each once

// "track=stable,version=v2"
std::string toText(const Labels& labels);

// Every one of `wanted` is among them, with the same value.
bool hasAll(const Labels& labels, const Labels& wanted);

// The endpoints of a service that a route may use.
struct Subset {
  Labels labels;            // all of them; empty: every endpoint
  bool falls_back = false;  // to every endpoint, when none has them

  bool operator==(const Subset&) const = default;
};

}  // namespace remora::model
