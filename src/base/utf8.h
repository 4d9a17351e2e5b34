// UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace remora::utf8 {

// Bytes of the well-formed sequence at the front; 0 when there is none.
size_t sequenceLength(std::string_view text);
bool isWellFormed(std::string_view text);

}  // namespace remora::utf8
