// Open-loop HTTP/1.1 load at a fixed mean rate (Poisson arrivals). Latency counts from the moment that a request was
// due, not from when a connection became free for it: a slow proxy can't hide behind its own slowness (coordinated
// omission). Prints one JSON object; times are microseconds.
//
// Each request that was due ends in one way: answered 200 (`ok`), answered otherwise (`statuses`), its connection ended
// (`closed`), or without an answer for TIMEOUT_MILLIS, or until the end of the run (`overdue`). `err` is all but the
// first. Connections that end are opened anew. Latencies are those of `ok` and `statuses`; `over50` counts requests of
// every kind that took more than 50 ms.
//
// usage: fixrate PORT PATH CONNECTIONS REQUESTS_A_SECOND SECONDS [EXTRA_HEADER_LINES [TIMEOUT_MILLIS]]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "loopback.h"

namespace {

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Connection {
  int fd = -1;
  bool is_busy = false;
  bool closes = false;    // after the answer, as its head says
  double due = 0;         // when the request on it should have been sent
  size_t missing = 0;     // bytes of the answer still to come, once its head is known
  std::string head = {};  // until it is complete
};

struct Load {
  std::string request;
  double rate;
  double seconds;
  double timeout;  // seconds; infinite: until the end of the run
  sockaddr_in address;
  int poller;
  std::vector<Connection> connections;
  std::vector<Connection*> idle = {};
  std::deque<double> late = {};  // requests that were due while every connection was busy
  std::vector<float> latencies = {};
  std::map<int, long> statuses = {};  // but 200
  size_t turn = 0;                    // takes turns among idle connections, so that all stay warm
  long due = 0;
  long ok = 0;
  long closed = 0;
  long overdue = 0;
  long over50 = 0;
  std::minstd_rand random{1};
};

constexpr double kSlow = 0.05;  // seconds

char buffer[262'144];

double nextGap(Load& load) {
  return std::exponential_distribution<double>(load.rate)(load.random);
}

bool open(Load& load, Connection& connection) {
  connection.fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection.fd, reinterpret_cast<sockaddr*>(&load.address), sizeof load.address)) return false;
  const int one = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
  epoll_ctl(load.poller, EPOLL_CTL_ADD, connection.fd, &event);
  return true;
}

void reopen(Load& load, Connection& connection) {
  close(connection.fd);
  open(load, connection);  // without success its next request counts as closed
}

void start(Load& load, Connection& connection, double due) {
  connection.is_busy = true;
  connection.closes = false;
  connection.due = due;
  connection.missing = 0;
  connection.head.clear();
  send(connection.fd, load.request.data(), load.request.size(), MSG_NOSIGNAL);  // what isn't taken is never answered
}

void startDue(Load& load, double& next, double time, double end) {
  while (next <= time && next < end) {
    ++load.due;
    if (load.idle.empty()) {
      load.late.push_back(next);
    } else {
      const size_t chosen = load.turn++ % load.idle.size();
      Connection* connection = load.idle[chosen];
      load.idle[chosen] = load.idle.back();
      load.idle.pop_back();
      start(load, *connection, next);
    }
    next += nextGap(load);
  }
}

// The request on it has ended, well or not.
void finish(Load& load, Connection& connection) {
  if (now() - connection.due > kSlow) ++load.over50;
  connection.is_busy = false;
  if (load.late.empty()) {
    load.idle.push_back(&connection);
  } else {
    const double due = load.late.front();
    load.late.pop_front();
    start(load, connection, due);
  }
}

// True when the answer is complete with these bytes.
bool take(Connection& connection, size_t received) {
  if (connection.missing > 0) {
    connection.missing -= std::min(connection.missing, received);
    return connection.missing == 0;
  }
  connection.head.append(buffer, received);
  const size_t end = connection.head.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const char* length = strcasestr(connection.head.c_str(), "content-length:");
  const size_t total = end + 4 + (length != nullptr ? std::strtoul(length + 15, nullptr, 10) : 0);
  connection.closes = strcasestr(connection.head.c_str(), "connection: close") != nullptr;
  connection.missing = total - std::min(total, connection.head.size());
  return connection.missing == 0;
}

void receive(Load& load, Connection& connection) {
  const ssize_t received = recv(connection.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) {
    reopen(load, connection);
    if (!connection.is_busy) return;
    ++load.closed;
    return finish(load, connection);
  }
  if (!connection.is_busy || !take(connection, static_cast<size_t>(received))) return;
  load.latencies.push_back(static_cast<float>((now() - connection.due) * 1e6));
  const int status = std::atoi(connection.head.c_str() + 9);
  if (status == 200) {
    ++load.ok;
  } else {
    ++load.statuses[status];
  }
  if (connection.closes) reopen(load, connection);
  finish(load, connection);
}

