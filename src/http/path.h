// The one normalisation of a request path, before anything matches, authorizes or forwards it (docs/path-policy.md):
// rules and application must see the same bytes, and what can't be made unambiguous is refused, never repaired.
// Pure, no allocation, any thread. Never decodes twice, never clamps at the root, never sees the query.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace remora::http {

enum class Slashes : uint8_t {
  kMerge,  // "//" counts as "/"
  kKeep,   // an empty segment is a segment (RFC 3986)
};

struct PathPolicy {
  Slashes slashes = Slashes::kMerge;
};

struct NormalizedPath {
  std::string_view path;           // into the input when that was normal already, else into the scratch
  bool has_encoded_slash = false;  // "%2F" was received: a rule that authorizes by path must refuse it
};

// Normalises `raw_path`, which is the target up to '?', and begins with '/' ("*" is the caller's to handle):
//   resolved  dot segments, also written "%2e" (RFC 3986 section 5.2.4); repeated slashes, as the policy says
//   decoded   escapes of unreserved characters (section 6.2.2.2); the hex of all others is written in upper case
//   kept      "%2F" and every other escape, ';' parameters, and the characters that RFC 3986 would have escaped
//   refused   ".." above the root, NUL also as "%00", '\' also as "%5C", '#', '?', blanks, controls, raw bytes from
//             0x80, malformed escapes, and dot segments in disguise: "..;x" and "a%2F..", which some servers resolve
// A refusal is kBadPath. The result is never longer than the input and normal itself: normalising it again changes
// nothing. `scratch` is touched only when the path must change and should hold raw_path.size() bytes; a path that must
// change and doesn't fit fails with kTargetTooLong. It may be the input's own memory. The result lives as long as both.
Result<NormalizedPath> normalizePath(std::string_view raw_path, PathPolicy policy, std::span<char> scratch);

}  // namespace remora::http
