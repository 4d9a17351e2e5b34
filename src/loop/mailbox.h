// How other threads speak to a loop: a message is a function that the loop's own thread runs. For configuration,
// hand-over of connections and answers of slow work; nothing on the path of a request uses it.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "loop/poller.h"
#include "loop/run_queue.h"

namespace remora::loop {

class Mailbox final : public Pollable, private Runnable {
 public:
  using Message = std::move_only_function<void()>;

  Mailbox(Poller& poller, RunQueue& queue);
  ~Mailbox();
  // From any thread. Messages run in the order in which one thread posted them.
  void post(Message message);
  void onEvents(uint32_t events) override;
  // On the loop's thread: runs what is there (tests, and the last turn of a loop).
  void deliver() { run(); }

 private:
  void run() override;

  Poller& poller_;
  RunQueue& queue_;
  int event_fd_;
  std::mutex mutex_;
  std::vector<Message> messages_;
};

}  // namespace remora::loop
