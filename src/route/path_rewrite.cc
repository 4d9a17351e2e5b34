#include "route/path_rewrite.h"

#include <algorithm>
#include <cstring>

namespace remora::route {
namespace {

bool isForbidden(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte <= ' ' || byte >= 0x7f || c == '#' || c == '\\';
}

bool hasDotSegment(std::string_view path) {
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(std::min(end, path.size()));
  }
  return false;
}

std::optional<std::string> problemOf(const std::string& text, OwnQuery own_query) {
  const std::string path = text.substr(0, text.find('?'));
  if (!path.starts_with('/')) return "the new path '" + text + "' must begin with '/'";
  if (std::ranges::any_of(text, isForbidden)) {
    return "the new path '" + text + "' holds a blank, a control, a byte from 0x80, '#' or '\\': escape it as %XX";
  }
  if (hasDotSegment(path)) return "the new path '" + text + "' holds a dot segment";
  if (path.size() != text.size() && own_query == OwnQuery::kRefused) {
    return "the new path '" + text + "' holds a query, but a rewrite keeps the request's";
  }
  return std::nullopt;
}

}  // namespace

void BoundedText::append(std::string_view text) {
  if (is_full_ || text.size() > memory_.size() - size_) {
    is_full_ = true;
    return;
  }
  // memmove: the text may stand in the memory already, behind what was written.
  if (!text.empty()) std::memmove(memory_.data() + size_, text.data(), text.size());
  size_ += text.size();
}

std::expected<std::optional<PathRewrite>, std::string> PathRewrite::compile(const std::optional<std::string>& path,
                                                                            const std::optional<std::string>& prefix,
                                                                            const std::vector<std::string>& variables,
                                                                            OwnQuery own_query) {
  if (!path && !prefix) return std::optional<PathRewrite>();
  if (path && prefix) return std::unexpected("path and path_prefix exclude each other");
  PathRewrite rewrite;
  if (prefix) {
    // An empty prefix takes the matched one away, as "/" does.
    if (auto problem = problemOf(prefix->empty() ? "/" : *prefix, OwnQuery::kRefused)) return std::unexpected(*problem);
    rewrite.prefix_ = prefix;
    return rewrite;
  }
  if (auto problem = problemOf(*path, own_query)) return std::unexpected(*problem);
  rewrite.has_own_query_ = path->find('?') != std::string::npos;
  if (auto problem = rewrite.compilePieces(*path, variables)) return std::unexpected(*problem);
  return rewrite;
}

std::optional<std::string> PathRewrite::compilePieces(std::string_view path,
                                                      const std::vector<std::string>& variables) {
  while (!path.empty()) {
    const size_t open = std::min(path.find('{'), path.size());
    if (open > 0) pieces_.push_back({std::string(path.substr(0, open))});
    path.remove_prefix(open);
    if (path.empty()) return std::nullopt;
    const size_t close = path.find('}');
    if (close == std::string_view::npos)
      return "'" + std::string(path) + "' in the new path opens a variable without closing it";
    const std::string name(path.substr(1, close - 1));
    const auto variable = std::ranges::find(variables, name);
    if (variable == variables.end()) {
      return "the new path inserts {" + name + "}, but the route's path " +
             (variables.empty() ? "isn't a template with variables" : "has no variable of that name");
    }
    pieces_.push_back({{}, static_cast<int>(variable - variables.begin())});
    path.remove_prefix(close + 1);
  }
  return std::nullopt;
}

Result<void> PathRewrite::write(std::string_view path, const PathCapture& capture, BoundedText& out) const {
  const size_t start = out.written().size();
  if (!path.starts_with('/')) {
    out.append(path);
  } else if (prefix_) {
    const std::string_view rest = path.substr(std::min<size_t>(capture.prefix_length, path.size()));
    std::string_view prefix = *prefix_;
    if (rest.starts_with('/') && prefix.ends_with('/')) prefix.remove_suffix(1);
    out.append(prefix);
    if (!rest.starts_with('/') && (prefix.empty() || (!rest.empty() && !prefix.ends_with('/')))) out.append("/");
    out.append(rest);
  } else {
    for (const Piece& piece : pieces_) {
      out.append(piece.variable < 0 ? std::string_view(piece.literal)
                                    : capture.variables[static_cast<size_t>(piece.variable)]);
    }
  }
  if (out.isFull()) return fail(Reason::kTargetTooLong);
  // What is joined here was never a path before: "/.{x}" with an empty x would be a dot segment.
  const std::string_view written = out.written().substr(start);
  if (std::ranges::any_of(written, isForbidden) || hasDotSegment(written.substr(0, written.find('?')))) {
    return fail(Reason::kBadPath);
  }
  return {};
}

}  // namespace remora::route
