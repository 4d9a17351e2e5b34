// Open-loop HTTP/1.1 load at a fixed mean rate (Poisson arrivals). Latency counts from the moment that a request was
// due, not from when a connection became free for it: a slow proxy can't hide behind its own slowness (coordinated
// omission). Prints one JSON object; times are microseconds.
//
// usage: fixrate PORT PATH CONNECTIONS REQUESTS_A_SECOND SECONDS [EXTRA_HEADER_LINES]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace {

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Connection {
  int fd = -1;
  double due = 0;         // when the request on it should have been sent
  size_t missing = 0;     // bytes of the answer still to come, once its head is known
  std::string head = {};  // until it is complete
};

struct Load {
  std::string request;
  double rate;
  double seconds;
  std::vector<Connection> connections;
  std::vector<Connection*> idle = {};
  std::deque<double> late = {};  // requests that were due while every connection was busy
  std::vector<float> latencies = {};
  size_t turn = 0;  // takes turns among idle connections, so that all stay warm
  long errors = 0;
  std::minstd_rand random{1};
};

char buffer[262'144];

double nextGap(Load& load) {
  return std::exponential_distribution<double>(load.rate)(load.random);
}

void start(Load& load, Connection& connection, double due) {
  connection.due = due;
  connection.missing = 0;
  connection.head.clear();
  const ssize_t taken = send(connection.fd, load.request.data(), load.request.size(), MSG_NOSIGNAL);
  if (taken != static_cast<ssize_t>(load.request.size())) ++load.errors;
}

void startDue(Load& load, double& next, double time, double end) {
  while (next <= time && next < end) {
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

// True when the answer is complete with these bytes.
bool take(Load& load, Connection& connection, size_t received) {
  if (connection.missing > 0) {
    connection.missing -= std::min(connection.missing, received);
    return connection.missing == 0;
  }
  connection.head.append(buffer, received);
  const size_t end = connection.head.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const char* length = strcasestr(connection.head.c_str(), "content-length:");
  const size_t total = end + 4 + (length != nullptr ? std::strtoul(length + 15, nullptr, 10) : 0);
  if (connection.head.compare(9, 3, "200") != 0) ++load.errors;
  connection.missing = total - std::min(total, connection.head.size());
  return connection.missing == 0;
}

void receive(Load& load, Connection& connection, int poller) {
  const ssize_t received = recv(connection.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (received <= 0) {
    if (received == 0) {
      ++load.errors;
      epoll_ctl(poller, EPOLL_CTL_DEL, connection.fd, nullptr);
    }
    return;
  }
  if (!take(load, connection, static_cast<size_t>(received))) return;
  load.latencies.push_back(static_cast<float>((now() - connection.due) * 1e6));
  if (load.late.empty()) {
    load.idle.push_back(&connection);
  } else {
    const double due = load.late.front();
    load.late.pop_front();
    start(load, connection, due);
  }
}

void armTimer(int timer, double seconds) {
  seconds = std::max(seconds, 1e-6);
  itimerspec setting{};
  setting.it_value.tv_sec = static_cast<time_t>(seconds);
  setting.it_value.tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9);
  timerfd_settime(timer, 0, &setting, nullptr);
}

void run(Load& load, int poller) {
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  epoll_event ticking{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &ticking);
  const double begin = now() + 0.01;
  const double end = begin + load.seconds;
  double next = begin;
  for (;;) {
    const double time = now();
    startDue(load, next, time, end);
    if (time > end + 0.5 || (time > end && load.idle.size() == load.connections.size())) return;
    armTimer(timer, next >= end ? 0.05 : next - time);
    epoll_event events[64];
    const int ready = epoll_wait(poller, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr != nullptr) {
        receive(load, *static_cast<Connection*>(events[i].data.ptr), poller);
      } else if (uint64_t expirations = 0; read(timer, &expirations, sizeof expirations) < 0) {
        continue;  // another wait already took the expiration
      }
    }
  }
}

bool connectAll(Load& load, int poller, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (Connection& connection : load.connections) {
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) return false;
    const int one = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(poller, EPOLL_CTL_ADD, connection.fd, &event);
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
  std::printf("{\"done\":%zu,\"err\":%ld,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n",
              sorted.size(), load.errors, quantile(.5), quantile(.9), quantile(.99), quantile(.999), quantile(1));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) {
    std::fputs("usage: fixrate PORT PATH CONNECTIONS REQUESTS_A_SECOND SECONDS [EXTRA_HEADER_LINES]\n", stderr);
    return 2;
  }
  // The default slack of 50 us would show up as latency of whatever is measured.
  prctl(PR_SET_TIMERSLACK, 1);
  const std::string extra = count > 6 ? arguments[6] : "";
  Load load{.request = std::string("GET ") + arguments[2] + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + extra + "\r\n",
            .rate = std::atof(arguments[4]),
            .seconds = std::atof(arguments[5]),
            .connections = std::vector<Connection>(std::strtoul(arguments[3], nullptr, 10))};
  load.latencies.reserve(static_cast<size_t>(load.rate * load.seconds) + 10);
  const int poller = epoll_create1(0);
  if (!connectAll(load, poller, std::atoi(arguments[1]))) {
    std::perror("fixrate: connect");
    return 1;
  }
  run(load, poller);
  print(load);
}
