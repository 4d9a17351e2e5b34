// readFirstBytes over any bytes: once it has decided, more bytes change nothing; cut anywhere it comes to the same as
// from the whole; what it gives as a server name is a host name in lower case.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/ascii.h"
#include "tls/client_hello.h"

namespace {

using namespace remora;
using tls::FirstBytes;

void require(bool holds) {
  if (!holds) std::abort();
}

// From memory of exactly that size, so that reading past it is found.
FirstBytes readCopy(std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  bytes.copy(copy.get(), bytes.size());
  return tls::readFirstBytes({copy.get(), bytes.size()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const FirstBytes whole = readCopy(bytes);
  for (const char c : whole.server_name) {
    require(c == ascii::lower(c) && (ascii::isAlpha(c) || ascii::isDigit(c) || c == '-' || c == '.' || c == '_'));
  }
  for (const auto& protocol : whole.alpn) require(!protocol.empty() && protocol.size() <= 255);
  if (!whole.isDecided()) require(size < tls::kClientHelloMost);
  // Every cut of a short input, some of a long one.
  const size_t step = std::max<size_t>(1, size / 64);
  for (size_t cut = 0; cut < size; cut += step) {
    const FirstBytes part = readCopy(bytes.substr(0, cut));
    if (part.isDecided()) {
      require(part == whole);
    } else if (part.kind != FirstBytes::Kind::kNeedMore) {
      require(part.kind == whole.kind);
    }
  }
  return 0;
}
