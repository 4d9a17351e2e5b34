#include "admin/words.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace remora::admin {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::tm utc(int64_t wall_nanos) {
  const time_t seconds = wall_nanos / kSecond;
  std::tm time{};
  gmtime_r(&seconds, &time);
  return time;
}

}  // namespace

std::string isoTime(int64_t wall_nanos) {
  const std::tm time = utc(wall_nanos);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", time.tm_year + 1900, time.tm_mon + 1, time.tm_mday,
                     time.tm_hour, time.tm_min, time.tm_sec, wall_nanos % kSecond / 1'000'000);
}

std::string httpDate(int64_t wall_nanos) {
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm time = utc(wall_nanos);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[static_cast<size_t>(time.tm_wday)], time.tm_mday,
                     kMonths[static_cast<size_t>(time.tm_mon)], time.tm_year + 1900, time.tm_hour, time.tm_min,
                     time.tm_sec);
}

std::string measuredText(Duration span) {
  const auto nanos = static_cast<double>(span.count());
  if (nanos < 1e6) return fmt::format("{:.0f}us", nanos / 1e3);
  if (nanos < 1e9) return fmt::format("{:.3g}ms", nanos / 1e6);
  // %g would turn to exponents past 999.
  return nanos < 1e11 ? fmt::format("{:.3g}s", nanos / 1e9) : fmt::format("{:.0f}s", nanos / 1e9);
}

std::string limitText(Milliseconds limit) {
  if (limit.count() == 0) return "none";
  if (limit.count() % 1000 == 0) return fmt::format("{}s", limit.count() / 1000);
  return fmt::format("{}ms", limit.count());
}

std::string shown(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

std::string_view nameOf(model::Balance balance) {
  switch (balance) {
    case model::Balance::kRoundRobin:
      return "round_robin";
    case model::Balance::kLeastRequest:
      return "least_request";
    case model::Balance::kRandom:
      return "random";
    case model::Balance::kPeakEwma:
      return "peak_ewma";
    case model::Balance::kRingHash:
      return "ring_hash";
    case model::Balance::kMaglev:
      return "maglev";
  }
  return "unknown";
}

std::string_view nameOf(model::Direction direction) {
  return direction == model::Direction::kInbound ? "inbound" : "outbound";
}

std::string_view nameOf(route::HostKind kind) {
  switch (kind) {
    case route::HostKind::kExact:
      return "exact";
    case route::HostKind::kSuffix:
      return "by suffix";
    case route::HostKind::kAny:
      return "any host";
    case route::HostKind::kNone:
      break;
  }
  return "none";
}

}  // namespace remora::admin
