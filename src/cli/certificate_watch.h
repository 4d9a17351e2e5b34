// Says in the process log when half, four fifths and 95 % of a certificate's time are over, once each: what renews it
// is late then, later, or broken. Belongs to the control thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "observe/log.h"
#include "tls/context.h"

namespace remora::cli {

class CertificateWatch final : loop::Timer {
 public:
  CertificateWatch(loop::Loop& loop, observe::Log& log) : loop_(loop), log_(log) {}
  ~CertificateWatch() = default;

  // Those that serve from now on.
  void follow(std::vector<tls::CertificateFacts> certificates);
  const std::vector<tls::CertificateFacts>& certificates() const { return certificates_; }

 private:
  void onTime() override { look(); }
  void look();

  loop::Loop& loop_;
  observe::Log& log_;
  std::vector<tls::CertificateFacts> certificates_;
  std::map<std::string, size_t> said_;  // stages, by file and end; a renewed one begins anew
};

}  // namespace remora::cli
