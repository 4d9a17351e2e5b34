// One active check of one endpoint: connect, with the service's TLS; ask, in its protocol; and say what came of it in
// words. It always ends within the check's timeout, makes one connection of its own, and keeps of an answer no more
// than a bounded head. Belongs to the loop that its means do.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "loop/task.h"
#include "model/cluster.h"
#include "net/stream.h"
#include "tls/cipher_memory.h"
#include "tls/context.h"
#include "tls/session_cache.h"
#include "upstream/endpoint_set.h"

namespace remora::upstream {

// Of an answer's head, and of what is read of a body so that the application doesn't meet a reset.
inline constexpr size_t kCheckHeadMost = 16 << 10;
inline constexpr size_t kCheckBodyMost = 64 << 10;

struct Finding {
  enum class Kind : uint8_t {
    kWell,
    kIll,
    kNothing,  // the fault was our own, so that it tells nothing of the endpoint
  } kind = Kind::kNothing;
  std::string why;  // a sentence, of what isn't well
};

// What a check needs of its loop; all of it outlives the check.
struct CheckMeans {
  loop::Loop& loop;
  net::Connector& connector;
  tls::CipherMemory& cipher_memory;
  std::span<char> scratch;  // only used within a turn
};

// How a service's endpoints are checked. Immutable: a check that runs goes on with what it began with.
struct CheckSettings {
  model::HealthCheck check;
  model::Protocol protocol = model::Protocol::kAuto;
  model::Http2Options http2;
  std::shared_ptr<const tls::ClientContext> tls;  // null: plaintext
};

// `endpoint` and `sessions` outlive it.
loop::Task<Finding> checkEndpoint(CheckMeans means, std::shared_ptr<const CheckSettings> settings,
                                  const Endpoint& endpoint, tls::SessionCache& sessions);

}  // namespace remora::upstream
