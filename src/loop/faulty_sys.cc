#include "loop/faulty_sys.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/ascii.h"

namespace remora::loop {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 9> kErrors = {{{"ECONNRESET", ECONNRESET},
                                                                      {"EPIPE", EPIPE},
                                                                      {"EINTR", EINTR},
                                                                      {"EAGAIN", EAGAIN},
                                                                      {"EMFILE", EMFILE},
                                                                      {"ENFILE", ENFILE},
                                                                      {"ENOMEM", ENOMEM},
                                                                      {"ENOBUFS", ENOBUFS},
                                                                      {"ECONNREFUSED", ECONNREFUSED}}};

bool parseOne(std::string_view text, Fault& fault) {
  const size_t first_colon = text.find(':');
  const size_t second_colon = text.find(':', first_colon + 1);
  if (first_colon == std::string_view::npos || second_colon == std::string_view::npos) return false;
  fault.call = text.substr(0, first_colon);
  std::string_view when = text.substr(first_colon + 1, second_colon - first_colon - 1);
  const size_t plus = when.find('+');
  if (plus != std::string_view::npos) {
    const auto every = ascii::parseDecimal(when.substr(plus + 1));
    if (!every) return false;
    fault.every = *every;
    when = when.substr(0, plus);
  }
  const auto first = ascii::parseDecimal(when);
  if (!first || *first == 0) return false;
  fault.first = *first;
  const std::string_view effect = text.substr(second_colon + 1);
  if (effect.starts_with("short=")) {
    const auto bytes = ascii::parseDecimal(effect.substr(6));
    fault.at_most = bytes ? *bytes : 0;
    return bytes && *bytes > 0;
  }
  const auto* known = std::find_if(kErrors.begin(), kErrors.end(), [&](const auto& e) { return e.first == effect; });
  if (known == kErrors.end()) return false;
  fault.error = known->second;
  return true;
}

}  // namespace

std::vector<Fault> parseFaults(std::string_view text, std::string& problem) {
  std::vector<Fault> faults;
  bool good = true;
  ascii::forEachListMember(text, [&](std::string_view member) {
    Fault fault;
    if (parseOne(member, fault)) {
      faults.push_back(std::move(fault));
    } else if (good) {
      good = false;
      problem = "'" + std::string(member) + "' isn't CALL:FIRST[+EVERY]:(ERRNO|short=BYTES)";
    }
  });
  if (!good) faults.clear();
  return faults;
}

FaultySys::FaultySys(std::vector<Fault> faults) : faults_(std::move(faults)), calls_(faults_.size()) {}

const Fault* FaultySys::strike(std::string_view call) {
  const std::lock_guard lock(mutex_);
  const Fault* struck = nullptr;
  for (size_t i = 0; i < faults_.size(); ++i) {
    const Fault& fault = faults_[i];
    if (fault.call != call) continue;
    const uint64_t n = ++calls_[i];
    const bool hits = n == fault.first || (fault.every && n > fault.first && (n - fault.first) % fault.every == 0);
    if (hits && !struck) struck = &fault;
  }
  if (struck) ++injected_;
  return struck;
}

bool FaultySys::shortReadMeansDrained() const {
  return std::none_of(faults_.begin(), faults_.end(), [](const Fault& f) { return f.call == "recv" && f.at_most; });
}

uint64_t FaultySys::injected() const {
  const std::lock_guard lock(mutex_);
  return injected_;
}

ssize_t FaultySys::recv(int fd, void* data, size_t bytes, int flags) {
  if (const Fault* fault = strike("recv")) {
    if (fault->error) return errno = fault->error, -1;
    bytes = std::min(bytes, fault->at_most);
  }
  return Sys::recv(fd, data, bytes, flags);
}

ssize_t FaultySys::send(int fd, const void* data, size_t bytes, int flags) {
  if (const Fault* fault = strike("send")) {
    if (fault->error) return errno = fault->error, -1;
    bytes = std::min(bytes, fault->at_most);
  }
  return Sys::send(fd, data, bytes, flags);
}

ssize_t FaultySys::sendmsg(int fd, const msghdr* message, int flags) {
  const Fault* fault = strike("sendmsg");
  if (!fault) return Sys::sendmsg(fd, message, flags);
  if (fault->error) return errno = fault->error, -1;
  for (size_t i = 0; i < message->msg_iovlen; ++i) {
    const iovec& piece = message->msg_iov[i];
    if (piece.iov_len) return Sys::send(fd, piece.iov_base, std::min(piece.iov_len, fault->at_most), flags);
  }
  return Sys::sendmsg(fd, message, flags);
}

int FaultySys::socket(int domain, int type, int protocol) {
  if (const Fault* fault = strike("socket")) return errno = fault->error, -1;
  return Sys::socket(domain, type, protocol);
}

int FaultySys::connect(int fd, const sockaddr* address, socklen_t length) {
  if (const Fault* fault = strike("connect")) return errno = fault->error, -1;
  return Sys::connect(fd, address, length);
}

int FaultySys::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (const Fault* fault = strike("accept4")) return errno = fault->error, -1;
  return Sys::accept4(fd, address, length, flags);
}

Sys& systemFromEnvironment() {
#ifdef REMORA_FAULTS
  if (const char* text = std::getenv("REMORA_FAULTS")) {
    std::string problem;
    static FaultySys faulty(parseFaults(text, problem));
    if (problem.empty()) return faulty;
    std::fprintf(stderr, "remora: REMORA_FAULTS: %s\n", problem.c_str());
  }
#endif
  return Sys::real();
}

}  // namespace remora::loop
