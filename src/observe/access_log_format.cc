#include "observe/access_log_format.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/reasons.h"

namespace remora::observe {
namespace {

// clang-format off: a line a group
enum class Field : uint8_t {
  // The default set, in its order.
  kTime, kDirection, kListener, kMethod, kHost, kPath, kProtocol, kStatus, kReason, kBytesReceived, kBytesSent,
  kDurationUs, kUpstreamUs, kRemote, kRoute, kService, kEndpoint, kAttempts, kRequestId, kTraceId, kUserAgent,
  // In the default set too, where there is something to say.
  kTlsVersion, kTlsCipher, kTlsGroup, kServerName, kPeer, kUpstreamProtocol, kUpstreamTlsVersion, kUpstreamPeer,
  kGrpcStatus, kGrpcMessage,
  // By name only. kPath and kTarget are the same: the first is what people look for, the second says what it is.
  kClient, kLocal, kScheme, kTarget, kNormalizedPath, kReferer, kSpanId, kGeneration, kDetail, kReused, kUpgraded,
  kFlags, kTrail, kStart,
  kCount,
};
// clang-format on
constexpr auto kFieldCount = static_cast<size_t>(Field::kCount);
constexpr auto kDefaultCount = static_cast<size_t>(Field::kClient);
constexpr auto kOptionalFrom = static_cast<size_t>(Field::kTlsVersion);

enum class Kind : uint8_t { kString, kLiteral };  // kLiteral: a JSON number or boolean

struct FieldRow {
  Field field;
  std::string_view name;  // an API: add, never rename
  Kind kind;
  size_t limit;                                       // longest escaped value in bytes, before the cut mark
  std::string_view ExchangeRecord::* text = nullptr;  // of those that are a text of the record, escaped as it goes out
};

// Limits are generous for what people send, and small enough that a line of the default fields fits 7 KiB: an attacker
// must not be able to fill the log's buffers with few requests.
constexpr size_t kNumber = kLongestNumber;
constexpr size_t kTrailLimit = Trail::kCapacity * 48;  // "no_route_matched#4294967295/65535@4294967295," is 45 bytes
// clang-format off: one row a line keeps the table readable as a table
constexpr std::array kRows = {
  FieldRow{Field::kTime, "time", Kind::kString, kTimestampLength},
  FieldRow{Field::kDirection, "direction", Kind::kString, 8},
  FieldRow{Field::kListener, "listener", Kind::kString, 256, &ExchangeRecord::listener},
  FieldRow{Field::kMethod, "method", Kind::kString, 32, &ExchangeRecord::method},
  FieldRow{Field::kHost, "host", Kind::kString, 256, &ExchangeRecord::host},
  FieldRow{Field::kPath, "path", Kind::kString, 2048, &ExchangeRecord::target},
  FieldRow{Field::kProtocol, "protocol", Kind::kString, 8},
  FieldRow{Field::kStatus, "status", Kind::kLiteral, kNumber},
  FieldRow{Field::kReason, "reason", Kind::kString, 64},
  FieldRow{Field::kBytesReceived, "bytes_received", Kind::kLiteral, kNumber},
  FieldRow{Field::kBytesSent, "bytes_sent", Kind::kLiteral, kNumber},
  FieldRow{Field::kDurationUs, "duration_us", Kind::kLiteral, kNumber},
  FieldRow{Field::kUpstreamUs, "upstream_us", Kind::kLiteral, kNumber},
  FieldRow{Field::kRemote, "remote", Kind::kString, 128, &ExchangeRecord::remote},
  FieldRow{Field::kRoute, "route", Kind::kString, 256, &ExchangeRecord::route},
  FieldRow{Field::kService, "service", Kind::kString, 256, &ExchangeRecord::service},
  FieldRow{Field::kEndpoint, "endpoint", Kind::kString, 128, &ExchangeRecord::endpoint},
  FieldRow{Field::kAttempts, "attempts", Kind::kLiteral, kNumber},
  FieldRow{Field::kRequestId, "request_id", Kind::kString, 128, &ExchangeRecord::request_id},
  FieldRow{Field::kTraceId, "trace_id", Kind::kString, 32, &ExchangeRecord::trace_id},
  FieldRow{Field::kUserAgent, "user_agent", Kind::kString, 512, &ExchangeRecord::user_agent},
  FieldRow{Field::kTlsVersion, "tls_version", Kind::kString, 8, &ExchangeRecord::tls_version},
  FieldRow{Field::kTlsCipher, "tls_cipher", Kind::kString, 40, &ExchangeRecord::tls_cipher},
  FieldRow{Field::kTlsGroup, "tls_group", Kind::kString, 24, &ExchangeRecord::tls_group},
  FieldRow{Field::kServerName, "server_name", Kind::kString, 256, &ExchangeRecord::server_name},
  FieldRow{Field::kPeer, "peer", Kind::kString, 256, &ExchangeRecord::peer},
  FieldRow{Field::kUpstreamProtocol, "upstream_protocol", Kind::kString, 8, &ExchangeRecord::upstream_protocol},
  FieldRow{Field::kUpstreamTlsVersion, "upstream_tls_version", Kind::kString, 8, &ExchangeRecord::upstream_tls_version},
  FieldRow{Field::kUpstreamPeer, "upstream_peer", Kind::kString, 256, &ExchangeRecord::upstream_peer},
  FieldRow{Field::kGrpcStatus, "grpc_status", Kind::kString, 20, &ExchangeRecord::grpc_status},
  FieldRow{Field::kGrpcMessage, "grpc_message", Kind::kString, 256, &ExchangeRecord::grpc_message},
  FieldRow{Field::kClient, "client", Kind::kString, 128, &ExchangeRecord::client},
  FieldRow{Field::kLocal, "local", Kind::kString, 128, &ExchangeRecord::local},
  FieldRow{Field::kScheme, "scheme", Kind::kString, 32, &ExchangeRecord::scheme},
  FieldRow{Field::kTarget, "target", Kind::kString, 2048, &ExchangeRecord::target},
  FieldRow{Field::kNormalizedPath, "normalized_path", Kind::kString, 2048, &ExchangeRecord::path},
  FieldRow{Field::kReferer, "referer", Kind::kString, 1024, &ExchangeRecord::referer},
  FieldRow{Field::kSpanId, "span_id", Kind::kString, 32, &ExchangeRecord::span_id},
  FieldRow{Field::kGeneration, "generation", Kind::kLiteral, kNumber},
  FieldRow{Field::kDetail, "detail", Kind::kLiteral, kNumber},
  FieldRow{Field::kReused, "reused", Kind::kLiteral, 8},
  FieldRow{Field::kUpgraded, "upgraded", Kind::kLiteral, 8},
  FieldRow{Field::kFlags, "flags", Kind::kString, 16},
  FieldRow{Field::kTrail, "trail", Kind::kString, kTrailLimit},
  FieldRow{Field::kStart, "start", Kind::kString, kTimestampLength},
};
// clang-format on

consteval bool rowsAreInOrder() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].field != static_cast<Field>(i)) return false;
  }
  return kRows.size() == kFieldCount;
}
consteval bool textsAreStrings() {
  for (const FieldRow& row : kRows) {
    if (row.text && row.kind != Kind::kString) return false;
  }
  return true;
}
// An optional field is left out as `","name":"value`: between two strings, without a look at its neighbours.
consteval bool optionalOnesStandBetweenStrings() {
  for (size_t i = kOptionalFrom - 1; i < kDefaultCount; ++i) {
    if (!kRows[i].text) return false;
  }
  return true;
}
static_assert(optionalOnesStandBetweenStrings());
static_assert(textsAreStrings(), "a text is quoted in JSON");
static_assert(rowsAreInOrder(), "each field has exactly one row, in the order of the enum");

