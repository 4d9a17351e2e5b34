#include "http/headers.h"

#include <algorithm>
#include <array>

namespace remora::http {
namespace {

struct Known {
  HeaderId id;
  std::string_view name;
};

constexpr std::array<Known, static_cast<size_t>(HeaderId::kCount)> kKnown = {{
    {HeaderId::kOther, ""},
    {HeaderId::kAccept, "accept"},
    {HeaderId::kAuthorization, "authorization"},
    {HeaderId::kConnection, "connection"},
    {HeaderId::kContentLength, "content-length"},
    {HeaderId::kContentType, "content-type"},
    {HeaderId::kCookie, "cookie"},
    {HeaderId::kDate, "date"},
    {HeaderId::kExpect, "expect"},
    {HeaderId::kForwarded, "forwarded"},
    {HeaderId::kGrpcMessage, "grpc-message"},
    {HeaderId::kGrpcStatus, "grpc-status"},
    {HeaderId::kGrpcTimeout, "grpc-timeout"},
    {HeaderId::kHost, "host"},
    {HeaderId::kHttp2Settings, "http2-settings"},
    {HeaderId::kKeepAlive, "keep-alive"},
    {HeaderId::kLocation, "location"},
    {HeaderId::kProxyAuthenticate, "proxy-authenticate"},
    {HeaderId::kProxyAuthorization, "proxy-authorization"},
    {HeaderId::kProxyConnection, "proxy-connection"},
    {HeaderId::kProxyStatus, "proxy-status"},
    {HeaderId::kReferer, "referer"},
    {HeaderId::kSecWebsocketAccept, "sec-websocket-accept"},
    {HeaderId::kSecWebsocketKey, "sec-websocket-key"},
    {HeaderId::kServer, "server"},
    {HeaderId::kTe, "te"},
    {HeaderId::kTraceparent, "traceparent"},
    {HeaderId::kTracestate, "tracestate"},
    {HeaderId::kTrailer, "trailer"},
    {HeaderId::kTransferEncoding, "transfer-encoding"},
    {HeaderId::kUpgrade, "upgrade"},
    {HeaderId::kUserAgent, "user-agent"},
    {HeaderId::kVia, "via"},
    {HeaderId::kXForwardedFor, "x-forwarded-for"},
    {HeaderId::kXForwardedHost, "x-forwarded-host"},
    {HeaderId::kXForwardedProto, "x-forwarded-proto"},
    {HeaderId::kXRequestId, "x-request-id"},
}};

consteval bool isInOrder() {
  for (size_t i = 0; i < kKnown.size(); ++i) {
    if (kKnown[i].id != static_cast<HeaderId>(i) || kKnown[i].name.empty() != (i == 0)) return false;
  }
  return true;
}
static_assert(isInOrder(), "each HeaderId has one name, in the order of the enum");

constexpr size_t kMaxLength =
    std::ranges::max_element(kKnown, {}, [](const Known& k) { return k.name.size(); })->name.size();

// No two known names share a slot, so that asking is one comparison. The factors were found by trying; when a new name
// collides the build stops, and others are to be tried.
constexpr size_t kSlots = 128;
constexpr size_t slotOf(std::string_view name) {
  return (name.size() + size_t{6} * static_cast<uint8_t>(name.back() | 0x20) -
          size_t{4} * static_cast<uint8_t>(name.front() | 0x20)) %
         kSlots;
}

consteval std::array<HeaderId, kSlots> idsBySlot() {
  std::array<HeaderId, kSlots> ids{};
  for (const Known& known : kKnown) {
    if (known.name.empty()) continue;
    HeaderId& id = ids[slotOf(known.name)];
    if (id != HeaderId::kOther) throw "two names in one slot: try other factors in slotOf";
    id = known.id;
  }
  return ids;
}
constexpr std::array<HeaderId, kSlots> kIdsBySlot = idsBySlot();

}  // namespace

HeaderId headerIdOf(std::string_view name) {
  if (name.empty() || name.size() > kMaxLength) return HeaderId::kOther;
  const HeaderId id = kIdsBySlot[slotOf(name)];
  return ascii::equalsLower(name, kKnown[static_cast<size_t>(id)].name) ? id : HeaderId::kOther;
}

std::string_view nameOf(HeaderId id) {
  const auto index = static_cast<size_t>(id);
  return index < kKnown.size() ? kKnown[index].name : std::string_view();
}

}  // namespace remora::http
