#include "control/telemetry_reader.h"

#include <algorithm>
#include <array>

#include "control/addresses.h"
#include "control/suggest.h"

namespace remora::control {

namespace {

using model::AccessLog;

constexpr std::string_view kDestinationExpected =
    "stdout, a path such as /var/log/access.log, syslog:unix:/dev/log, syslog:udp:127.0.0.1:514 or false";

void takeDestination(AccessLog& log, AccessLog destination) {
  log.sink = destination.sink;
  log.path = std::move(destination.path);
  log.address = std::move(destination.address);
}

void readDestination(ConfigReader& reader, const Place& place, std::span<const Form> forms, AccessLog& log) {
  if (place.isFalse()) {
    log.sink = AccessLog::Sink::kNone;
    return;
  }
  std::string text;
  if (!reader.readScalar(place, forms, text)) return;
  if (Spelt<AccessLog> destination = parseLogDestination(text)) {
    takeDestination(log, std::move(*destination));
  } else {
    reader.error(place, destination.error());
  }
}

void checkFieldName(ConfigReader& reader, const Place& place, std::string_view name,
                    const std::vector<std::string_view>& names) {
  if (names.empty() || std::ranges::find(names, name) != names.end()) return;
  std::string expected;
  for (const std::string_view known : names) expected += (expected.empty() ? "one of " : ", ") + std::string(known);
  reader.error(place, "unknown field " + quoted(name), expected, std::string(nearestName(name, names)));
}

// %{field} for a field, %% for a percent sign.
void checkTemplate(ConfigReader& reader, const Place& place, std::string_view text,
                   const std::vector<std::string_view>& names) {
  constexpr std::string_view kExpected = "%{field} for a field, %% for a percent sign";
  if (text.empty()) reader.error(place, "the template is empty", "one such as \"%{method} %{target} %{status}\"");
  const auto isControl = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(text, isControl)) {
    reader.error(place, "the template contains a line break or another control character",
                 "one line; each request is one line of the log");
  }
  for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%')) {
    text.remove_prefix(at + 1);
    if (text.starts_with('%')) {
      text.remove_prefix(1);
      continue;
    }
    const size_t end = text.find('}');
    if (!text.starts_with('{') || end == std::string_view::npos) {
      reader.error(place, "a '%' in the template begins no field", std::string(kExpected));
      return;
    }
    const std::string_view name = text.substr(1, end - 1);
    if (name.empty()) reader.error(place, "'%{}' in the template names no field", std::string(kExpected));
    checkFieldName(reader, place, name, names);
    text.remove_prefix(end + 1);
  }
}

void readFieldNames(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                    const std::vector<std::string_view>& names, AccessLog& log) {
  for (const Place& item : reader.items(place, forms)) {
    std::string name;
    if (!reader.readScalar(item, forms[0].items, name)) continue;
    checkFieldName(reader, item, name, names);
    if (std::ranges::find(log.fields, name) != log.fields.end()) {
      reader.error(item, "field " + quoted(name) + " is given twice", "each field once");
      continue;
    }
    log.fields.push_back(std::move(name));
  }
}

void readAccessLog(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                   const std::vector<std::string_view>& names, AccessLog& log) {
  log.origin = reader.origin(place);
  if (!place.isMap()) return readDestination(reader, place, forms, log);
  Fields fields(reader, place, kAccessLogSpec);
  if (const auto at = fields.find("to")) {
    readDestination(reader, *at, fields.forms("to"), log);
  } else if (fields.isOpen() && !fields.has("to")) {
    reader.error(place, "the access log has no destination", std::string(kDestinationExpected), "add to: stdout");
  }
  fields.readWord("format", log.format);
  fields.read("template", log.text);
  fields.read("buffer", log.buffer);
  fields.read("flush", log.flush);
  fields.read("queue", log.queue);
  const std::optional<Place> text = fields.find("template");
  const std::optional<Place> list = fields.find("fields");
  // A template says that the lines are text; only the opposite must be refused.
  if (text && !fields.has("format")) log.format = AccessLog::Format::kText;
  if (text) checkTemplate(reader, *text, log.text, names);
  if (list) readFieldNames(reader, *list, fields.forms("fields"), names, log);
  if (text && log.format == AccessLog::Format::kJson) {
    reader.error(*text, "a template has no effect on JSON lines", "format: text, or 'fields'");
  }
  if (list && log.format == AccessLog::Format::kText) {
    reader.error(*list, "a list of fields has no effect on text lines", "format: json, or 'template'");
  }
  if (!text && log.format == AccessLog::Format::kText) {
    reader.error(place, "format: text needs a template", "template: \"%{remote} %{method} %{target} %{status}\"");
  }
  if (log.queue < log.buffer) {
    reader.error(place, "the queue is smaller than one buffer: every line would be dropped",
                 "a queue of at least " + sizeText(log.buffer));
  }
}

}  // namespace

