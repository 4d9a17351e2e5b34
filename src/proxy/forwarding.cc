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

void writeFraming(Framing framing, uint64_t length, HeadWriter& out) {
  if (framing == Framing::kChunked) {
    out.put("Transfer-Encoding: chunked\r\n");
  } else if (framing == Framing::kLength) {
    out.put("Content-Length: ");
    out.putNumber(length);
    out.put("\r\n");
  }
}

void writeVia(const http::Headers& headers, uint8_t minor, std::string_view pseudonym, HeadWriter& out) {
  out.put("Via: ");
  for (const Field& field : headers) {
    if (field.id != Id::kVia) continue;
    out.put(field.value);
    out.put(", ");
  }
  out.put(minor ? "1.1 " : "1.0 ");
  out.put(pseudonym);
  out.put("\r\n");
}

// Passes received lines on. Neighbours that are kept go in one copy: most of a head does.
class KeptLines {
 public:
  explicit KeptLines(HeadWriter& out) : out_(out) {}
  ~KeptLines() { flush(); }

  void keep(const Field& field) {
    if (field.line_bytes == 0) {
      flush();
      out_.field(field.name, field.value);
      return;
    }
    if (run_.data() + run_.size() != field.name.data()) flush();
    if (run_.empty()) run_ = {field.name.data(), 0};
    run_ = {run_.data(), run_.size() + field.line_bytes};
  }
  // Before anything else is written.
  void flush() {
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
      : request_(request), how_(how), out_(out), nominated_(*request.headers) {}

  void write() {
    out_.put(request_.method_text);
    out_.put(" ");
    out_.put(how_.target);
    out_.put(" HTTP/1.1\r\n");
    for (const Field& field : *request_.headers) writeReceived(field);
    kept_.flush();
    if (!wrote_host_) out_.field("Host", how_.host);
    if (request_.body.framing != Framing::kNone && !wrote_framing_) {
      writeFraming(request_.body.framing, request_.body.length, out_);
    }
    writeUpgrade();
    writeForwarded();
    if (!how_.request_id.empty() && adds("x-request-id")) out_.field("X-Request-Id", how_.request_id);
    if (!how_.traceparent.empty() && adds("traceparent")) out_.field("traceparent", how_.traceparent);
    if (how_.options.via && adds("via")) writeVia(*request_.headers, request_.minor, *how_.options.via, out_);
    writeChanges(how_.changes, out_);
    out_.put("\r\n");
  }

 private:
  void writeReceived(const Field& field) {
    switch (field.id) {
      case Id::kOther:
        if (how_.options.edge && aliasesForwardingField(field.name)) return;
        break;
      case Id::kHost:
        wrote_host_ = true;
        if (how_.host.data() == field.value.data()) return kept_.keep(field);
        kept_.flush();
        out_.field(field.name, how_.host);
        return;
      case Id::kContentLength:
      case Id::kTransferEncoding:
        // Validated to be one and unambiguous; written anew so that no odd spelling goes on.
        kept_.flush();
        if (!wrote_framing_) writeFraming(request_.body.framing, request_.body.length, out_);
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
    out_.put("Connection: Upgrade\r\n");
    out_.field("Upgrade", request_.upgrade);
  }

  void writeForwarded() {
    if (!how_.peer_ip.empty() && adds("x-forwarded-for")) {
      out_.put("X-Forwarded-For: ");
      for (const Field& field : *request_.headers) {
        if (field.id != Id::kXForwardedFor || field.value.empty()) continue;
        out_.put(field.value);
        out_.put(", ");
      }
      out_.put(how_.peer_ip);
      out_.put("\r\n");
    }
    if (how_.direction == model::Direction::kInbound || how_.options.edge) {
      if (!has_proto_ && adds("x-forwarded-proto")) out_.field("X-Forwarded-Proto", request_.scheme);
      if (!has_host_ && !request_.host.empty() && adds("x-forwarded-host"))
        out_.field("X-Forwarded-Host", request_.host);
    }
    if (how_.options.forwarded && adds("forwarded")) writeForwardedField();
  }

  void writeForwardedField() {
    out_.put("Forwarded: ");
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
    out_.put("\r\n");
  }

  const http::Request& request_;
  const RequestForwarding& how_;
  HeadWriter& out_;
  KeptLines kept_{out_};
  Nominations nominated_;
  bool wrote_host_ = false;
  bool wrote_framing_ = false;
  bool has_proto_ = false;
  bool has_host_ = false;
};

void writeStatusLine(const http::Response& response, HeadWriter& out) {
  const std::array<char, 4> digits = {static_cast<char>('0' + response.status / 100),
                                      static_cast<char>('0' + response.status / 10 % 10),
                                      static_cast<char>('0' + response.status % 10), ' '};
  out.put("HTTP/1.1 ");
  out.put({digits.data(), digits.size()});
  out.put(response.phrase);
  out.put("\r\n");
}

}  // namespace

void writeRequestHead(const http::Request& request, const RequestForwarding& how, HeadWriter& out) {
  RequestHead(request, how, out).write();
}

void writeResponseHead(const http::Response& response, const ResponseForwarding& how, HeadWriter& out) {
  using Connection = ResponseForwarding::Connection;
  writeStatusLine(response, out);
  const Nominations nominated(*response.headers);
  bool wrote_framing = false;
  KeptLines kept(out);
  for (const Field& field : *response.headers) {
    if (field.id == Id::kContentLength || field.id == Id::kTransferEncoding) {
      kept.flush();
      // Without a body they describe what a GET would have got; a 204 and a 101 must have none (RFC 9110 section 8.6).
      const bool describes = !how.has_body && response.status >= 200 && response.status != 204;
      if (describes && field.id == Id::kContentLength) out.field(field.name, field.value);
      if (how.has_body && !wrote_framing) writeFraming(how.framing, how.length, out);
      wrote_framing |= how.has_body;
      continue;
    }
    if (field.id == Id::kVia && how.options.via) continue;
    if (isHopByHop(field, nominated)) continue;
    if (!how.changes.isEmpty() && isChanged(field.name, how.changes)) continue;
    kept.keep(field);
  }
  kept.flush();
  if (how.has_body && !wrote_framing) writeFraming(how.framing, how.length, out);
  switch (how.connection) {
    case Connection::kSilent:
      break;
    case Connection::kClose:
      out.put("Connection: close\r\n");
      break;
    case Connection::kKeepAlive:
      out.put("Connection: keep-alive\r\n");
      break;
    case Connection::kUpgrade:
      out.put("Connection: Upgrade\r\n");
      out.field("Upgrade", response.headers->valueOf(Id::kUpgrade));
      break;
  }
  if (how.options.via) writeVia(*response.headers, response.minor, *how.options.via, out);
  writeChanges(how.changes, out);
  out.put("\r\n");
}

void writeInterimHead(const http::Response& response, HeadWriter& out) {
  writeStatusLine(response, out);
  const Nominations nominated(*response.headers);
  for (const Field& field : *response.headers) {
    if (field.id == Id::kContentLength || isHopByHop(field, nominated)) continue;
    out.field(field.name, field.value);
  }
  out.put("\r\n");
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
