#include "upstream/redis_reply.h"

#include <charconv>
#include <optional>

namespace remora::upstream {
namespace {

using Kind = RedisReply::Kind;

// A line without its end; nothing when it isn't whole. `at` moves behind it.
struct Line {
  Kind state;  // kText: whole
  std::string_view text;
};

Line lineAt(std::string_view bytes, size_t& at) {
  const std::string_view rest = bytes.substr(at);
  const size_t end = rest.substr(0, RedisReply::kMostLine).find('\n');
  if (end == std::string_view::npos) return {rest.size() >= RedisReply::kMostLine ? Kind::kBroken : Kind::kPartial, {}};
  if (end == 0 || rest[end - 1] != '\r') return {Kind::kBroken, {}};
  at += end + 1;
  return {Kind::kText, rest.substr(0, end - 1)};
}

std::optional<int64_t> numberOf(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

RedisReply broken() {
  return {.kind = Kind::kBroken};
}

// The lines of an array, each a number.
RedisReply readNumbers(std::string_view bytes, size_t at, int64_t count) {
  if (count < 1 || count > static_cast<int64_t>(RedisReply::kMostNumbers)) return broken();
  RedisReply reply{.kind = Kind::kNumbers};
  while (reply.count < static_cast<size_t>(count)) {
    const Line line = lineAt(bytes, at);
    if (line.state != Kind::kText) return {.kind = line.state};
    const auto number = line.text.starts_with(':') ? numberOf(line.text.substr(1)) : std::nullopt;
    if (!number) return broken();
    reply.numbers[reply.count++] = *number;
  }
  reply.used = at;
  return reply;
}

}  // namespace

RedisReply readRedisReply(std::string_view bytes) {
  if (!bytes.empty() && std::string_view("+-:*").find(bytes.front()) == std::string_view::npos) return broken();
  size_t at = 0;
  const Line line = lineAt(bytes, at);
  if (line.state != Kind::kText) return {.kind = line.state};
  const char type = line.text.front();
  const std::string_view text = line.text.substr(1);
  if (type == '+') return {.kind = Kind::kText, .used = at, .text = text};
  if (type == '-') return {.kind = Kind::kError, .used = at, .text = text};
  const auto number = numberOf(text);
  if (!number) return broken();
  if (type == '*') return readNumbers(bytes, at, *number);
  return {.kind = Kind::kNumbers, .used = at, .numbers = {*number}, .count = 1};
}

void beginRedisCommand(std::string& out, size_t words) {
  out.append("*").append(std::to_string(words)).append("\r\n");
}

void addRedisWord(std::string& out, std::string_view word) {
  out.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
}

}  // namespace remora::upstream
