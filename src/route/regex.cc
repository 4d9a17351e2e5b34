#include "route/regex.h"

#include <re2/re2.h>

namespace remora::route {

std::expected<Regex, std::string> Regex::compile(const std::string& text) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(static_cast<int64_t>(kMaxRegexMemory));
  auto program = std::make_unique<RE2>(text, options);
  if (!program->ok()) return std::unexpected("the regular expression '" + text + "' is invalid: " + program->error());
  if (program->ProgramSize() > kMaxRegexProgram) {
    return std::unexpected("the regular expression '" + text + "' needs " + std::to_string(program->ProgramSize()) +
                           " instructions, more than " + std::to_string(kMaxRegexProgram) +
                           "; nested repetition counts are the usual cause");
  }
  return Regex(std::move(program));
}

Regex::Regex(std::unique_ptr<re2::RE2> program) : program_(std::move(program)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool Regex::matchesWhole(std::string_view value) const {
  return program_->Match(re2::StringPiece(value.data(), value.size()), 0, value.size(), RE2::ANCHOR_BOTH, nullptr, 0);
}

}  // namespace remora::route
