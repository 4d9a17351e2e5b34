// A route's new path, compiled: a whole path with variables of its template, or a new prefix. Serves rewrites and
// redirects. Immutable after compile; any thread; writing doesn't allocate.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "route/path_pattern.h"

namespace remora::route {

// Text built in memory of somebody else, never past its end: after the first append that doesn't fit, nothing more is
// written and isFull() stays true.
class BoundedText {
 public:
  explicit BoundedText(std::span<char> memory) : memory_(memory) {}

  void append(std::string_view text);
  bool isFull() const { return is_full_; }
  std::string_view written() const { return {memory_.data(), size_}; }

 private:
  std::span<char> memory_;
  size_t size_ = 0;
  bool is_full_ = false;
};

// Where a new path may hold a query of its own, it replaces that of the request.
enum class OwnQuery : uint8_t { kRefused, kAllowed };

class PathRewrite {
 public:
  // At most one of `path` and `prefix` may be given; nothing comes back when neither is. `variables` are those of the
  // route's template. The error is a sentence for the person who wrote it.
  static std::expected<std::optional<PathRewrite>, std::string> compile(const std::optional<std::string>& path,
                                                                        const std::optional<std::string>& prefix,
                                                                        const std::vector<std::string>& variables,
                                                                        OwnQuery own_query);

  // Appends the new path of `path`, as `capture` of its match says. "/old" -> "/new" with "/old/x" gives "/new/x", and
  // slashes are neither lost nor doubled where the parts meet; "*" stays. kTargetTooLong when it doesn't fit, kBadPath
  // when the result would hold a dot segment, a control, a blank or a byte from 0x80.
  Result<void> write(std::string_view path, const PathCapture& capture, BoundedText& out) const;

  bool hasOwnQuery() const { return has_own_query_; }

 private:
  struct Piece {
    std::string literal;
    int variable = -1;  // index in the capture, or -1 for the literal
  };

  PathRewrite() = default;
  std::optional<std::string> compilePieces(std::string_view path, const std::vector<std::string>& variables);

  std::vector<Piece> pieces_;  // of a whole path
  std::optional<std::string> prefix_;
  bool has_own_query_ = false;
};

}  // namespace remora::route
