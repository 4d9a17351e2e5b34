#include "admin/gate.h"

#include "base/ascii.h"
#include "net/address.h"

namespace remora::admin {
namespace {

// DNS rebinding: a page of evil.example whose name suddenly resolves to 127.0.0.1 is same-origin with us, and only its
// Host gives it away. Nobody can make an IP literal or "localhost" resolve elsewhere.
bool isRebindable(std::string_view hostname) {
  return !hostname.empty() && hostname != "localhost" && !net::parsePeer(hostname);
}

// Browsers send Origin with every POST. The scheme isn't compared: behind a tunnel it may differ.
bool isForeign(std::string_view origin, std::string_view host) {
  const size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return true;  // "null": a sandbox or a local file
  return !ascii::equalsIgnoreCase(origin.substr(scheme_end + 3), host);
}

}  // namespace

std::optional<std::string> refuseStranger(const http::Request& request, Guard guard) {
  if (guard == Guard::kLoopback && isRebindable(request.hostname)) {
    return "the admin side on loopback answers only to the Host localhost or an IP address, so that no web page can "
           "reach it by a name of its own; ask for http://localhost or http://127.0.0.1 instead";
  }
  if (request.method == http::Method::kGet || request.method == http::Method::kHead) return std::nullopt;
  for (const http::Field& field : *request.headers) {
    const bool is_cross_site =
        ascii::equalsIgnoreCase(field.name, "sec-fetch-site") &&
        (ascii::equalsIgnoreCase(field.value, "cross-site") || ascii::equalsIgnoreCase(field.value, "same-site"));
    const bool is_foreign = ascii::equalsIgnoreCase(field.name, "origin") && isForeign(field.value, request.host);
    if (is_cross_site || is_foreign) {
      return "a web page of another origin may not change anything here; use a command line client such as curl";
    }
  }
  return std::nullopt;
}

}  // namespace remora::admin
