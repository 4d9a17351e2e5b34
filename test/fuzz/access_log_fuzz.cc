// Whatever a client or a configuration puts into an exchange's record, its log line is one line, fits its bound, and is
// valid JSON where JSON was asked for; and no template makes the compiler of formats misbehave.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "observe/access_log_format.h"

namespace {

using remora::check;
using remora::observe::AccessLogFormat;
using remora::observe::ExchangeRecord;

// Takes the input apart: numbers from its front, then texts of chosen lengths.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  uint64_t number() {
    uint64_t value = 0;
    for (const char c : take(8)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  std::string_view text() {
    const std::string_view length = take(2);
    size_t size = 0;
    for (const char c : length) size = size << 8 | static_cast<uint8_t>(c);
    return take(size % 3000);
  }

 private:
  std::string_view take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

ExchangeRecord recordOf(Input& input) {
  ExchangeRecord record;
  record.start_wall_nanos = static_cast<int64_t>(input.number() >> 2);
  record.duration = remora::Duration(static_cast<int64_t>(input.number()) >> 2);
  record.upstream = remora::Duration(static_cast<int64_t>(input.number()));
  record.bytes_sent = input.number();
  const uint64_t mixed = input.number();
  record.status = static_cast<uint16_t>(mixed);
  record.detail = static_cast<int32_t>(mixed >> 16);
  record.reason = static_cast<remora::Reason>((mixed >> 48) % static_cast<uint64_t>(remora::Reason::kCount));
  for (uint64_t i = 0; i < (mixed >> 56) % 24; ++i) {
    record.trail.add(static_cast<remora::observe::Outcome>(i), {static_cast<uint32_t>(mixed >> i)},
                     static_cast<uint16_t>(mixed >> i), static_cast<uint32_t>(mixed));
  }
  for (auto field :
       {&ExchangeRecord::user_agent, &ExchangeRecord::target, &ExchangeRecord::host, &ExchangeRecord::method,
        &ExchangeRecord::referer, &ExchangeRecord::path, &ExchangeRecord::request_id, &ExchangeRecord::trace_id,
        &ExchangeRecord::span_id, &ExchangeRecord::listener, &ExchangeRecord::route, &ExchangeRecord::service,
        &ExchangeRecord::endpoint, &ExchangeRecord::remote, &ExchangeRecord::local, &ExchangeRecord::client,
        &ExchangeRecord::scheme}) {
    record.*field = input.text();
  }
  return record;
}

// Exactly the promised memory, so that the sanitizer sees one byte more.
std::string writeLine(const AccessLogFormat& format, const ExchangeRecord& record) {
  const auto memory = std::make_unique<char[]>(format.maxLine());
  const size_t length = format.write(record, {memory.get(), format.maxLine()});
  check(length > 0 && length <= format.maxLine(), "a line fits its bound");
  const std::string line(memory.get(), length);
  const auto forbidden = [](char c) { return static_cast<uint8_t>(c) < 0x20 && c != '\t'; };
  check(line.back() == '\n' && std::ranges::none_of(std::string_view(line).substr(0, length - 1), forbidden),
        "a line is one line without control characters");
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<std::string> kAll(remora::observe::accessLogFieldNames().begin(),
                                             remora::observe::accessLogFieldNames().end());
  static const AccessLogFormat kJson = AccessLogFormat::json(kAll).value();
  static const AccessLogFormat kText =
      AccessLogFormat::text(R"(%{remote} "%{method} %{target}" "%{user_agent}" %{status})").value();
  Input input(data, size);
  const ExchangeRecord record = recordOf(input);
  check(nlohmann::json::accept(writeLine(kJson, record)), "a JSON line is JSON");

  // Outside quotes no value adds a word, and inside none ends the quotes: the words can be counted.
  const std::string line = writeLine(kText, record);
  size_t quotes = 0, words = 1;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      ++quotes;
    } else if (line[i] == ' ' && quotes % 2 == 0) {
      ++words;
    }
  }
  check(quotes == 4 && words == 4, "a value stays where the template put it");

  if (const auto format = AccessLogFormat::text(input.text())) writeLine(*format, record);
  return 0;
}
