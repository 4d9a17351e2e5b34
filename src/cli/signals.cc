#include "cli/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"

namespace remora::cli {
namespace {

sigset_t awaited() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void blockSignals() {
  const sigset_t set = awaited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Signals::Signals(loop::Loop& loop, std::function<void(int)> on_signal) : loop_(loop), on_signal_(std::move(on_signal)) {
  const sigset_t set = awaited();
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  check(fd_ >= 0, "the system gives a signalfd at start");
  loop_.poller().add(fd_, *this, EPOLLIN | EPOLLET);
}

Signals::~Signals() {
  loop_.poller().remove(fd_, *this);
  ::close(fd_);
}

void Signals::run() {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) {
      // As PID 1 orphans end up here; nobody else would collect them.
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      continue;
    }
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace remora::cli