Spelt<AccessLog> parseLogDestination(std::string_view text) {
  AccessLog log;
  const auto wrong = [&](std::string why, std::string suggestion = {}) {
    return std::unexpected(
        Misspelt{quoted(text) + " " + why, std::string(kDestinationExpected), std::move(suggestion)});
  };
  if (text == "stdout") return log.sink = AccessLog::Sink::kStdout, log;
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    return wrong("contains a control character");
  }
  if (text.starts_with("syslog:unix:")) {
    log.sink = AccessLog::Sink::kSyslogUnix;
    const Spelt<model::SocketAddress> socket = parseListenAddress(text.substr(7), "127.0.0.1");
    if (!socket) return wrong("names no socket", "syslog:unix:/dev/log");
    log.path = socket->host;
    return log;
  }
  if (text.starts_with("syslog:udp:")) {
    log.sink = AccessLog::Sink::kSyslogUdp;
    const Spelt<model::SocketAddress> address = parseListenAddress(text.substr(11), "127.0.0.1");
    if (!address || address->kind != model::SocketAddress::Kind::kIp || address->port == 0) {
      return wrong("names no IP address and port", "syslog:udp:127.0.0.1:514");
    }
    log.address = *address;
    return log;
  }
  if (text.starts_with("syslog")) return wrong("is not a syslog destination", "syslog:unix:/dev/log");
  if (text.starts_with("file:")) return wrong("is written without file:", spelling(std::string(text.substr(5))));
  // A bare word is rather a misspelt stdout than a file in whatever directory remora was started in.
  if (text.find('/') == std::string_view::npos) {
    constexpr std::array<std::string_view, 1> kWords = {"stdout"};
    const std::string_view nearest = nearestName(text, kWords);
    return wrong(
        "is neither a known destination nor a path",
        nearest.empty() ? (text.empty() ? "stdout" : spelling("./" + std::string(text))) : std::string(nearest));
  }
  log.sink = AccessLog::Sink::kFile;
  log.path = std::string(text);
  return log;
}

void readTelemetry(ConfigReader& reader, const Place& place, const std::vector<std::string_view>& field_names,
                   model::Telemetry& telemetry) {
  Fields fields(reader, place, kTelemetrySpec);
  if (!fields.isOpen()) return;
  fields.read("recent", telemetry.recent);
  if (const auto at = fields.find("access_log")) {
    readAccessLog(reader, *at, fields.forms("access_log"), field_names, telemetry.access_log);
  }
  const std::optional<Place> at = fields.find("log");
  if (!at) return;
  Fields log(reader, *at, kLogSpec);
  if (!log.isOpen()) return;
  log.readWord("level", telemetry.log.level);
  if (const std::optional<size_t> format = log.wordIndex("format")) telemetry.log.json = *format == 0;
}

std::optional<Misspelt> refuseAdminAddress(const model::SocketAddress& address) {
  if (isLoopback(address)) return std::nullopt;
  return Misspelt{"whoever reaches " + quoted(model::toText(address)) +
                      " could read the configuration and recent requests, and drain remora",
                  "a loopback address such as 127.0.0.1:9901, or unix:/path",
                  "if that is wanted write admin: { listen: \"" + model::toText(address) + "\", public: true }"};
}

void readAdmin(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Config& config) {
  if (place.isFalse()) return;
  std::optional<Place> at = place;
  std::span<const Form> listen_forms = forms;
  if (place.isMap()) {
    Fields fields(reader, place, kAdminSpec);
    fields.read("public", config.admin_public);
    at = fields.find("listen");
    listen_forms = fields.forms("listen");
  }
  std::string text;
  if (!at || !reader.readScalar(*at, listen_forms, text)) return;
  const Spelt<model::SocketAddress> address = parseListenAddress(text, "127.0.0.1");
  if (!address) return reader.error(*at, address.error());
  config.admin = *address;
  if (config.admin_public) return;
  if (const std::optional<Misspelt> refused = refuseAdminAddress(*address)) reader.error(*at, *refused);
}

}  // namespace remora::control
