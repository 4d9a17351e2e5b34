#include "tls/session_cache.h"

#include <openssl/ssl.h>

#include <utility>

namespace remora::tls {

void SessionCache::put(const Fingerprint& settings, Handle<ssl_session_st> session) {
  if (settings != settings_) sessions_.clear();
  settings_ = settings;
  if (sessions_.size() >= kMost) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

Handle<ssl_session_st> SessionCache::take(const Fingerprint& settings) {
  if (settings != settings_ || sessions_.empty()) return nullptr;
  if (SSL_SESSION* const newest = sessions_.back().get();
      newest && SSL_SESSION_get_protocol_version(newest) == TLS1_2_VERSION) {
    SSL_SESSION_up_ref(newest);
    return Handle<ssl_session_st>(newest);
  }
  Handle<ssl_session_st> newest = std::move(sessions_.back());
  sessions_.pop_back();
  return newest;
}

}  // namespace remora::tls
