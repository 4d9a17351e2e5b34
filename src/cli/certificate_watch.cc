#include "cli/certificate_watch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tls/explain.h"

namespace remora::cli {
namespace {

// Of its whole time, in percent; 0: it has expired.
constexpr std::array<int64_t, 4> kStagesLeft = {50, 20, 5, 0};

int64_t stageAt(const tls::CertificateFacts& certificate, size_t stage) {
  const int64_t whole = certificate.not_after - certificate.not_before;
  return certificate.not_after - whole * kStagesLeft[stage] / 100;
}

}  // namespace

void CertificateWatch::follow(std::vector<tls::CertificateFacts> certificates) {
  certificates_ = std::move(certificates);
  look();
}

void CertificateWatch::look() {
  const int64_t now = loop_.clock().wallNanos() / 1'000'000'000;
  std::map<std::string, size_t> said;
  int64_t next = INT64_MAX;
  for (const tls::CertificateFacts& certificate : certificates_) {
    const std::string key = certificate.file + " " + std::to_string(certificate.not_after);
    size_t stage = 0;
    while (stage < kStagesLeft.size() && now >= stageAt(certificate, stage)) ++stage;
    const auto known = said_.find(key);
    if (stage > (known == said_.end() ? 0 : known->second)) {
      const int64_t left = certificate.not_after - now;
      log_.warn("tls", "{}: the certificate of {} {}; is it being renewed?", certificate.file, certificate.subject,
                left > 0 ? "has " + tls::spanText(left) + " left" : "expired " + tls::spanText(-left) + " ago");
    }
    said[key] = stage;
    if (stage < kStagesLeft.size()) next = std::min(next, stageAt(certificate, stage));
  }
  said_ = std::move(said);
  loop_.timers().disarm(*this);
  // The wall clock may be set meanwhile: nobody relies on more than a day of it.
  constexpr int64_t kLongest = 24 * 3600;
  if (next != INT64_MAX) loop_.arm(*this, std::chrono::seconds(std::clamp<int64_t>(next - now, 1, kLongest)));
}

}  // namespace remora::cli
