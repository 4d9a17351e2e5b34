// What is wrong with a configuration, in the words of the person who wrote it: where, what, what was expected, and the
// nearest valid spelling. Plain data; never an exception, never a stack trace.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/origin.h"

namespace remora::control {

struct ConfigError {
  model::Origin where;
  std::string problem;     // "unknown key 'mach'"
  std::string expected;    // "one of name, match, to"; empty when the problem says it all
  std::string suggestion;  // a complete valid spelling ("match"), or a sentence that starts with a small letter and
                           // ends the line ("'app' belongs to inbound"); empty when nothing is near

  bool operator==(const ConfigError&) const = default;
};

// "shop.yaml:41:7: inbound[0].routes[3].mach: unknown key 'mach'; expected one of name, match; did you mean 'match'?"
std::string describe(const ConfigError& error);

struct LoadedConfig {
  model::Config config;               // only to be used when there are no errors
  std::vector<ConfigError> errors;    // every one that was found, in the order of the file; empty: valid
  std::vector<ConfigError> warnings;  // valid, but hardly what was meant
};

// The text as a suggestion, if it could be typed as it is: short, visible ASCII without blanks. Else empty: what was
// made from a wrong text is not always right.
std::string spelling(std::string text);

// The text between single quotes, cut to a readable length and without bytes that could upset a terminal or a log.
std::string quoted(std::string_view text);

}  // namespace remora::control
