// A regular expression that a value must match as a whole: RE2, so linear in the value's length (THREATS 28), over
// bytes, since header values need not be UTF-8. Immutable after compile; any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace remora::route {

// Instructions of one compiled expression. An expression that a person writes needs tens; nested counts
// ("((a{50}){50}){50}") need more, and are refused.
inline constexpr int kMaxRegexProgram = 4'096;
// Memory of one expression with its lazily built automaton; past it RE2 slows down but stays linear.
inline constexpr size_t kMaxRegexMemory = 1 << 20;

class Regex {
 public:
  static std::expected<Regex, std::string> compile(const std::string& text);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // Takes no lock but RE2's own shared one on its cache of automaton states.
  bool matchesWhole(std::string_view value) const;

 private:
  explicit Regex(std::unique_ptr<re2::RE2> program);

  std::unique_ptr<re2::RE2> program_;
};

}  // namespace remora::route
