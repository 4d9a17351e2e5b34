// The floor that proxies are compared with: a byte relay on one thread that knows nothing of HTTP. Edge-triggered
// epoll, every descriptor registered once, one receive and one send a message. Its algorithm stays as it is, or
// ratios measured at different times stop meaning the same thing.
//
// usage: l4epoll LISTEN_PORT UPSTREAM_PORT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "loopback.h"

namespace {

// One side of a relayed connection. `out` holds what the other side sent and this socket didn't take.
struct Leg {
  int fd;
  Leg* peer = nullptr;
  std::string out{};
  size_t sent = 0;        // of `out`
  bool readable = false;  // an edge came and its bytes were not drained
  bool closed = false;
};

char buffer[131'072];
int poller;
std::vector<Leg*> closed_legs;  // deleted after the batch of events, which may still name them

void closeBoth(Leg* leg) {
  if (leg->closed) return;
  for (Leg* side : {leg, leg->peer}) {
    side->closed = true;
    close(side->fd);
    closed_legs.push_back(side);
  }
}

// True when nothing is left to send.
bool flush(Leg* leg) {
  while (leg->sent < leg->out.size()) {
    const ssize_t taken = send(leg->fd, leg->out.data() + leg->sent, leg->out.size() - leg->sent, MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno != EAGAIN) closeBoth(leg);
      return false;
    }
    leg->sent += static_cast<size_t>(taken);
  }
  leg->out.clear();
  leg->sent = 0;
  return true;
}

enum class HungUp : bool { kNo, kYes };

// Moves what `from` has to its peer. A short read means drained, unless the end of the stream may stand behind it.
void pump(Leg* from, HungUp hung_up) {
  Leg* to = from->peer;
  while (!from->closed) {
    if (!to->out.empty() && !flush(to)) return;
    const ssize_t received = recv(from->fd, buffer, sizeof buffer, 0);
    if (received < 0) {
      if (errno != EAGAIN) {
        closeBoth(from);
      } else {
        from->readable = false;
      }
      return;
    }
    if (received == 0) {
      closeBoth(from);
      return;
    }
    ssize_t taken = send(to->fd, buffer, static_cast<size_t>(received), MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno != EAGAIN && errno != ENOTCONN) {
        closeBoth(from);
        return;
      }
      taken = 0;
    }
    const bool drained = received < static_cast<ssize_t>(sizeof buffer) && hung_up == HungUp::kNo;
    if (drained) from->readable = false;
    if (taken < received) to->out.assign(buffer + taken, static_cast<size_t>(received - taken));
    if (drained || taken < received) return;
  }
}

void acceptAll(int listener, const sockaddr_in& upstream) {
  for (;;) {
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (accepted < 0) return;
    const int connected = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connect(connected, reinterpret_cast<const sockaddr*>(&upstream), sizeof upstream);
    Leg* downstream_leg = new Leg{accepted};
    Leg* upstream_leg = new Leg{connected};
    downstream_leg->peer = upstream_leg;
    upstream_leg->peer = downstream_leg;
    for (Leg* leg : {downstream_leg, upstream_leg}) {
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = leg}};
      epoll_ctl(poller, EPOLL_CTL_ADD, leg->fd, &event);
    }
  }
}

void serve(Leg* leg, uint32_t events) {
  if (leg->closed) return;
  const HungUp hung_up{(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0};
  if ((events & EPOLLOUT) && !leg->out.empty() && flush(leg) && leg->peer->readable) pump(leg->peer, HungUp::kYes);
  if ((events & EPOLLIN) || hung_up == HungUp::kYes) {
    leg->readable = true;
    pump(leg, hung_up);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("usage: l4epoll LISTEN_PORT UPSTREAM_PORT\n", stderr);
    return 2;
  }
  const int listener = listenOn(arguments[1]);
  const sockaddr_in upstream = loopback(arguments[2]);
  if (listener < 0) {
    std::perror("l4epoll: bind");
    return 1;
  }
  poller = epoll_create1(0);
  epoll_event accepting{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &accepting);
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      Leg* leg = static_cast<Leg*>(events[i].data.ptr);
      if (leg == nullptr) {
        acceptAll(listener, upstream);
      } else {
        serve(leg, events[i].events);
      }
    }
    for (Leg* leg : closed_legs) delete leg;
    closed_legs.clear();
  }
}
