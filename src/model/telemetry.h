// What is recorded and where it goes, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/listener.h"
#include "model/origin.h"

namespace remora::model {

struct AccessLog {
  enum class Sink : uint8_t { kNone, kStdout, kFile, kSyslogUnix, kSyslogUdp };
  enum class Format : uint8_t { kJson, kText };
  Origin origin;
  Sink sink = Sink::kNone;
  std::string path;       // kFile, kSyslogUnix
  SocketAddress address;  // kSyslogUdp
  Format format = Format::kJson;
  std::string text;                 // template with %{field}; only for kText
  std::vector<std::string> fields;  // kJson: names in order; empty: the default set
  Bytes buffer = 64_KiB;            // a core's buffer; at least one line
  Milliseconds flush{1'000};        // longest that a line waits in the buffer
  Bytes queue = 4_MiB;              // bytes waiting for a slow sink before lines are dropped and counted

  bool operator==(const AccessLog&) const = default;
};

struct ProcessLog {
  enum class Level : uint8_t { kDebug, kInfo, kWarning, kError };
  Level level = Level::kInfo;
  bool json = false;

  bool operator==(const ProcessLog&) const = default;
};

struct Telemetry {
  AccessLog access_log;
  ProcessLog log;
  uint32_t recent = 64;  // exchanges kept a core for /recent; 0: none

  bool operator==(const Telemetry&) const = default;
};

}  // namespace remora::model
