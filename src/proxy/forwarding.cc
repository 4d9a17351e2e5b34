#include "proxy/forwarding.h"

#include <algorithm>
#include <array>

namespace remora::proxy {
namespace {

using http::Field;
using http::Framing;
using Id = http::HeaderId;

// Dropped by the route's changes: removed, or about to be set anew.
bool isChanged(std::string_view field_name, const model::HeaderChanges& changes) {
  const auto same = [&](std::string_view name) { return ascii::equalsIgnoreCase(name, field_name); };
  return std::any_of(changes.remove.begin(), changes.remove.end(), same) ||
         std::any_of(changes.set.begin(), changes.set.end(), [&](const auto& set) { return same(set.first); });
}

void writeChanges(const model::HeaderChanges& changes, HeadWriter& out) {
  for (const auto& [name, value] : changes.set) out.field(name, value);
  for (const auto& [name, value] : changes.add) out.field(name, value);
}

void writeFraming(const http::BodyPlan& body, HeadWriter& out) {
  if (body.framing == Framing::kChunked) {
    out.field("Transfer-Encoding", "chunked");
  } else if (body.framing == Framing::kLength || (body.framing == Framing::kStream && body.is_length_known)) {
    out.open("Content-Length");
    out.putNumber(body.length);
    out.close();
  }
}

std::string_view versionText(uint8_t major, uint8_t minor) {
  if (major == 2) return "2.0 ";
  return minor ? "1.1 " : "1.0 ";
}

void writeVia(const http::Headers& headers, std::string_view version, std::string_view pseudonym, HeadWriter& out) {
  out.open("Via");
  for (const Field& field : headers) {
    if (field.id != Id::kVia) continue;
    out.put(field.value);
    out.put(", ");
  }
  out.put(version);
  out.put(pseudonym);
  out.close();
}

// Passes received lines on. Neighbours that are kept go in one copy: most of a head does.
class KeptLines {
 public:
  explicit KeptLines(HeadWriter& out) : out_(out) {}
  ~KeptLines() { flush(); }

  void keep(const Field& field) {
    if (field.line_bytes == 0 || out_.isHttp2()) {
      flush();
      return out_.field(field);
    }
    if (run_.data() + run_.size() != field.name.data()) flush();
    if (run_.empty()) run_ = {field.name.data(), 0};
    run_ = {run_.data(), run_.size() + field.line_bytes};
  }
  // Before anything else is written.
  void flush() {
    if (run_.empty()) return;
    out_.put(run_);
    run_ = {};
  }

 private:
  HeadWriter& out_;
  std::string_view run_;
};

// One request on its way; the steps stand in the order in which the fields appear.
class RequestHead {
 public:
  RequestHead(const http::Request& request, const RequestForwarding& how, HeadWriter& out)
      : request_(request),
        how_(how),
        out_(out),
        body_(planFor(out.isHttp2() ? Towards::kHttp2 : Towards::kHttp11, request.body)),
        nominated_(*request.headers) {}

  void write() {
    if (out_.isHttp2()) {
      writePseudoFields();
    } else {
      // An extended CONNECT of HTTP/2 is a GET with Upgrade here (RFC 8441 section 5).
      out_.requestLine(isExtendedConnect() ? "GET" : request_.method_text, how_.target);
    }
    for (const Field& field : *request_.headers) writeReceived(field);
    kept_.flush();
    if (!wrote_host_) out_.field("Host", how_.host);
    if (!wrote_framing_) writeFraming(body_, out_);
    if (out_.isHttp2()) {
      if (acceptsTrailers()) out_.field("te", "trailers");
    } else {
      writeUpgrade();
    }
    writeForwarded();
    if (!how_.grpc_timeout.empty()) {
      out_.open("grpc-timeout");
      out_.put(how_.grpc_timeout);
      out_.close();
    }
    if (how_.deadline_millis > 0) {
      out_.open(how_.options.deadline_header);
      out_.putNumber(static_cast<uint64_t>(how_.deadline_millis));
      out_.close();
    }
    if (!how_.request_id.empty() && adds("x-request-id")) out_.field("X-Request-Id", how_.request_id);
    if (!how_.traceparent.empty() && adds("traceparent")) out_.field("traceparent", how_.traceparent);
    if (how_.options.via && adds("via")) {
      writeVia(*request_.headers, versionText(request_.major, request_.minor), *how_.options.via, out_);
    }
    writeChanges(how_.changes, out_);
    out_.finish();
  }

