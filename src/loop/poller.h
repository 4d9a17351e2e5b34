// Readiness of descriptors. Edge-triggered: each descriptor is registered once, for everything, and told only of
// changes. Belongs to one loop.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

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
  // Waits and dispatches. timeout_ms: -1 without end, 0 not at all.
  virtual void wait(int timeout_ms) = 0;
};

class EpollPoller final : public Poller {
 public:
  explicit EpollPoller(Sys& sys);
  ~EpollPoller() override;
  bool add(int fd, Pollable& pollable, uint32_t events) override;
  void forget(Pollable& pollable) override;
  void remove(int fd, Pollable& pollable) override;
  void wait(int timeout_ms) override;

 private:
  static constexpr int kBatch = 256;
  Sys& sys_;
  int epoll_;
  int fetched_ = 0;
  int current_ = 0;
  std::array<epoll_event, kBatch> events_;
};

}  // namespace remora::loop
