// How many connections a service may have, exact for the process. Those that nobody uses lie in the pools of cores: who
// needs one and finds none left asks the others to give theirs up. Any thread, but for what is said of a Member.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "loop/loop.h"
#include "upstream/permits.h"

namespace remora::upstream {

class ConnectionLimit {
 public:
  // One core's connections. Belongs to its loop's thread.
  class Member {
   public:
    virtual ~Member() = default;
    // Closes a connection that nobody uses. False: there is none.
    virtual bool retireIdle() = 0;
  };

  // One for each connection there is; those without a limit are counted too, so that one which is set later holds.
  const std::shared_ptr<Permits> permits = std::make_shared<Permits>();

  // On the loop's thread; whoever has joined leaves before it ends.
  void join(loop::Loop& loop, Member& member);
  void leave(const Member& member);
  // Somebody waits for a permit: all cores give up what they don't use, as long as one waits.
  void askAll();

 private:
  struct Seat {
    Seat(loop::Loop& l, Member& m) : loop(l), member(&m) {}
    loop::Loop& loop;
    Member* member;  // null once it left; of its loop's thread
    std::atomic<bool> is_asked = false;
  };

  static void answer(const std::shared_ptr<Permits>& permits, Seat& seat);

  std::mutex mutex_;
  std::vector<std::shared_ptr<Seat>> seats_;
};

}  // namespace remora::upstream
