#include "tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/check.h"

namespace remora::tls {
namespace {

TicketKey freshKey(Instant now) {
  TicketKey key;
  const bool is_random = RAND_bytes(key.name.data(), key.name.size()) == 1 &&
                         RAND_bytes(key.cipher.data(), key.cipher.size()) == 1 &&
                         RAND_bytes(key.mac.data(), key.mac.size()) == 1;
  check(is_random, "the system gives random bytes");
  key.made = now;
  return key;
}

const loop::Clock& systemClock() {
  static const loop::SystemClock clock;
  return clock;
}

}  // namespace

TicketKey::~TicketKey() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

TicketKeys::TicketKeys(Duration lifetime, const loop::Clock& clock)
    : lifetime_(lifetime), clock_(clock), current_(freshKey(clock.now())) {}

TicketKeys::TicketKeys(Duration lifetime) : TicketKeys(lifetime, systemClock()) {}

TicketKey TicketKeys::forSealing() {
  const std::lock_guard guard(lock_);
  rotate();
  return current_;
}

std::optional<TicketKeys::Opening> TicketKeys::forOpening(std::span<const uint8_t, TicketKey::kNameBytes> name) {
  const std::lock_guard guard(lock_);
  rotate();
  if (std::ranges::equal(name, current_.name)) return Opening{current_, false};
  if (has_previous_ && std::ranges::equal(name, previous_.name)) return Opening{previous_, true};
  return std::nullopt;
}

void TicketKeys::rotate() {
  const Instant now = clock_.now();
  const Duration age = now - current_.made;
  if (age >= lifetime_) {
    has_previous_ = age < lifetime_ * 2;
    previous_ = has_previous_ ? current_ : TicketKey{};
    current_ = freshKey(now);
  } else if (has_previous_ && now - previous_.made >= lifetime_ * 2) {
    has_previous_ = false;
    previous_ = TicketKey{};
  }
}

std::shared_ptr<TicketKeys> TicketKeyStore::of(Duration lifetime) {
  const std::lock_guard lock(lock_);
  std::shared_ptr<TicketKeys>& keys = keys_[lifetime.count()];
  if (!keys) keys = std::make_shared<TicketKeys>(lifetime);
  return keys;
}

}  // namespace remora::tls