constexpr auto kNames = [] {
  std::array<std::string_view, kFieldCount> names;
  for (size_t i = 0; i < kFieldCount; ++i) names[i] = kRows[i].name;
  return names;
}();

constexpr const FieldRow& rowOf(Field field) {
  return kRows[static_cast<size_t>(field)];
}

constexpr size_t mostOf(Field field) {
  return mostEscaped(rowOf(field).limit);
}

std::optional<Field> fieldNamed(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Field>(found - kNames.begin());
}

std::string unknownField(std::string_view name) {
  std::string text = "'";
  text.append(name).append("' isn't a field of the access log; the fields are ");
  for (size_t i = 0; i < kFieldCount; ++i) text.append(i == 0 ? "" : ", ").append(kNames[i]);
  return text;
}

bool hasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

std::string_view protocolOf(const ExchangeRecord& record) {
  if (record.http_major == 2) return "HTTP/2";
  if (record.http_major == 0) return "TCP";
  return record.http_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

// "host_matched@4,route_matched#12/3@5": outcome, #rule when there is one, /argument when it isn't 0, @microseconds.
void putTrail(const Trail& trail, LineWriter& out) {
  bool first = true;
  for (const TrailEntry& entry : trail.entries()) {
    if (!first) out.put(',');
    first = false;
    out.put(nameOf(entry.outcome));
    if (entry.rule().number != 0) {
      out.put('#');
      out.number(entry.rule().number);
    }
    if (entry.argument != 0) {
      out.put('/');
      out.number(entry.argument);
    }
    out.put('@');
    out.number(entry.micros);
  }
}

int64_t micros(Duration span) {
  return span.count() / 1000;
}

// What isn't a text of the record.
void putComputed(Field field, const ExchangeRecord& record, LineWriter& out) {
  switch (field) {
    // The end of the exchange, so that lines of one core are in the order of their times; `start` is the beginning.
    case Field::kTime:
      return out.timestamp(record.start_wall_nanos + record.duration.count());
    case Field::kStart:
      return out.timestamp(record.start_wall_nanos);
    case Field::kDirection:
      return out.put(record.inbound ? std::string_view("inbound") : "outbound");
    case Field::kProtocol:
      return out.put(protocolOf(record));
    case Field::kReason:
      return out.put(tokenOf(record.reason));
    case Field::kFlags:
      return out.put(remora::rowOf(record.reason).flag);
    case Field::kStatus:
      return out.number(record.status);
    case Field::kBytesReceived:
      return out.number(record.bytes_received);
    case Field::kBytesSent:
      return out.number(record.bytes_sent);
    case Field::kDurationUs:
      return out.number(micros(record.duration));
    case Field::kUpstreamUs:
      return out.number(micros(record.upstream));
    case Field::kAttempts:
      return out.number(static_cast<unsigned>(record.attempts));
    case Field::kGeneration:
      return out.number(record.generation);
    case Field::kDetail:
      return out.number(record.detail);
    case Field::kReused:
      return out.put(record.reused ? std::string_view("true") : "false");
    case Field::kUpgraded:
      return out.put(record.upgraded ? std::string_view("true") : "false");
    case Field::kTrail:
      return putTrail(record.trail, out);
    default:
      return;
  }
}

}  // namespace

