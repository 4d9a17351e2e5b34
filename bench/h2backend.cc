// The application behind the proxies that are measured over HTTP/2: what backend.cc is for HTTP/1. Prior knowledge
// only, one thread, over nghttp2. /s answers 128 bytes, /m 16 KiB, /l 1 MiB. Requests have no bodies; nothing is
// checked.
//
// usage: h2backend PORT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "loopback.h"

namespace {

constexpr size_t kLargestSend = 131'072;        // gathered before one send
constexpr int32_t kConnectionWindow = 1 << 24;  // never what a request waits for
constexpr uint32_t kStreams = 1000;             // of one connection: more than any proxy opens here

struct Connection {
  int fd;
  nghttp2_session* session = nullptr;
  std::string unsent{};
  size_t sent = 0;  // of `unsent`
  bool dead = false;
};

uint8_t buffer[65'536];
const std::string body(1'048'576, 'x');
nghttp2_session_callbacks* callbacks;
nghttp2_option* settings;

size_t sizeFor(std::string_view path) {
  const char which = path.size() > 1 ? path[1] : 's';
  return which == 'm' ? 16'384 : which == 'l' ? body.size() : 128;
}

// A stream's user data is the next byte of `body` to send: what is left of an answer is what lies behind it.
void* nextByte(size_t left) {
  return const_cast<char*>(body.data() + body.size() - left);
}

size_t leftOf(nghttp2_session* session, int32_t stream) {
  const void* next = nghttp2_session_get_stream_user_data(session, stream);
  return static_cast<size_t>(body.data() + body.size() - static_cast<const char*>(next));
}

int takeField(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
              const uint8_t* value, size_t value_size, uint8_t, void*) {
  if (name_size != 5 || std::memcmp(name, ":path", 5) != 0) return 0;
  const size_t size = sizeFor({reinterpret_cast<const char*>(value), value_size});
  return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, nextByte(size));
}

ssize_t giveBody(nghttp2_session* session, int32_t stream, uint8_t* to, size_t room, uint32_t* flags,
                 nghttp2_data_source*, void*) {
  const size_t left = leftOf(session, stream);
  const size_t part = std::min(left, room);
  std::memcpy(to, body.data(), part);
  nghttp2_session_set_stream_user_data(session, stream, nextByte(left - part));
  if (part == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(part);
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

int answer(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  const int32_t stream = frame->hd.stream_id;
  const std::string length = std::to_string(leftOf(session, stream));
  const nghttp2_nv fields[] = {field(":status", "200"),
                               field("server", "bk"),
                               field("date", "Mon, 23 Nov 2026 00:00:00 GMT"),
                               field("content-type", "application/octet-stream"),
                               field("content-length", length),
                               field("x-backend", "one")};
  nghttp2_data_provider provider{.source = {}, .read_callback = giveBody};
  return nghttp2_submit_response(session, stream, fields, std::size(fields), &provider);
}

void prepareCallbacks() {
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, takeField);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, answer);
  nghttp2_option_new(&settings);
  nghttp2_option_set_no_closed_streams(settings, 1);
}

Connection* newConnection(int fd) {
  auto* connection = new Connection{fd};
  nghttp2_session_server_new2(&connection->session, callbacks, connection, settings);
  const nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreams}};
  nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, entries, 1);
  nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return connection;
}

// True when nothing is left over.
bool sendUnsent(Connection& connection) {
  while (connection.sent < connection.unsent.size()) {
    const ssize_t taken = send(connection.fd, connection.unsent.data() + connection.sent,
                               connection.unsent.size() - connection.sent, MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno != EAGAIN) connection.dead = true;
      return false;
    }
    connection.sent += static_cast<size_t>(taken);
  }
  connection.unsent.clear();
  connection.sent = 0;
  return true;
}

void flush(Connection& connection) {
  while (!connection.dead && sendUnsent(connection)) {
    while (connection.unsent.size() < kLargestSend) {
      const uint8_t* bytes = nullptr;
      const ssize_t count = nghttp2_session_mem_send(connection.session, &bytes);
      if (count < 0) connection.dead = true;
      if (count <= 0) break;
      connection.unsent.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
    }
    if (connection.unsent.empty()) return;
  }
}

void readAll(Connection& connection) {
  for (;;) {
    const ssize_t received = recv(connection.fd, buffer, sizeof buffer, 0);
    if (received <= 0) {
      if (received == 0 || errno != EAGAIN) connection.dead = true;
      return;
    }
    if (nghttp2_session_mem_recv(connection.session, buffer, static_cast<size_t>(received)) < 0) {
      connection.dead = true;
      return;
    }
  }
}

void acceptAll(int poller, int listener) {
  for (;;) {
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (accepted < 0) return;
    const int one = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = newConnection(accepted)}};
    epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
  }
}

void serve(Connection* connection, uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readAll(*connection);
  if (!connection->dead) flush(*connection);
  if (!connection->dead && nghttp2_session_want_read(connection->session)) return;
  nghttp2_session_del(connection->session);
  close(connection->fd);
  delete connection;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: h2backend PORT\n", stderr);
    return 2;
  }
  const int listener = listenOn(arguments[1]);
  if (listener < 0) {
    std::perror("h2backend: bind");
    return 1;
  }
  prepareCallbacks();
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