// Gives up what has waited for too long.
void giveUp(Load& load, double time) {
  for (; !load.late.empty() && time - load.late.front() > load.timeout; load.late.pop_front()) {
    ++load.overdue;
    ++load.over50;
  }
  for (Connection& connection : load.connections) {
    if (!connection.is_busy || time - connection.due <= load.timeout) continue;
    reopen(load, connection);
    ++load.overdue;
    finish(load, connection);
  }
}

void armTimer(int timer, double seconds) {
  seconds = std::max(seconds, 1e-6);
  itimerspec setting{};
  setting.it_value.tv_sec = static_cast<time_t>(seconds);
  setting.it_value.tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9);
  timerfd_settime(timer, 0, &setting, nullptr);
}

void run(Load& load) {
  constexpr double kBetweenLooks = 0.02;
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  epoll_event ticking{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(load.poller, EPOLL_CTL_ADD, timer, &ticking);
  const double begin = now() + 0.01;
  const double end = begin + load.seconds;
  const double last = end + std::clamp(2 * load.timeout, 0.5, 10.0);
  double next = begin;
  double looked = begin;
  for (;;) {
    const double time = now();
    startDue(load, next, time, end);
    if (time - looked > kBetweenLooks) {
      giveUp(load, time);
      looked = time;
    }
    if (time > end && (time > last || load.idle.size() == load.connections.size())) break;
    armTimer(timer, next >= end ? 0.05 : std::min(next - time, kBetweenLooks));
    epoll_event events[64];
    const int ready = epoll_wait(load.poller, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr != nullptr) {
        receive(load, *static_cast<Connection*>(events[i].data.ptr));
      } else if (uint64_t expirations = 0; read(timer, &expirations, sizeof expirations) < 0) {
        continue;  // another wait already took the expiration
      }
    }
  }
  const auto unanswered = static_cast<long>(load.connections.size() - load.idle.size() + load.late.size());
  load.overdue += unanswered;
  load.over50 += unanswered;
}

bool openAll(Load& load) {
  for (Connection& connection : load.connections) {
    if (!open(load, connection)) return false;
    load.idle.push_back(&connection);
  }
  return true;
}

void print(Load& load) {
  std::vector<float>& sorted = load.latencies;
  std::sort(sorted.begin(), sorted.end());
  const auto quantile = [&sorted](double part) {
    if (sorted.empty()) return 0.0;
    return static_cast<double>(sorted[std::min(sorted.size() - 1, static_cast<size_t>(part * sorted.size()))]);
  };
  std::printf("{\"done\":%zu,\"err\":%ld,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,",
              sorted.size(), load.due - load.ok, quantile(.5), quantile(.9), quantile(.99), quantile(.999),
              quantile(1));
  std::printf("\"due\":%ld,\"ok\":%ld,\"closed\":%ld,\"overdue\":%ld,\"over50\":%ld,\"statuses\":{", load.due, load.ok,
              load.closed, load.overdue, load.over50);
  const char* comma = "";
  for (const auto& [status, times] : load.statuses) {
    std::printf("%s\"%d\":%ld", comma, status, times);
    comma = ",";
  }
  std::printf("}}\n");
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) {
    std::fputs("usage: fixrate PORT PATH CONNECTIONS REQUESTS_A_SECOND SECONDS [EXTRA_HEADER_LINES [TIMEOUT_MILLIS]]\n",
               stderr);
    return 2;
  }
  // The default slack of 50 us would show up as latency of whatever is measured.
  prctl(PR_SET_TIMERSLACK, 1);
  const std::string extra = count > 6 ? arguments[6] : "";
  Load load{.request = std::string("GET ") + arguments[2] + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + extra + "\r\n",
            .rate = std::atof(arguments[4]),
            .seconds = std::atof(arguments[5]),
            .timeout = count > 7 ? std::atof(arguments[7]) / 1e3 : HUGE_VAL,
            .address = loopback(arguments[1]),
            .poller = epoll_create1(0),
            .connections = std::vector<Connection>(std::strtoul(arguments[3], nullptr, 10))};
  load.latencies.reserve(static_cast<size_t>(load.rate * load.seconds) + 10);
  if (!openAll(load)) {
    std::perror("fixrate: connect");
    return 1;
  }
  run(load);
  print(load);
}
