#include "loop/poller.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"

namespace remora::loop {

EpollPoller::EpollPoller(Sys& sys)
    : sys_(sys),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  check(epoll_ >= 0 && timer_ >= 0, "the system gives a descriptor for epoll and one for its timer at start");
  check(add(timer_, alarm_, EPOLLIN | EPOLLET), "a timer can be waited for");
}

EpollPoller::~EpollPoller() {
  ::close(timer_);
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

void EpollPoller::wait(Deadline until) {
  setAlarm(until);
  dispatch(-1);
}

void EpollPoller::look() {
  dispatch(0);
}

void EpollPoller::setAlarm(Deadline until) {
  if (alarm_.rings_at <= until) return;
  const int64_t nanos = until.instant().nanos;
  itimerspec when{};
  when.it_value = {nanos / 1'000'000'000, nanos % 1'000'000'000};
  check(timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr) == 0, "a timer takes every deadline");
  alarm_.rings_at = until;
}

void EpollPoller::dispatch(int timeout_ms) {
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
