// Listeners as plain data: where connections are accepted, and by which chain each is served. The shape is the one
// that meshes need (DESIGN section 2a); the YAML front end fills a single default chain.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/deadline.h"
#include "model/labels.h"
#include "model/origin.h"

namespace remora::model {

struct SocketAddress {
  enum class Kind : uint8_t { kIp, kUnix, kDns, kSrv };
  Kind kind = Kind::kIp;
  std::string host;   // textual IPv4 or IPv6 without brackets; path of a Unix socket ('@' first: abstract); DNS name
  uint16_t port = 0;  // 0 for Unix sockets and SRV records; for a listener 0 means "any free port"

  bool operator==(const SocketAddress&) const = default;
};

std::string toText(
    const SocketAddress& address);  // "127.0.0.1:80", "[::1]:80", "unix:/run/app.sock", "dns:name:80", "srv://name"

enum class Direction : uint8_t { kInbound, kOutbound };

// What a FIN from the client means while its answer isn't complete.
enum class ClientFin : uint8_t {
  kCancel,  // the client is gone: cancel the attempt (HTTP/1.0 and "Connection: close" are answered all the same)
  kAnswer,  // the client only half-closed: answer it
};

// Which protocols a chain takes. HTTP/1 and HTTP/2 are told apart by ALPN, or by the first bytes without TLS.
enum class Protocol : uint8_t { kAuto, kHttp1, kHttp2, kTcp };

// HTTP/2 as remora speaks it, and bounds on what a peer controls; for listeners and services alike.
struct Http2Options {
  uint32_t streams = 100;             // a connection at once; of clients, and towards a service that allows more
  Bytes stream_window = 256_KiB;      // unread bytes of a body
  Bytes connection_window = 1_MiB;    // unread bytes of all bodies of a connection
  Bytes unsent = 256_KiB;             // frames that the peer doesn't take; then nothing more is read from it
  uint32_t resets = 100;              // streams reset by the peer, or for its faults, beyond those completed, in 30 s
  uint32_t control_frames = 1000;     // SETTINGS, PING, PRIORITY and empty frames beyond those of live streams, in 30 s
  uint32_t continuations = 8;         // CONTINUATION frames of one head
  Milliseconds ping{0};               // after so long without a frame a PING asks; 0: never
  Milliseconds ping_timeout{10'000};  // without its answer the connection ends

  bool operator==(const Http2Options&) const = default;
};

// Bounds on what a client controls. Every default is documented in docs/configuration.md.
struct Limits {
  Bytes head = 64_KiB;                   // request line and headers together; the same bound holds for responses
  uint32_t header_count = 100;           // fields in a head; also in trailers
  Bytes target = 8_KiB;                  // request target
  Bytes trailers = 8_KiB;                // trailer section
  Bytes chunk_extensions = 4_KiB;        // chunk extensions of one body together
  uint64_t requests_per_connection = 0;  // 0: no limit
  uint32_t connections = 0;              // downstream connections of the process; 0: three quarters of the descriptors
  uint32_t host_bytes = 255;             // Host header

  bool operator==(const Limits&) const = default;
};

struct Timeouts {
  Milliseconds header{10'000};       // from a head's first byte (or accept) to its end
  Milliseconds body_stall{30'000};   // no byte of a request body
  Milliseconds write_stall{30'000};  // no byte of an answer taken by the client
  Milliseconds idle{60'000};         // keep-alive connection without a request

  bool operator==(const Timeouts&) const = default;
};

struct HttpOptions {
  bool edge = false;               // overwrite X-Forwarded-Proto and -Host, drop fields that alias forwarding ones
  uint32_t trusted_hops = 0;       // how many X-Forwarded-For entries from the right remora itself believes
  bool forwarded = false;          // also append to Forwarded (RFC 7239)
  std::optional<std::string> via;  // pseudonym to add to Via; nothing when absent
  bool request_id = true;          // create X-Request-Id when the request has none
  bool trace_context = true;       // create or continue W3C traceparent
  std::string deadline_header;     // lower case: milliseconds that are left, heard and sent on; empty: none
  ClientFin client_fin = ClientFin::kCancel;
  bool merge_slashes = true;  // "//" counts as "/" in paths
  Http2Options http2;
  std::string route_table;  // name of the RouteTable; may arrive later (warming)

  bool operator==(const HttpOptions&) const = default;
};

// Bytes relayed as they are.
struct TcpOptions {
  std::string cluster;
  Subset subset = {};            // of its endpoints
  Milliseconds idle{3'600'000};  // without a byte in either direction; 0: no limit

  bool operator==(const TcpOptions&) const = default;
};

struct ChainMatch {
  uint16_t destination_port = 0;                   // 0: any
  std::vector<std::string> destination_cidrs;      // empty: any
  std::vector<std::string> server_names;           // SNI; empty: any
  std::string transport;                           // "tls", "raw_buffer" or empty for any
  std::vector<std::string> application_protocols;  // ALPN; empty: any
  std::vector<std::string> source_cidrs;           // empty: any

  bool operator==(const ChainMatch&) const = default;
};

struct Chain {
  std::string name;
  ChainMatch match;
  std::string tls;  // name of a TlsServer; empty: plaintext
  Protocol protocol = Protocol::kAuto;
  std::optional<HttpOptions> http;
  std::optional<TcpOptions> tcp;

  bool operator==(const Chain&) const = default;
};

struct Listener {
  Origin origin;
  std::string name;
  Direction direction = Direction::kInbound;
  SocketAddress address;
  bool bind = true;  // false: reached only by hand-off from another listener
  bool use_original_destination = false;
  Milliseconds detection{
      5'000};  // for the first bytes that choose a chain or a protocol; then the default chain serves
  uint32_t backlog = 4096;
  uint32_t unix_mode = 0660;  // permissions of a Unix socket
  Limits limits;
  Timeouts timeouts;
  std::vector<Chain> chains;
  Chain default_chain;  // with neither http nor tcp: connections that no chain takes are closed
};

}  // namespace remora::model
