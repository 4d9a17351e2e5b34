// The heads that go on: what RFC 9110 section 7.6.1 says must not be passed on is dropped, what a proxy adds is
// added; everything else keeps its case and order. Pure; writes only into the HeadWriter.
#pragma once

#include <string_view>

#include "http/message.h"
#include "model/listener.h"
#include "model/routes.h"
#include "net/address.h"
#include "observe/trace_context.h"
#include "proxy/head_writer.h"

namespace remora::proxy {

// Texts but peer_ip, peer_port_ip and grpc_timeout must hold until the head is sent, where `out` only lists them.
struct RequestForwarding {
  const model::HttpOptions& options;
  const model::HeaderChanges& changes;
  model::Direction direction;
  std::string_view scheme;         // of the connection to the endpoint; HTTP/2 sends it
  std::string_view target;         // as route/rewrite.h gave it
  std::string_view host;           // the Host to send
  std::string_view peer_ip;        // text of the downstream address; empty when it is not to be appended
  std::string_view peer_port_ip;   // as Forwarded writes it: quoted and bracketed for IPv6
  std::string_view request_id;     // to send; empty: none
  std::string_view traceparent;    // to send; empty: leave trace headers as they are
  std::string_view websocket_key;  // to send to an HTTP/1 endpoint for a client that has none, over HTTP/2
  std::string_view grpc_timeout;   // to send; empty: as it was received
  int64_t deadline_millis = 0;     // to send in options.deadline_header; 0: none
  bool keep_tracestate = true;     // the received traceparent was valid
};

// How a body that came like `came` is framed on its way on. kUntilClose stays only towards HTTP/1.0.
enum class Towards : uint8_t { kHttp10, kHttp11, kHttp2 };
http::BodyPlan planFor(Towards to, const http::BodyPlan& came);

// The request head, HTTP/1.1 or HTTP/2 as `out` was made.
void writeRequestHead(const http::Request& request, const RequestForwarding& how, HeadWriter& out);

struct ResponseForwarding {
  const model::HttpOptions& options;
  const model::HeaderChanges& changes;
  http::BodyPlan body;  // towards the client, see planFor()
  enum class Connection : uint8_t { kSilent, kClose, kKeepAlive, kUpgrade } connection = Connection::kSilent;
  std::string_view upgrade;           // of kUpgrade: the protocol
  std::string_view websocket_accept;  // to send instead of what was received; empty: nothing, over HTTP/2
  std::string_view set_cookie;        // to add; empty: none
  bool has_body = true;               // false: framing fields of the response describe what is not sent (HEAD, 304)
};

void writeResponseHead(const http::Response& response, const ResponseForwarding& how, HeadWriter& out);

// A 1xx that is passed on as it is, without hop-by-hop fields.
void writeInterimHead(const http::Response& response, HeadWriter& out);

// What the Connection fields of a message name (RFC 9110 section 7.6.1: all of them count).
class Nominations {
 public:
  explicit Nominations(const http::Headers& headers);
  bool has(const http::Field& field) const;

 private:
  const http::Headers& headers_;
  bool any_ = false;  // more than "close" and "keep-alive", which name no field
};

// Whether the field goes from hop to hop only, by itself or because it is nominated. Framing, Host and what a proxy
// adds can't be nominated away.
bool isHopByHop(const http::Field& field, const Nominations& nominated);

// "x_forwarded_for" and the like: an application that maps '_' to '-' would take them for the real ones.
bool aliasesForwardingField(std::string_view name);

}  // namespace remora::proxy