 private:
  void writePseudoFields() {
    const bool switches = !request_.upgrade.empty();
    out_.field(":method", switches ? "CONNECT" : request_.method_text);
    // RFC 6455 section 4.2.1 has it in any case, RFC 8441 in this one.
    const bool is_websocket = ascii::equalsIgnoreCase(request_.upgrade, "websocket");
    if (switches) out_.field(":protocol", is_websocket ? "websocket" : request_.upgrade);
    out_.field(":scheme", how_.scheme);
    out_.field(":authority", how_.host);
    out_.field(":path", how_.target);
    wrote_host_ = true;
  }

  bool isExtendedConnect() const { return request_.major == 2 && !request_.upgrade.empty(); }

  // The one thing that TE may still say (RFC 9113 section 8.2.2); gRPC's servers ask for it.
  bool acceptsTrailers() const {
    bool accepts = false;
    for (const Field& field : *request_.headers) {
      if (field.id != Id::kTe) continue;
      ascii::forEachListMember(
          field.value, [&](std::string_view coding) { accepts |= ascii::equalsIgnoreCase(coding, "trailers"); });
    }
    return accepts;
  }

  bool isDeadline(const Field& field) const {
    const std::string& name = how_.options.deadline_header;
    return !name.empty() && ascii::equalsIgnoreCase(field.name, name);
  }

  void writeReceived(const Field& field) {
    switch (field.id) {
      case Id::kOther:
        if (how_.options.edge && aliasesForwardingField(field.name)) return;
        if (isDeadline(field)) return;
        break;
      case Id::kHost:
        if (out_.isHttp2()) return;
        wrote_host_ = true;
        if (how_.host.data() == field.value.data()) return kept_.keep(field);
        kept_.flush();
        out_.field(field.name, how_.host);
        return;
      case Id::kContentLength:
      case Id::kTransferEncoding:
        // Validated to be one and unambiguous; written anew so that no odd spelling goes on.
        kept_.flush();
        if (!wrote_framing_) writeFraming(body_, out_);
        wrote_framing_ = true;
        return;
      case Id::kXForwardedFor:
        if (!how_.peer_ip.empty()) return;  // joined in writeForwarded
        break;
      case Id::kXForwardedProto:
      case Id::kXForwardedHost:
        if (how_.options.edge) return;
        (field.id == Id::kXForwardedProto ? has_proto_ : has_host_) = true;
        break;
      case Id::kForwarded:
        if (how_.options.forwarded || how_.options.edge) return;
        break;
      case Id::kXRequestId:
        if (!how_.request_id.empty()) return;
        break;
      case Id::kTraceparent:
        if (!how_.traceparent.empty()) return;
        break;
      case Id::kTracestate:
        if (!how_.keep_tracestate) return;
        break;
      case Id::kVia:
        if (how_.options.via) return;
        break;
      case Id::kSecWebsocketKey:
        if (!request_.upgrade.empty() && (out_.isHttp2() || !how_.websocket_key.empty())) return;
        break;
      case Id::kGrpcTimeout:
        if (!how_.grpc_timeout.empty()) return;
        break;
      default:
        break;
    }
    if (isHopByHop(field, nominated_)) return;
    if (!how_.changes.isEmpty() && isChanged(field.name, how_.changes)) return;
    kept_.keep(field);
  }

