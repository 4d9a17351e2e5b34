#include "loop/poller.h"

#include <unistd.h>

#include <cerrno>

#include "base/check.h"

namespace remora::loop {

EpollPoller::EpollPoller(Sys& sys) : sys_(sys), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  check(epoll_ >= 0, "the system gives an epoll descriptor at start");
}

EpollPoller::~EpollPoller() {
  ::close(epoll_);
}

bool EpollPoller::add(int fd, Pollable& pollable, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &pollable;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollPoller::forget(Pollable& pollable) {
  for (int i = current_ + 1; i < fetched_; ++i) {
    if (events_[static_cast<size_t>(i)].data.ptr == &pollable) events_[static_cast<size_t>(i)].data.ptr = nullptr;
  }
}

void EpollPoller::remove(int fd, Pollable& pollable) {
  forget(pollable);
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void EpollPoller::wait(int timeout_ms) {
  fetched_ = sys_.epollWait(epoll_, events_.data(), kBatch, timeout_ms);
  if (fetched_ < 0) {
    check(errno == EINTR, "epoll_wait fails only by a signal");
    fetched_ = 0;
  }
  for (current_ = 0; current_ < fetched_; ++current_) {
    const epoll_event& event = events_[static_cast<size_t>(current_)];
    if (event.data.ptr) static_cast<Pollable*>(event.data.ptr)->onEvents(event.events);
  }
  fetched_ = current_ = 0;
}

}  // namespace remora::loop
