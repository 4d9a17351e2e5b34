#include "loop/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "base/check.h"

namespace remora::loop {

Mailbox::Mailbox(Poller& poller, RunQueue& queue)
    : poller_(poller), queue_(queue), event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  check(event_fd_ >= 0, "the system gives an eventfd at start");
  poller_.add(event_fd_, *this, EPOLLIN | EPOLLET);
}

Mailbox::~Mailbox() {
  poller_.remove(event_fd_, *this);
  ::close(event_fd_);
}

void Mailbox::post(Message message) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = messages_.empty();
    messages_.push_back(std::move(message));
  }
  // One wake-up for any number of messages. Each write is an edge, so the counter never has to be read back.
  const uint64_t one = 1;
  if (was_empty && ::write(event_fd_, &one, sizeof one) < 0) {
    uint64_t drained;  // only a counter at its maximum refuses: empty it and wake again
    (void)!::read(event_fd_, &drained, sizeof drained);
    (void)!::write(event_fd_, &one, sizeof one);
  }
}

void Mailbox::onEvents(uint32_t) {
  queue_.post(*this);
}

void Mailbox::run() {
  std::vector<Message> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(messages_);
  }
  for (Message& message : taken) message();
}

}  // namespace remora::loop
