#include "tls/transport_bio.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace remora::tls {
namespace {

CipherMemory& memoryOf(BIO* bio) {
  return *static_cast<CipherMemory*>(BIO_get_data(bio));
}

int take(BIO* bio, char* out, int most) {
  BIO_clear_retry_flags(bio);
  std::span<const char>& unread = memoryOf(bio).unread;
  if (unread.empty() || most <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t n = std::min(unread.size(), static_cast<size_t>(most));
  std::memcpy(out, unread.data(), n);
  unread = unread.subspan(n);
  return static_cast<int>(n);
}

int give(BIO* bio, const char* data, int bytes) {
  BIO_clear_retry_flags(bio);
  CipherMemory& memory = memoryOf(bio);
  const std::span<char> free = memory.freeSend();
  if (free.empty() || bytes <= 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  const size_t n = std::min(free.size(), static_cast<size_t>(bytes));
  std::memcpy(free.data(), data, n);
  memory.sealed += n;
  return static_cast<int>(n);
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int make(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

// Never changes once it is made, and the library wants it to outlive every BIO.
const BIO_METHOD* method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cipher memory");
    check(made != nullptr, "the library makes a BIO method");
    BIO_meth_set_read(made, take);
    BIO_meth_set_write(made, give);
    BIO_meth_set_ctrl(made, control);
    BIO_meth_set_create(made, make);
    return made;
  }();
  return kMethod;
}

}  // namespace

void attachMemory(ssl_st& ssl, CipherMemory& memory) {
  BIO* const bio = BIO_new(method());
  check(bio != nullptr, "the library makes a BIO");
  BIO_set_data(bio, &memory);
  SSL_set_bio(&ssl, bio, bio);
}

}  // namespace remora::tls
