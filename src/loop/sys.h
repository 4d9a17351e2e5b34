// The seam for system calls: everything that can fail, be short or be slow in production can be made to in a test.
// Same results and errno as the calls they are named after. The real one is stateless; any thread.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>

struct epoll_event;

namespace remora::loop {

class Sys {
 public:
  virtual ~Sys() = default;
  virtual ssize_t recv(int fd, void* data, size_t bytes, int flags);
  virtual ssize_t send(int fd, const void* data, size_t bytes, int flags);
  virtual ssize_t sendmsg(int fd, const msghdr* message, int flags);
  virtual int socket(int domain, int type, int protocol);
  virtual int connect(int fd, const sockaddr* address, socklen_t length);
  virtual int accept4(int fd, sockaddr* address, socklen_t* length, int flags);
  virtual int shutdown(int fd, int how);
  virtual int close(int fd);
  virtual int epollWait(int epoll, epoll_event* events, int most, int timeout_ms);

  // False: a read may give fewer bytes than are there (a fault that tests inject), so it proves nothing.
  virtual bool shortReadMeansDrained() const { return true; }

  // False: sends must go through send(), one by one, so that faults strike them.
  virtual bool maySubmitSends() const { return true; }

  static Sys& real();
};

// The real calls, or with REMORA_FAULTS in the environment of a build for tests the faulty ones it describes
// (loop/faulty_sys.h).
Sys& systemFromEnvironment();

}  // namespace remora::loop
