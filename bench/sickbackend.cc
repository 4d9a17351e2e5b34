// An application that takes its time and can fall ill: answers each GET with 128 bytes after WELL_MICROS. After SIGUSR1
// it answers with SICK_STATUS after SICK_MICROS. Requests have no bodies; nothing is checked.
//
// usage: sickbackend PORT WELL_MICROS SICK_MICROS SICK_STATUS

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "loopback.h"

namespace {

volatile std::sig_atomic_t is_sick = 0;

int64_t nowNanos() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000L + time.tv_nsec;
}

std::string answerOf(const char* status) {
  return std::string("HTTP/1.1 ") + status + " Any\r\nContent-Type: text/plain\r\nContent-Length: 128\r\n\r\n" +
         std::string(128, 'x');
}

struct Connection {
  int fd;
  std::string unread{};
};

struct Server {
  int poller;
  int listener;
  int timer;
  int64_t well_nanos;
  int64_t sick_nanos;
  std::string well;
  std::string sick;
  // By a number that is never used again: an answer may be due when its connection is gone.
  std::unordered_map<uint64_t, Connection> connections{};
  uint64_t next_id = 2;
  struct Due {
    uint64_t connection;
    const std::string* answer;
  };
  std::multimap<int64_t, Due> due{};
};

constexpr uint64_t kListener = 0;
constexpr uint64_t kTimer = 1;

void watch(const Server& server, int fd, uint64_t id) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = id}};
  epoll_ctl(server.poller, EPOLL_CTL_ADD, fd, &event);
}

void end(Server& server, uint64_t id) {
  close(server.connections.at(id).fd);
  server.connections.erase(id);
}

void acceptAll(Server& server) {
  for (int fd; (fd = accept4(server.listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(server, fd, server.next_id);
    server.connections.emplace(server.next_id++, Connection{fd});
  }
}

void receive(Server& server, uint64_t id) {
  const auto found = server.connections.find(id);
  if (found == server.connections.end()) return;
  Connection& connection = found->second;
  char buffer[16'384];
  const ssize_t received = recv(connection.fd, buffer, sizeof buffer, 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) return end(server, id);
  connection.unread.append(buffer, static_cast<size_t>(received));
  for (size_t at; (at = connection.unread.find("\r\n\r\n")) != std::string::npos;) {
    connection.unread.erase(0, at + 4);
    const bool sick = is_sick != 0;
    server.due.emplace(nowNanos() + (sick ? server.sick_nanos : server.well_nanos),
                       Server::Due{id, sick ? &server.sick : &server.well});
  }
}

void answerDue(Server& server) {
  const int64_t now = nowNanos();
  while (!server.due.empty() && server.due.begin()->first <= now) {
    const auto [id, answer] = server.due.begin()->second;
    server.due.erase(server.due.begin());
    const auto found = server.connections.find(id);
    if (found == server.connections.end()) continue;
    const auto size = static_cast<ssize_t>(answer->size());
    if (send(found->second.fd, answer->data(), answer->size(), MSG_NOSIGNAL) != size) end(server, id);
  }
  if (server.due.empty()) return;
  const int64_t wait = std::max<int64_t>(server.due.begin()->first - now, 1000);
  itimerspec setting{};
  setting.it_value.tv_sec = wait / 1'000'000'000L;
  setting.it_value.tv_nsec = wait % 1'000'000'000L;
  timerfd_settime(server.timer, 0, &setting, nullptr);
}

void run(Server& server) {
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(server.poller, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const uint64_t id = events[i].data.u64;
      if (id == kListener) {
        acceptAll(server);
      } else if (id != kTimer) {
        receive(server, id);
      } else if (uint64_t expirations = 0; read(server.timer, &expirations, sizeof expirations) < 0) {
        continue;  // set anew since
      }
    }
    answerDue(server);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: sickbackend PORT WELL_MICROS SICK_MICROS SICK_STATUS\n", stderr);
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1);
  std::signal(SIGUSR1, [](int) { is_sick = 1; });
  const int listener = listenOn(arguments[1]);
  if (listener < 0) {
    std::perror("sickbackend: bind");
    return 1;
  }
  Server server{.poller = epoll_create1(0),
                .listener = listener,
                .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK),
                .well_nanos = std::atol(arguments[2]) * 1000,
                .sick_nanos = std::atol(arguments[3]) * 1000,
                .well = answerOf("200"),
                .sick = answerOf(arguments[4])};
  watch(server, listener, kListener);
  watch(server, server.timer, kTimer);
  run(server);
}
