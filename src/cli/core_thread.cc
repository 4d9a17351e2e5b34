#include "cli/core_thread.h"

#include <pthread.h>
#include <sys/random.h>

#include <string>

#include "base/check.h"

namespace remora::cli {
namespace {

observe::IdSource::Seed freshSeed() {
  observe::IdSource::Seed seed;
  check(getrandom(seed.data(), sizeof seed, 0) == static_cast<ssize_t>(sizeof seed), "the system gives random bytes");
  return seed;
}

}  // namespace

CoreThread::CoreThread(uint32_t index, loop::Clock& clock, loop::Sys& sys, proxy::Overload& overload)
    : loop_(clock, std::make_unique<loop::EpollPoller>(sys)), connector_(loop_, sys) {
  loop_.gatherSends(sys);
  core_ = std::make_unique<proxy::Core>(proxy::Core::Parts{index, loop_, connector_, metrics_, freshSeed(), &overload});
}

CoreThread::~CoreThread() {
  stop();
}

void CoreThread::start() {
  thread_ = std::thread([this] { loop_.run(); });
  pthread_setname_np(thread_.native_handle(), ("remora-" + std::to_string(core_->index())).c_str());
}

void CoreThread::stop() {
  if (!thread_.joinable()) return;
  // Connections, pools and coroutines die on their own thread, before its loop does.
  loop_.mailbox().post([this] { core_.reset(); });
  loop_.stop();
  thread_.join();
}

}  // namespace remora::cli
