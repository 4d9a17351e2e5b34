#include "tls/client_hello.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace remora::tls {
namespace {

using Kind = FirstBytes::Kind;
using Hello = FirstBytes::Hello;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHello = 1;
constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;

// Takes fields off the front of `rest`; once one was too long for it, everything it gives is empty.
class Fields {
 public:
  explicit Fields(std::string_view rest) : rest_(rest) {}

  size_t number(size_t bytes) {
    size_t value = 0;
    for (const char c : take(bytes)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  std::string_view take(size_t bytes) {
    if (bytes > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  // A field with its length in `bytes` bytes before it.
  std::string_view counted(size_t bytes) {
    const size_t length = number(bytes);
    return take(length);
  }
  bool isEmpty() const { return rest_.empty(); }
  bool isGood() const { return is_good_; }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

bool isHostName(std::string_view name) {
  constexpr size_t kNameMost = 253;  // RFC 1035 section 2.3.4, as text
  if (name.empty() || name.size() > kNameMost || name.front() == '.' || name.back() == '.') return false;
  return std::ranges::all_of(
      name, [](char c) { return ascii::isAlpha(c) || ascii::isDigit(c) || c == '-' || c == '.' || c == '_'; });
}

// RFC 6066 section 3. Names of another kind are passed over.
bool readServerName(std::string_view extension, FirstBytes& into) {
  Fields fields(extension);
  Fields names(fields.counted(2));
  while (names.isGood() && !names.isEmpty()) {
    const bool is_host = names.number(1) == 0;
    const std::string_view name = names.counted(2);
    if (!names.isGood() || !is_host) continue;
    if (!isHostName(name) || !into.server_name.empty()) return false;
    into.server_name = ascii::toLower(name);
  }
  return fields.isGood() && names.isGood() && fields.isEmpty();
}

// RFC 7301 section 3.1.
bool readProtocols(std::string_view extension, FirstBytes& into) {
  Fields fields(extension);
  Fields names(fields.counted(2));
  while (names.isGood() && !names.isEmpty()) {
    const std::string_view name = names.counted(1);
    if (name.empty()) return false;
    into.alpn.emplace_back(name);
  }
  return fields.isGood() && names.isGood() && fields.isEmpty();
}

bool readExtensions(std::string_view text, FirstBytes& into) {
  constexpr size_t kServerName = 0;
  constexpr size_t kProtocols = 16;
  bool has_name = false;
  bool has_protocols = false;
  Fields extensions(text);
  while (extensions.isGood() && !extensions.isEmpty()) {
    const size_t kind = extensions.number(2);
    const std::string_view body = extensions.counted(2);
    if (!extensions.isGood()) return false;
    // RFC 8446 section 4.2: at most one of a kind.
    if (kind == kServerName && (std::exchange(has_name, true) || !readServerName(body, into))) return false;
    if (kind == kProtocols && (std::exchange(has_protocols, true) || !readProtocols(body, into))) return false;
  }
  return extensions.isGood();
}

bool readHello(std::string_view message, FirstBytes& into) {
  Fields fields(message);
  fields.take(2 + 32);                                   // version and random
  fields.counted(1);                                     // session
  fields.counted(2);                                     // ciphers
  fields.counted(1);                                     // compression
  if (fields.isGood() && fields.isEmpty()) return true;  // TLS 1.2 may have no extensions
  const std::string_view extensions = fields.counted(2);
  return fields.isGood() && fields.isEmpty() && readExtensions(extensions, into);
}

// The message out of its records: all that has arrived of it. Nothing when they aren't handshake records.
struct Gathered {
  std::string message;
  bool is_good = true;
  bool needs_more = false;
};

Gathered gather(std::string_view bytes) {
  Gathered gathered;
  while (true) {
    std::string& message = gathered.message;
    if (message.size() >= kMessageHeader) {
      const size_t length = Fields(std::string_view(message).substr(1, 3)).number(3);
      gathered.is_good = message[0] == kClientHello && kMessageHeader + length + kRecordHeader <= kClientHelloMost;
      if (!gathered.is_good || message.size() >= kMessageHeader + length) {
        message.resize(std::min(message.size(), kMessageHeader + length));
        return gathered;
      }
    }
    if (bytes.size() < kRecordHeader) {
      gathered.needs_more = true;
      // What there is of a header must look like one.
      gathered.is_good = bytes.empty() || static_cast<uint8_t>(bytes[0]) == kHandshakeRecord;
      return gathered;
    }
    const size_t length = Fields(bytes.substr(3, 2)).number(2);
    // RFC 8446 section 5.1: no empty ones of this kind.
    gathered.is_good = static_cast<uint8_t>(bytes[0]) == kHandshakeRecord && bytes[1] == 3 && length > 0 &&
                       kRecordHeader + length <= kClientHelloMost;
    if (!gathered.is_good) return gathered;
    const std::string_view body = bytes.substr(kRecordHeader, length);
    message += body;
    bytes.remove_prefix(kRecordHeader + body.size());
  }
}

Kind kindOf(std::string_view bytes) {
  if (bytes.empty()) return Kind::kNeedMore;
  if (static_cast<uint8_t>(bytes[0]) == kHandshakeRecord) {
    if (bytes.size() < 2) return Kind::kNeedMore;
    return bytes[1] == 3 ? Kind::kTls : Kind::kOther;
  }
  const size_t common = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, common) != kPreface.substr(0, common)) return Kind::kOther;
  return common == kPreface.size() ? Kind::kHttp2Preface : Kind::kNeedMore;
}

}  // namespace

FirstBytes readFirstBytes(std::string_view bytes) {
  FirstBytes first;
  first.kind = kindOf(bytes);
  if (first.kind != Kind::kTls) return first;
  // More than the bound is never looked at, so that it says the same however much there is.
  const Gathered gathered = gather(bytes.substr(0, kClientHelloMost));
  if (gathered.is_good && gathered.needs_more) {
    if (bytes.size() >= kClientHelloMost) first.hello = Hello::kMalformed;
    return first;
  }
  const bool is_read = gathered.is_good && readHello(std::string_view(gathered.message).substr(kMessageHeader), first);
  if (!is_read) {
    first = {};
    first.kind = Kind::kTls;
    first.hello = Hello::kMalformed;
    return first;
  }
  first.hello = Hello::kComplete;
  return first;
}

}  // namespace remora::tls
