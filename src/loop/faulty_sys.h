// System calls that go wrong on purpose, for tests: the n-th call fails, is short, or would block. Counting is per
// call name and process-wide order isn't promised across threads. Never used without REMORA_FAULTS.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "loop/sys.h"

namespace remora::loop {

struct Fault {
  std::string call;    // "recv", "send", "sendmsg", "socket", "connect", "accept4"
  uint64_t first = 1;  // from the first-th call on
  uint64_t every = 0;  // 0: only that one; else again every so many calls
  int error = 0;       // errno to fail with; 0 with short_by: transfer fewer bytes
  size_t at_most = 0;  // of a short transfer: at most this many bytes; 0: not short
};

// "recv:3:ECONNRESET,send:1+1:short=1" -> faults; an empty list and `problem` filled when it can't be read.
std::vector<Fault> parseFaults(std::string_view text, std::string& problem);

class FaultySys final : public Sys {
 public:
  explicit FaultySys(std::vector<Fault> faults);
  ssize_t recv(int fd, void* data, size_t bytes, int flags) override;
  ssize_t send(int fd, const void* data, size_t bytes, int flags) override;
  ssize_t sendmsg(int fd, const msghdr* message, int flags) override;
  int socket(int domain, int type, int protocol) override;
  int connect(int fd, const sockaddr* address, socklen_t length) override;
  int accept4(int fd, sockaddr* address, socklen_t* length, int flags) override;
  bool shortReadMeansDrained() const override;
  bool maySubmitSends() const override { return false; }
  uint64_t injected() const;  // faults that struck so far

 private:
  // The fault that strikes this call, or null.
  const Fault* strike(std::string_view call);

  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
  std::vector<uint64_t> calls_;  // seen so far, a counter a fault
  uint64_t injected_ = 0;
};

}  // namespace remora::loop
