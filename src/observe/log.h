// The process log: what the operator should know about remora itself, one line each, as text or JSON. Any thread may
// write; nothing blocks but the sink. Not for what happens once a request: that is the access log's.
//   log.warn("listener", "accepting on {} failed: {}", address, reason);
#pragma once

#include <fmt/core.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace remora::observe {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

std::string_view nameOf(LogLevel level);                       // "debug", "info", "warning", "error"
std::optional<LogLevel> logLevelNamed(std::string_view name);  // those, and "warn"

enum class LogFormat : uint8_t { kText, kJson };

// Where lines go and what time it is. Both are called from any thread that logs, without a lock held.
struct LogSeams {
  void (*write)(void* sink, std::string_view line);  // one whole line with its '\n', at most Log::kLongestLine bytes
  void* sink = nullptr;
  int64_t (*wallNanos)() = nullptr;  // CLOCK_REALTIME; null: the system's clock
};

class Log {
 public:
  // One write of a line that fits a pipe's atomic size (PIPE_BUF) never mixes with another's.
  static constexpr size_t kLongestLine = 4096;
  // A call site (its format text) may write kBurst lines in kWindowSeconds; then it is silent for the rest of them,
  // says so once, and the first line of a later window carries how many were left out.
  static constexpr uint32_t kBurst = 10;
  static constexpr uint32_t kWindowSeconds = 10;

  Log(LogSeams seams, LogLevel level, LogFormat format) : seams_(seams), level_(level), format_(format) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  template <class... Args>
  void debug(std::string_view topic, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::kDebug, topic, text, fmt::make_format_args(args...));
  }
  template <class... Args>
  void info(std::string_view topic, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::kInfo, topic, text, fmt::make_format_args(args...));
  }
  template <class... Args>
  void warn(std::string_view topic, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::kWarning, topic, text, fmt::make_format_args(args...));
  }
  template <class... Args>
  void error(std::string_view topic, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::kError, topic, text, fmt::make_format_args(args...));
  }

  bool writes(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  LogLevel level() const { return level_.load(std::memory_order_relaxed); }
  void setLevel(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  void setFormat(LogFormat format) { format_.store(format, std::memory_order_relaxed); }
  // Lines kept back by the limit since the start.
  uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  // `state` packs the window's start (seconds, high half) and its number of lines (low half).
  struct Site {
    std::atomic<const char*> text{nullptr};
    std::atomic<uint64_t> state{0};
  };
  enum class Verdict : uint8_t { kWrite, kWriteLast, kSuppress };
  struct Admission {
    Verdict verdict = Verdict::kWrite;
    uint32_t left_out = 0;  // in the window before
  };

  void write(LogLevel level, std::string_view topic, fmt::string_view text, fmt::format_args args);
  Admission admit(const char* text, uint32_t now_seconds);
  Site& siteOf(const char* text);
  int64_t wallNanos() const;

  LogSeams seams_;
  std::atomic<LogLevel> level_;
  std::atomic<LogFormat> format_;
  std::atomic<uint64_t> suppressed_{0};
  std::array<Site, 256> sites_;
};

}  // namespace remora::observe
