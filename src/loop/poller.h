// Readiness of descriptors. Edge-triggered: each descriptor is registered once, for everything, and told only of
// changes. Belongs to one loop.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "base/deadline.h"
#include "loop/sys.h"

namespace remora::loop {

// Whoever owns a registered descriptor. onEvents only notes what happened and posts to the run queue; it must not
// destroy anything.
class Pollable {
 public:
  virtual void onEvents(uint32_t events) = 0;

 protected:
  ~Pollable() = default;
};

class Poller {
 public:
  virtual ~Poller() = default;
  // False, with errno, when the system refuses. `events` as for epoll_ctl.
  virtual bool add(int fd, Pollable& pollable, uint32_t events) = 0;
  // Before the descriptor is closed or `pollable` destroyed: events already fetched for it are forgotten. The
  // descriptor itself leaves the set by being closed.
  virtual void forget(Pollable& pollable) = 0;
  virtual void remove(int fd, Pollable& pollable) = 0;
  // Waits for an event, at most until `until` of the monotonic clock, and dispatches. It may return early.
  virtual void wait(Deadline until) = 0;
  // Dispatches what has happened already.
  virtual void look() = 0;
};

class EpollPoller final : public Poller {
 public:
  explicit EpollPoller(Sys& sys);
  ~EpollPoller() override;
  bool add(int fd, Pollable& pollable, uint32_t events) override;
  void forget(Pollable& pollable) override;
  void remove(int fd, Pollable& pollable) override;
  void wait(Deadline until) override;
  void look() override;

 private:
  // Deadlines are kept in a descriptor of their own, moved only when one comes nearer: a timeout in each wait would
  // cost a timer of the kernel each time. So a wait may end for a deadline that has moved away since.
  struct Alarm final : Pollable {
    void onEvents(uint32_t) override { rings_at = Deadline::never(); }
    Deadline rings_at = Deadline::never();
  };
  void setAlarm(Deadline until);
  void dispatch(int timeout_ms);

  static constexpr int kBatch = 256;
  Sys& sys_;
  int epoll_;
  int timer_;
  Alarm alarm_;
  int fetched_ = 0;
  int current_ = 0;
  std::array<epoll_event, kBatch> events_;
};

}  // namespace remora::loop
