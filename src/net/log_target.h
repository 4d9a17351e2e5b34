// One place that log lines go to: a descriptor, a file that can be reopened, or syslog. Used by a LogSink's writer
// thread alone; apart from opening nothing here waits, unless a disk does.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "model/telemetry.h"

namespace remora::net {

// Whole lines were looked at from the start; `consumed` bytes of them are done, written or lost.
struct LogWritten {
  size_t consumed = 0;
  size_t lost_lines = 0;  // of the consumed: lines that this target can never take
  int error = 0;          // errno; 0 with nothing consumed: wait until descriptor() takes more
};

enum class Reopened { kSamePlace, kNewPlace, kFailed };

class LogTarget {
 public:
  virtual ~LogTarget() = default;
  // Writes what goes without waiting, at least one line or part of one.
  virtual LogWritten write(std::string_view lines) = 0;
  // What to poll for POLLOUT; -1 when there is nothing open.
  virtual int descriptor() const = 0;
  // Opens the place anew: a file that was renamed, a syslog daemon that was restarted. On failure the old one stays.
  virtual Reopened reopen(int& error) = 0;
  // False: trying again is no use, the lines are lost.
  virtual bool mayRecover(int error) const = 0;
  virtual std::string name() const = 0;  // for sentences: "stdout", "the file /var/log/x"
};

// The descriptor itself, never closed: for stdout, so that whoever holds the other end keeps it.
std::unique_ptr<LogTarget> descriptorTarget(int fd);
// What the configuration names. The error is a sentence.
std::expected<std::unique_ptr<LogTarget>, std::string> openLogTarget(const model::AccessLog& log);

}  // namespace remora::net
