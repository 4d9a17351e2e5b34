#include "loop/sys.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace remora::loop {

// Not through the library's recv and send: these are points where a thread may be cancelled, which costs each call two
// atomic operations as soon as there is a second thread. Nobody cancels threads here.
ssize_t Sys::recv(int fd, void* data, size_t bytes, int flags) {
  return ::syscall(SYS_recvfrom, fd, data, bytes, flags, nullptr, nullptr);
}
ssize_t Sys::send(int fd, const void* data, size_t bytes, int flags) {
  return ::syscall(SYS_sendto, fd, data, bytes, flags, nullptr, 0);
}
ssize_t Sys::sendmsg(int fd, const msghdr* message, int flags) {
  return ::syscall(SYS_sendmsg, fd, message, flags);
}
int Sys::socket(int domain, int type, int protocol) {
  return ::socket(domain, type, protocol);
}
int Sys::connect(int fd, const sockaddr* address, socklen_t length) {
  return ::connect(fd, address, length);
}
int Sys::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return ::accept4(fd, address, length, flags);
}
int Sys::shutdown(int fd, int how) {
  return ::shutdown(fd, how);
}
int Sys::close(int fd) {
  return ::close(fd);
}
int Sys::epollWait(int epoll, epoll_event* events, int most, int timeout_ms) {
  return ::epoll_wait(epoll, events, most, timeout_ms);
}

Sys& Sys::real() {
  static Sys sys;
  return sys;
}

}  // namespace remora::loop
