// The application behind the proxies that are measured: answers GET as fast as one thread can, so that it is never
// what is measured. /s answers 128 bytes, /m 16 KiB, /l 1 MiB. A request with "Connection: close" closes.
// Requests have no bodies; nothing is checked.
//
// usage: backend PORT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "loopback.h"

namespace {

struct Connection {
  int fd;
  std::string unread{};                 // the beginning of a head whose end hasn't come
  const std::string* answer = nullptr;  // being sent
  size_t sent = 0;                      // of `answer`
  bool closes = false;                  // after the answer
  bool dead = false;
};

char buffer[65'536];

struct Answers {
  std::string small;
  std::string middle;
  std::string large;
};

std::string answerOf(size_t size, const char* connection) {
  return std::string("HTTP/1.1 200 OK\r\nServer: bk\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\n") +
         "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) + "\r\n" + connection +
         "X-Backend: one\r\n\r\n" + std::string(size, 'x');
}

Answers answersWith(const char* connection) {
  return {answerOf(128, connection), answerOf(16'384, connection), answerOf(1'048'576, connection)};
}
const Answers staying = answersWith("");
const Answers closing = answersWith("Connection: close\r\n");

const std::string& chooseAnswer(std::string_view head, bool closes) {
  const Answers& answers = closes ? closing : staying;
  const size_t target = head.find(' ');
  if (target == head.npos || target + 2 >= head.size()) return answers.small;
  return head[target + 2] == 'm' ? answers.middle : head[target + 2] == 'l' ? answers.large : answers.small;
}

void flush(Connection& connection) {
  while (connection.answer != nullptr) {
    const std::string& answer = *connection.answer;
    const ssize_t taken =
        send(connection.fd, answer.data() + connection.sent, answer.size() - connection.sent, MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno != EAGAIN) connection.dead = true;
      return;
    }
    connection.sent += static_cast<size_t>(taken);
    if (connection.sent < answer.size()) continue;
    connection.answer = nullptr;
    connection.sent = 0;
    if (connection.closes) connection.dead = true;
  }
}

// Answers the complete heads in `bytes`, one after the other; returns how many bytes they took.
size_t answerAll(Connection& connection, std::string_view bytes) {
  size_t used = 0;
  while (connection.answer == nullptr && !connection.dead) {
    const size_t end = bytes.find("\r\n\r\n", used);
    if (end == bytes.npos) break;
    const std::string_view head = bytes.substr(used, end + 4 - used);
    used = end + 4;
    connection.closes = memmem(head.data(), head.size(), "Connection: close", 17) != nullptr;
    connection.answer = &chooseAnswer(head, connection.closes);
    flush(connection);
  }
  return used;
}

void readAll(Connection& connection, bool hung_up) {
  for (;;) {
    const ssize_t received = recv(connection.fd, buffer, sizeof buffer, 0);
    if (received <= 0) {
      if (received == 0 || errno != EAGAIN) connection.dead = true;
      return;
    }
    std::string_view bytes(buffer, static_cast<size_t>(received));
    if (!connection.unread.empty()) {
      connection.unread.append(bytes);
      bytes = connection.unread;
    }
    // Assigned through a copy: `bytes` may point into `unread` itself.
    connection.unread = std::string(bytes.substr(answerAll(connection, bytes)));
    if (connection.dead || (received < static_cast<ssize_t>(sizeof buffer) && !hung_up)) return;
  }
}

void acceptAll(int poller, int listener) {
  for (;;) {
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (accepted < 0) return;
    const int one = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = new Connection{accepted}}};
    epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
  }
}

void serve(Connection* connection, uint32_t events) {
  const bool was_waiting = connection->answer != nullptr;
  flush(*connection);
  if (was_waiting && connection->answer == nullptr && !connection->dead && !connection->unread.empty()) {
    const std::string waiting = connection->unread;
    connection->unread = waiting.substr(answerAll(*connection, waiting));
  }
  if (!connection->dead && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
    readAll(*connection, (events & (EPOLLRDHUP | EPOLLHUP)) != 0);
  }
  if (connection->dead) {
    close(connection->fd);
    delete connection;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: backend PORT\n", stderr);
    return 2;
  }
  const int listener = listenOn(arguments[1]);
  if (listener < 0) {
    std::perror("backend: bind");
    return 1;
  }
  const int poller = epoll_create1(0);
  epoll_event accepting{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &accepting);
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr == nullptr) {
        acceptAll(poller, listener);
      } else {
        serve(static_cast<Connection*>(events[i].data.ptr), events[i].events);
      }
    }
  }
}
