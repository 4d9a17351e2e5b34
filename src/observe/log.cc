#include "observe/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "observe/line_writer.h"

namespace remora::observe {
namespace {

constexpr size_t kLongestTopic = 64;
constexpr size_t kLongestMessage = 2048;  // before escaping
constexpr size_t kLongestEscaped = 3600;  // of the message in its line
static_assert(mostEscaped(kLongestEscaped) + mostEscaped(kLongestTopic) + 256 < Log::kLongestLine,
              "a line with its frame and notes fits");

struct Line {
  LogLevel level;
  int64_t wall_nanos;
  std::string_view topic;
  std::string_view message;
  uint32_t left_out;
  bool last;  // the site falls silent after this line
};

void writeText(const Line& line, LineWriter& out) {
  out.timestamp(line.wall_nanos);
  out.put(' ');
  out.put(nameOf(line.level));
  out.put(' ');
  out.escaped(line.topic, Escaping::kWord, kLongestTopic);
  out.put(std::string_view(": "));
  out.escaped(line.message, Escaping::kLoose, kLongestEscaped);
  if (line.left_out > 0) {
    out.put(std::string_view(" (suppressed "));
    out.number(line.left_out);
    out.put(std::string_view(" more like this before)"));
  }
  if (line.last) {
    out.put(std::string_view(" (further lines like this are suppressed for "));
    out.number(Log::kWindowSeconds);
    out.put(std::string_view(" s)"));
  }
  out.put('\n');
}

void writeJson(const Line& line, LineWriter& out) {
  out.put(std::string_view("{\"time\":\""));
  out.timestamp(line.wall_nanos);
  out.put(std::string_view("\",\"level\":\""));
  out.put(nameOf(line.level));
  out.put(std::string_view("\",\"topic\":\""));
  out.escaped(line.topic, Escaping::kQuoted, kLongestTopic);
  out.put(std::string_view("\",\"message\":\""));
  out.escaped(line.message, Escaping::kQuoted, kLongestEscaped);
  out.put('"');
  if (line.left_out > 0) {
    out.put(std::string_view(",\"suppressed\":"));
    out.number(line.left_out);
  }
  if (line.last) {
    out.put(std::string_view(",\"suppressing_seconds\":"));
    out.number(Log::kWindowSeconds);
  }
  out.put(std::string_view("}\n"));
}

}  // namespace

std::string_view nameOf(LogLevel level) {
  static constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level) & 3];
}

std::optional<LogLevel> logLevelNamed(std::string_view name) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (name == nameOf(level)) return level;
  }
  return name == "warn" ? std::optional(LogLevel::kWarning) : std::nullopt;
}

void Log::write(LogLevel level, std::string_view topic, fmt::string_view text, fmt::format_args args) {
  if (!writes(level)) return;
  const int64_t now = wallNanos();
  const Admission admission = admit(text.data(), static_cast<uint32_t>(now / 1'000'000'000));
  if (admission.verdict == Verdict::kSuppress) return;

  std::array<char, kLongestMessage> message;
  size_t length = 0;
  try {
    const auto end = fmt::vformat_to_n(message.data(), message.size(), text, args);
    length = std::min(end.size, message.size());
  } catch (const std::exception&) {
    // A formatter threw, which checked format texts leave to out-of-memory: the bare text still says what happened.
    length = std::string_view(text.data(), text.size()).copy(message.data(), message.size());
  }
  std::array<char, kLongestLine> memory;
  LineWriter out(memory.data());
  const Line line{
      level, now, topic, {message.data(), length}, admission.left_out, admission.verdict == Verdict::kWriteLast};
  if (format_.load(std::memory_order_relaxed) == LogFormat::kJson) {
    writeJson(line, out);
  } else {
    writeText(line, out);
  }
  seams_.write(seams_.sink, out.view());
}

Log::Admission Log::admit(const char* text, uint32_t now_seconds) {
  Site& site = siteOf(text);
  uint64_t seen = site.state.load(std::memory_order_relaxed);
  for (;;) {
    const auto begun = static_cast<uint32_t>(seen >> 32);
    const auto lines = static_cast<uint32_t>(seen);
    // Also true when the clock was set back, so that a site can't stay silent for a year.
    const bool fresh = now_seconds - begun >= kWindowSeconds || lines == 0;
    const uint64_t next = fresh ? uint64_t{now_seconds} << 32 | 1 : lines == UINT32_MAX ? seen : seen + 1;
    if (!site.state.compare_exchange_weak(seen, next, std::memory_order_relaxed)) continue;
    if (fresh) return {Verdict::kWrite, lines > kBurst ? lines - kBurst : 0};
    if (lines + 1 < kBurst) return {Verdict::kWrite, 0};
    if (lines + 1 == kBurst) return {Verdict::kWriteLast, 0};
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return {Verdict::kSuppress, 0};
  }
}

// A format text is a literal, so its address names the call site. The table only grows; should the program ever have
// more sites than it has room for, the last ones share the first one's limit.
Log::Site& Log::siteOf(const char* text) {
  const size_t start = (reinterpret_cast<uintptr_t>(text) * 0x9e3779b97f4a7c15ULL) >> 56;
  for (size_t i = 0; i < sites_.size(); ++i) {
    Site& site = sites_[(start + i) % sites_.size()];
    const char* owner = site.text.load(std::memory_order_relaxed);
    if (owner == text) return site;
    if (owner == nullptr &&
        (site.text.compare_exchange_strong(owner, text, std::memory_order_relaxed) || owner == text)) {
      return site;
    }
  }
  return sites_[start];
}

int64_t Log::wallNanos() const {
  if (seams_.wallNanos != nullptr) return seams_.wallNanos();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace remora::observe