  // Whether remora writes a field of its own: what the route sets or removes is the route's to say.
  bool adds(std::string_view name) const { return how_.changes.isEmpty() || !isChanged(name, how_.changes); }

  void writeUpgrade() {
    if (request_.upgrade.empty()) return;
    out_.field("Connection", "Upgrade");
    out_.field("Upgrade", request_.upgrade);
    if (!how_.websocket_key.empty()) out_.field("Sec-WebSocket-Key", how_.websocket_key);
  }

  void writeForwarded() {
    if (!how_.peer_ip.empty() && adds("x-forwarded-for")) {
      out_.open("X-Forwarded-For");
      for (const Field& field : *request_.headers) {
        if (field.id != Id::kXForwardedFor || field.value.empty()) continue;
        out_.put(field.value);
        out_.put(", ");
      }
      out_.put(how_.peer_ip);
      out_.close();
    }
    if (how_.direction == model::Direction::kInbound || how_.options.edge) {
      if (!has_proto_ && adds("x-forwarded-proto")) out_.field("X-Forwarded-Proto", request_.scheme);
      if (!has_host_ && !request_.host.empty() && adds("x-forwarded-host"))
        out_.field("X-Forwarded-Host", request_.host);
    }
    if (how_.options.forwarded && adds("forwarded")) writeForwardedField();
  }

  void writeForwardedField() {
    out_.open("Forwarded");
    for (const Field& field : *request_.headers) {
      if (field.id != Id::kForwarded || how_.options.edge) continue;
      out_.put(field.value);
      out_.put(", ");
    }
    out_.put("for=");
    out_.put(how_.peer_port_ip.empty() ? std::string_view("unknown") : how_.peer_port_ip);
    out_.put(";host=\"");
    out_.put(request_.host);
    out_.put("\";proto=");
    out_.put(request_.scheme);
    out_.close();
  }

