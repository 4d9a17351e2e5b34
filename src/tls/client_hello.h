// The first bytes of a connection: is it TLS, and for whom? Reads a ClientHello (RFC 8446 section 4.1.2) whose message
// may be cut over several records, and takes nothing from the library, so that a listener can decide before it makes a
// connection of it. Pure; bounded; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace remora::tls {

struct FirstBytes {
  enum class Kind : uint8_t {
    kNeedMore,      // what there is may still become one of the others
    kTls,           // a handshake record
    kHttp2Preface,  // RFC 9113 section 3.4, whole
    kOther,         // HTTP/1, or anything
  };
  // Of kTls.
  enum class Hello : uint8_t {
    kNeedMore,
    kComplete,
    kMalformed,  // or larger than kClientHelloMost: the library will say so to the peer
  };
  Kind kind = Kind::kNeedMore;
  Hello hello = Hello::kNeedMore;
  std::string server_name;        // SNI, in lower case; empty: none, or no host name
  std::vector<std::string> alpn;  // as offered

  // Nothing that comes later changes what is said here.
  bool isDecided() const { return kind == Kind::kTls ? hello != Hello::kNeedMore : kind != Kind::kNeedMore; }
  bool operator==(const FirstBytes&) const = default;
};

// One record's most, with its header. Hellos have 300 bytes to 2 KiB.
inline constexpr size_t kClientHelloMost = (16 << 10) + 5;

// `bytes` are all those received so far.
FirstBytes readFirstBytes(std::string_view bytes);

}  // namespace remora::tls
