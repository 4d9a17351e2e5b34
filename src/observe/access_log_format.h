// The access log's line, compiled once from the configuration and then written from an ExchangeRecord into the caller's
// memory: JSON with chosen fields, or a text template. Immutable after compiling: shared by all cores. Never does I/O,
// never allocates while writing. Whatever a client sends, a line stays one line (and valid JSON).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "observe/exchange_record.h"
#include "observe/line_writer.h"

namespace remora::observe {

// Every name that a field list or a template may use; docs/observability.md says what each holds.
std::span<const std::string_view> accessLogFieldNames();

class AccessLogFormat {
 public:
  // JSON objects of the default fields, the last of which only where there is something to say (TLS, gRPC), or of
  // `fields` in that order when there are any. The error is a sentence.
  static std::expected<AccessLogFormat, std::string> json(std::span<const std::string> fields);
  // `text` with each %{name} replaced and %% for a percent. Values between double quotes keep their blanks; elsewhere a
  // blank inside a value becomes \u0020, so that a client can't add words to the line. Empty values become "-".
  static std::expected<AccessLogFormat, std::string> text(std::string_view text);

  // One line with its '\n' at the start of `out`; returns its length, or 0 when `out` is smaller than maxLine().
  // Bytes of `out` behind the line may have been written as well.
  size_t write(const ExchangeRecord& record, std::span<char> out) const;

  // No line is longer. Long values are cut (docs/observability.md lists the limits) and marked "...(+N)".
  size_t maxLine() const { return max_line_; }

 private:
  enum class Style : uint8_t { kJson, kText };
  // One piece of the line: constant text, then a field.
  struct Piece {
    uint32_t constant_offset = 0;  // in constants_
    uint32_t constant_size = 0;
    uint8_t field = 0;  // index into the table of fields
    Escaping escaping = Escaping::kQuoted;
    bool is_optional = false;  // nothing of it is written while its field is empty
  };

  AccessLogFormat() = default;
  void add(std::string_view constant, uint8_t field, Escaping escaping);
  void finish(std::string_view tail);

  Style style_ = Style::kJson;
  std::vector<Piece> pieces_;
  std::string constants_;  // ends in kPadding bytes that are never part of a line
  uint32_t tail_offset_ = 0;
  uint32_t tail_size_ = 0;
  size_t max_line_ = 0;
};

}  // namespace remora::observe
