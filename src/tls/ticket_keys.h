// The keys that session tickets are sealed with: shared by all cores and by the contexts of all generations, so that a
// reload costs no full handshakes. A key seals for one lifetime and opens for one more; then it is wiped. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "base/deadline.h"
#include "loop/clock.h"

namespace remora::tls {

struct TicketKey {
  static constexpr size_t kNameBytes = 16;

  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey();

  std::array<uint8_t, kNameBytes> name{};  // travels with the ticket, in the clear
  std::array<uint8_t, 32> cipher{};        // AES-256-CBC
  std::array<uint8_t, 32> mac{};           // HMAC-SHA256
  Instant made;
};

class TicketKeys {
 public:
  // The clock must outlive it.
  TicketKeys(Duration lifetime, const loop::Clock& clock);
  explicit TicketKeys(Duration lifetime);  // by the system's clock

  Duration lifetime() const { return lifetime_; }
  // The key to seal a new ticket with.
  TicketKey forSealing();
  struct Opening {
    TicketKey key;
    bool is_old;  // the session should get a new ticket
  };
  // The key with that name, unless it is too old.
  std::optional<Opening> forOpening(std::span<const uint8_t, TicketKey::kNameBytes> name);

 private:
  void rotate();  // with the lock

  const Duration lifetime_;
  const loop::Clock& clock_;
  std::mutex lock_;
  TicketKey current_;
  TicketKey previous_;
  bool has_previous_ = false;
};

// The keys by their lifetime, for as long as the process lives. Any thread.
class TicketKeyStore {
 public:
  std::shared_ptr<TicketKeys> of(Duration lifetime);

 private:
  std::mutex lock_;
  std::map<int64_t, std::shared_ptr<TicketKeys>> keys_;
};

}  // namespace remora::tls