std::span<const std::string_view> accessLogFieldNames() {
  return kNames;
}

std::expected<AccessLogFormat, std::string> AccessLogFormat::json(std::span<const std::string> fields) {
  std::vector<Field> chosen;
  for (const std::string& name : fields) {
    const std::optional<Field> field = fieldNamed(name);
    if (!field) return std::unexpected(unknownField(name));
    if (std::ranges::find(chosen, *field) != chosen.end()) {
      return std::unexpected("'" + name + "' is listed twice; a JSON object has each field once");
    }
    chosen.push_back(*field);
  }
  const bool is_default = fields.empty();
  for (size_t i = 0; is_default && i < kDefaultCount; ++i) chosen.push_back(static_cast<Field>(i));

  AccessLogFormat format;
  format.style_ = Style::kJson;
  std::string constant = "{";
  for (const Field field : chosen) {
    const std::string_view quote = rowOf(field).kind == Kind::kString ? "\"" : "";
    constant.append("\"").append(rowOf(field).name).append("\":").append(quote);
    format.add(constant, static_cast<uint8_t>(field), Escaping::kQuoted);
    format.pieces_.back().is_optional = is_default && static_cast<size_t>(field) >= kOptionalFrom;
    constant.assign(quote).append(",");
  }
  constant.back() = '}';
  format.finish(constant);
  return format;
}

std::expected<AccessLogFormat, std::string> AccessLogFormat::text(std::string_view text) {
  if (hasControl(text)) {
    return std::unexpected("the template holds a line break or another control character; each exchange is one line");
  }
  AccessLogFormat format;
  format.style_ = Style::kText;
  std::string constant;
  bool quoted = false;
  while (!text.empty()) {
    if (text.front() != '%') {
      if (text.front() == '"') quoted = !quoted;
      constant += text.front();
      text.remove_prefix(1);
    } else if (text.starts_with("%%")) {
      constant += '%';
      text.remove_prefix(2);
    } else {
      const size_t end = text.find('}');
      if (!text.starts_with("%{") || end == std::string_view::npos) {
        return std::unexpected("a '%' begins a field such as %{status}; write %% for a percent sign");
      }
      const std::string_view name = text.substr(2, end - 2);
      const std::optional<Field> field = fieldNamed(name);
      if (!field) return std::unexpected(unknownField(name));
      format.add(constant, static_cast<uint8_t>(*field), quoted ? Escaping::kQuoted : Escaping::kWord);
      constant.clear();
      text.remove_prefix(end + 1);
    }
  }
  format.finish(constant);
  return format;
}

void AccessLogFormat::add(std::string_view constant, uint8_t field, Escaping escaping) {
  pieces_.push_back(
      {static_cast<uint32_t>(constants_.size()), static_cast<uint32_t>(constant.size()), field, escaping});
  constants_.append(constant);
  max_line_ += constant.size() + mostOf(static_cast<Field>(field));
}

void AccessLogFormat::finish(std::string_view tail) {
  tail_offset_ = static_cast<uint32_t>(constants_.size());
  tail_size_ = static_cast<uint32_t>(tail.size() + 1);
  constants_.append(tail).append("\n").append(kPadding, '\0');
  max_line_ += tail_size_ + kPadding;
}

size_t AccessLogFormat::write(const ExchangeRecord& record, std::span<char> out) const {
  if (out.size() < max_line_) return 0;
  const char* const constants = constants_.data();
  LineWriter line(out.data());
  for (const Piece& piece : pieces_) {
    if (piece.is_optional && (record.*kRows[piece.field].text).empty()) continue;
    line.putPadded(constants + piece.constant_offset, piece.constant_size);
    const size_t before = line.size();
    const FieldRow& row = kRows[piece.field];
    if (row.text) {
      line.escaped(record.*row.text, piece.escaping, row.limit);
    } else {
      putComputed(row.field, record, line);
    }
    if (line.size() == before && style_ == Style::kText) line.put('-');
  }
  line.putPadded(constants + tail_offset_, tail_size_);
  return line.size();
}

}  // namespace remora::observe
