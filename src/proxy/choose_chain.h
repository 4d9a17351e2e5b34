// Which chain of its listener serves a connection? Pure: the plan and facts in, a choice out.
#pragma once

#include <span>
#include <string>

#include "net/address.h"
#include "snapshot/snapshot.h"
#include "tls/client_hello.h"

namespace remora::proxy {

// What the first bytes of a connection say, as far as they are there.
struct FirstBytes {
  using Kind = tls::FirstBytes::Kind;
  Kind kind = Kind::kNeedMore;
  std::string server_name;   // of a ClientHello, in lower case; empty without one
  bool is_complete = false;  // no byte that may come changes it
};
FirstBytes readFirstBytes(std::span<const char> bytes);

struct ChainFacts {
  net::Peer source;
  net::Peer destination;  // that the client connected to
  FirstBytes first;
};

struct ChainChoice {
  enum class Kind : uint8_t {
    kTcp,   // `chain` relays it
    kHttp,  // no TCP chain takes it, so the default chain's HTTP does
    kNone,  // neither does anything else
    kWait,  // it depends on first bytes that aren't complete
  };
  Kind kind = Kind::kHttp;
  const snapshot::TcpChain* chain = nullptr;
};
// The first chain in order that takes it. A connection waits for first bytes only if everything else about a chain
// fits, so that elsewhere servers may speak first.
ChainChoice chooseTcpChain(const snapshot::ListenerPlan& plan, const ChainFacts& facts);

}  // namespace remora::proxy