  const http::Request& request_;
  const RequestForwarding& how_;
  HeadWriter& out_;
  const http::BodyPlan body_;
  KeptLines kept_{out_};
  Nominations nominated_;
  bool wrote_host_ = false;
  bool wrote_framing_ = false;
  bool has_proto_ = false;
  bool has_host_ = false;
};

std::string_view phraseFor(const http::Response& response) {
  return response.major == 2 ? http::phraseOf(response.status) : response.phrase;
}

// HTTP/2 has no such thing.
void writeConnection(const ResponseForwarding& how, HeadWriter& out) {
  using Connection = ResponseForwarding::Connection;
  switch (how.connection) {
    case Connection::kSilent:
      break;
    case Connection::kClose:
      out.field("Connection", "close");
      break;
    case Connection::kKeepAlive:
      out.field("Connection", "keep-alive");
      break;
    case Connection::kUpgrade:
      out.field("Connection", "Upgrade");
      out.field("Upgrade", how.upgrade);
      if (!how.websocket_accept.empty()) out.field("Sec-WebSocket-Accept", how.websocket_accept);
      break;
  }
}

}  // namespace

http::BodyPlan planFor(Towards to, const http::BodyPlan& came) {
  if (came.framing == Framing::kNone) return {};
  const bool is_length_known =
      came.framing == Framing::kLength || (came.framing == Framing::kStream && came.is_length_known);
  if (to == Towards::kHttp2) return {Framing::kStream, came.length, is_length_known};
  if (is_length_known) return {Framing::kLength, came.length};
  return {to == Towards::kHttp11 ? Framing::kChunked : Framing::kUntilClose};
}

void writeRequestHead(const http::Request& request, const RequestForwarding& how, HeadWriter& out) {
  RequestHead(request, how, out).write();
}

void writeResponseHead(const http::Response& response, const ResponseForwarding& how, HeadWriter& out) {
  out.statusLine(response.status, phraseFor(response));
  const Nominations nominated(*response.headers);
  bool wrote_framing = false;
  KeptLines kept(out);
  for (const Field& field : *response.headers) {
    if (field.id == Id::kContentLength || field.id == Id::kTransferEncoding) {
      kept.flush();
      // Without a body they describe what a GET would have got; a 204 and a 101 must have none (RFC 9110 section 8.6).
      const bool describes = !how.has_body && response.status >= 200 && response.status != 204;
      if (describes && field.id == Id::kContentLength) out.field(field);
      if (how.has_body && !wrote_framing) writeFraming(how.body, out);
      wrote_framing |= how.has_body;
      continue;
    }
    if (field.id == Id::kVia && how.options.via) continue;
    if (field.id == Id::kSecWebsocketAccept && (out.isHttp2() || !how.websocket_accept.empty())) continue;
    if (isHopByHop(field, nominated)) continue;
    if (!how.changes.isEmpty() && isChanged(field.name, how.changes)) continue;
    kept.keep(field);
  }
  kept.flush();
  if (how.has_body && !wrote_framing) writeFraming(how.body, out);
  if (!how.set_cookie.empty()) out.field("Set-Cookie", how.set_cookie);
  if (!out.isHttp2()) writeConnection(how, out);
  if (how.options.via) {
    writeVia(*response.headers, versionText(response.major, response.minor), *how.options.via, out);
  }
  writeChanges(how.changes, out);
  out.finish();
}

void writeInterimHead(const http::Response& response, HeadWriter& out) {
  out.statusLine(response.status, phraseFor(response));
  const Nominations nominated(*response.headers);
  for (const Field& field : *response.headers) {
    if (field.id == Id::kContentLength || isHopByHop(field, nominated)) continue;
    out.field(field);
  }
  out.finish();
}

Nominations::Nominations(const http::Headers& headers) : headers_(headers) {
  if (!headers.find(Id::kConnection)) return;
  for (const Field& field : headers) {
    if (field.id != Id::kConnection) continue;
    any_ |= !ascii::equalsIgnoreCase(field.value, "keep-alive") && !ascii::equalsIgnoreCase(field.value, "close");
  }
}

bool Nominations::has(const Field& field) const {
  if (!any_) return false;
  bool named = false;
  for (const Field& connection : headers_) {
    if (connection.id != Id::kConnection) continue;
    ascii::forEachListMember(connection.value,
                             [&](std::string_view option) { named |= ascii::equalsIgnoreCase(option, field.name); });
  }
  return named;
}

bool isHopByHop(const Field& field, const Nominations& nominated) {
  switch (field.id) {
    case Id::kConnection:
    case Id::kKeepAlive:
    case Id::kProxyConnection:
    case Id::kTe:
    case Id::kTransferEncoding:
    case Id::kUpgrade:
    case Id::kHttp2Settings:
    case Id::kProxyAuthorization:
    case Id::kProxyAuthenticate:
      return true;
    case Id::kHost:
    case Id::kContentLength:
    case Id::kAuthorization:
    case Id::kCookie:
    case Id::kForwarded:
    case Id::kXForwardedFor:
    case Id::kXForwardedHost:
    case Id::kXForwardedProto:
    case Id::kXRequestId:
    case Id::kTraceparent:
    case Id::kTracestate:
      return false;
    default:
      return nominated.has(field);
  }
}

bool aliasesForwardingField(std::string_view name) {
  if (name.find('_') == std::string_view::npos) return false;
  static constexpr std::array<std::string_view, 8> kFields = {
      "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port",
      "x-request-id",    "x-real-ip",        "forwarded",         "x-forwarded-prefix"};
  return std::any_of(kFields.begin(), kFields.end(), [&](std::string_view known) {
    return name.size() == known.size() && std::equal(name.begin(), name.end(), known.begin(), [](char a, char b) {
             return ascii::lower(a) == b || (a == '_' && b == '-');
           });
  });
}

}  // namespace remora::proxy
