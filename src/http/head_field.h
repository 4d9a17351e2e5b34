// One field of a head that is sent over HTTP/2. Views only: they need to hold until the head was encoded.
#pragma once

#include <string_view>

namespace remora::http {

struct HeadField {
  std::string_view name;  // in lower case; pseudo-header fields come first
  std::string_view value;
  bool is_secret = false;  // never put into HPACK's tables, here or by the peer (RFC 7541 section 7.1.3)
};

}  // namespace remora::http
