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
    {HeaderId::kHost, "host"},
    {HeaderId::kHttp2Settings, "http2-settings"},
    {HeaderId::kKeepAlive, "keep-alive"},
    {HeaderId::kLocation, "location"},
    {HeaderId::kProxyAuthenticate, "proxy-authenticate"},
    {HeaderId::kProxyAuthorization, "proxy-authorization"},
    {HeaderId::kProxyConnection, "proxy-connection"},
    {HeaderId::kProxyStatus, "proxy-status"},
    {HeaderId::kReferer, "referer"},
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
constexpr size_t kMaxOfOneLength = 5;

// The ids of the names of one length, kOther behind the last.
using Bucket = std::array<HeaderId, kMaxOfOneLength>;

consteval std::array<Bucket, kMaxLength + 1> bucketsByLength() {
  std::array<Bucket, kMaxLength + 1> buckets{};
  for (const Known& known : kKnown) {
    if (known.name.empty()) continue;
    Bucket& bucket = buckets[known.name.size()];
    size_t i = 0;
    while (bucket[i] != HeaderId::kOther) ++i;
    bucket.at(i) = known.id;
    if (i + 1 == kMaxOfOneLength) throw "raise kMaxOfOneLength";  // keeps the closing kOther
  }
  return buckets;
}
constexpr std::array<Bucket, kMaxLength + 1> kBuckets = bucketsByLength();

}  // namespace

HeaderId headerIdOf(std::string_view name) {
  if (name.size() > kMaxLength) return HeaderId::kOther;
  for (const HeaderId id : kBuckets[name.size()]) {
    if (id == HeaderId::kOther) break;
    if (ascii::equalsLower(name, kKnown[static_cast<size_t>(id)].name)) return id;
  }
  return HeaderId::kOther;
}

std::string_view nameOf(HeaderId id) {
  const auto index = static_cast<size_t>(id);
  return index < kKnown.size() ? kKnown[index].name : std::string_view();
}

}  // namespace remora::http
