#include "proxy/head_writer.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace remora::proxy {
namespace {

bool isUpper(char c) {
  return c >= 'A' && c <= 'Z';
}

// What a table shared by the exchanges of a connection would give away, to whoever may try values on it. Long cookies
// can't be guessed at one length a try, and are worth the table (RFC 7541 section 7.1.3).
bool isSecret(const http::Field& field) {
  constexpr size_t kGuessable = 20;
  if (field.id == http::HeaderId::kAuthorization) return true;
  return field.id == http::HeaderId::kCookie && field.value.size() < kGuessable;
}

}  // namespace

void HeadWriter::statusLine(uint16_t status, std::string_view phrase) {
  const std::array<char, 3> digits = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                                      static_cast<char>('0' + status % 10)};
  if (fields_) {
    open(":status");
    put({digits.data(), digits.size()});
    return close();
  }
  put("HTTP/1.1 ");
  put({digits.data(), digits.size()});
  put(" ");
  put(phrase);
  put("\r\n");
}

void HeadWriter::field(const http::Field& received) {
  field(received.name, received.value);
  if (fields_ && isSecret(received)) fields_->back().is_secret = true;
}

void HeadWriter::listField(std::string_view name, std::string_view value) {
  if (copies_ || std::ranges::any_of(name, isUpper)) {
    char* const lowered = at_;
    put(name);
    if (overflowed_) return;
    std::transform(lowered, at_, lowered, ascii::lower);
    name = {lowered, name.size()};
  }
  fields_->push_back({name, value});
}

}  // namespace remora::proxy
