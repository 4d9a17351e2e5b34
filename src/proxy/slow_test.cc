// Split anywhere = whole, for whole exchanges: however few bytes come at a time, and however little anybody takes, what
// arrives is the same.
#include <gtest/gtest.h>

#include "proxy/test_support.h"

namespace remora::proxy::test {
namespace {

struct Turn {
  std::string request;
  std::string response;
};

struct Pace {
  size_t step = SIZE_MAX;      // bytes that client and application send at a time
  size_t capacity = 64 << 10;  // bytes on their way, each way
  size_t read_most = SIZE_MAX;
};

struct Heard {
  std::string by_app;
  std::string by_client;
  bool operator==(const Heard&) const = default;
};

// The payload of chunks joined: where a body is cut into chunks is nobody's business.
std::string joinChunks(std::string_view text) {
  std::string joined;
  while (!text.empty()) {
    const size_t head_end = text.find("\r\n\r\n");
    if (head_end == std::string_view::npos) break;
    const std::string_view head = text.substr(0, head_end + 4);
    joined += head;
    text.remove_prefix(head.size());
    if (!has(head, "Transfer-Encoding: chunked")) {
      const size_t next = std::min(text.find("HTTP/1.1 "), text.find("POST "));
      joined += text.substr(0, next);
      text.remove_prefix(std::min(next, text.size()));
      continue;
    }
    for (size_t size = 1; size;) {
      size = std::strtoull(std::string(text.substr(0, 16)).c_str(), nullptr, 16);
      text.remove_prefix(std::min(text.find("\r\n") + 2, text.size()));
      joined += text.substr(0, size);
      if (size) text.remove_prefix(std::min(size + 2, text.size()));
    }
    const size_t end = text.starts_with("\r\n") ? 2 : text.find("\r\n\r\n") + 4;  // trailers
    joined += text.substr(0, end);
    text.remove_prefix(std::min(end, text.size()));
  }
  return joined;
}

Heard play(const std::vector<Turn>& turns, Pace pace) {
  World world;
  world.connector.capacity = pace.capacity;
  world.connector.on_connect = [&](PipeEnd& ours, PipeEnd&) { ours.read_most = pace.read_most; };
  auto client = world.client("in", pace.capacity);
  world.lastServed().read_most = pace.read_most;
  Heard heard;
  const auto listen = [&] {
    world.settle();
    heard.by_client += client->take(pace.step);
    if (world.appConnections()) heard.by_app += world.app().take(pace.step);
  };
  const auto say = [&](PipeEnd& end, std::string_view text) {
    for (int idle = 0; !text.empty() && idle < 1000; ++idle) {
      const size_t taken = end.put(text.substr(0, pace.step));
      text.remove_prefix(taken);
      if (taken) idle = 0;
      listen();
    }
    EXPECT_TRUE(text.empty());
    for (size_t quiet = 0, before = 0; quiet < 3; ++quiet) {
      listen();
      const size_t now = heard.by_app.size() + heard.by_client.size();
      if (now != before) quiet = 0;
      before = now;
    }
  };
  for (const Turn& turn : turns) {
    say(*client, turn.request);
    EXPECT_EQ(world.appConnections(), 1u);
    say(world.app(), turn.response);
  }
  EXPECT_FALSE(client->isEnded());
  return {joinChunks(heard.by_app), joinChunks(heard.by_client)};
}

TEST(Slow, SplitAnywhereIsWholeForWholeExchanges) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<Turn> turns = {
      {kGet, kOk},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\nX: y\r\n\r\nabcdefghijklmnopqrstuvwxyz",
       "HTTP/1.1 201 Made\r\n" + chunked + "1a;e=x\r\nabcdefghijklmnopqrstuvwxyz\r\n3\r\nend\r\n0\r\nX-T: 1\r\n\r\n"},
      {"POST /c HTTP/1.1\r\nHost: a\r\n" + chunked + "10\r\n0123456789012345\r\n2\r\nxy\r\n0\r\nSum: 18\r\n\r\n",
       "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
      {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
      {"DELETE /d HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
      {kGet, kOk}};
  const Heard whole = play(turns, {});
  EXPECT_TRUE(has(whole.by_client, "abcdefghijklmnopqrstuvwxyzend"));
  for (const size_t step : {1, 2, 3, 7, 19, 64}) {
    EXPECT_EQ(play(turns, {.step = step}), whole) << "in steps of " << step;
    EXPECT_EQ(play(turns, {.step = 5, .capacity = step}), whole) << "through " << step << " bytes";
    EXPECT_EQ(play(turns, {.read_most = step}), whole) << "read by " << step;
    EXPECT_EQ(play(turns, {.step = step, .capacity = 3, .read_most = 2}), whole) << "all together";
  }
}

TEST(Slow, ALargeBodyThroughASmallPipeArrivesWholeAndIsNeverHeldInMemory) {
  World world;
  world.connector.capacity = 4096;
  auto client = world.client("in", 4096);
  client->put(kGet);
  (void)world.toApp();
  constexpr size_t kBody = 1 << 20;
  world.app().put("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n");
  size_t sent = 0;
  for (int i = 0; i < 1000; ++i) {  // nobody reads: back-pressure must reach the application
    sent += world.app().put(std::string(4096, 'x'));
    world.settle();
  }
  EXPECT_LT(sent, 5 * 4096u);
  size_t received = 0;
  for (int i = 0; i < 10'000 && sent < kBody; ++i) {
    sent += world.app().put(std::string(std::min<size_t>(4096, kBody - sent), 'x'));
    world.settle();
    received += client->take().size();
  }
  for (int i = 0; i < 10; ++i) {
    world.settle();
    received += client->take().size();
  }
  EXPECT_EQ(received, kBody + 44);
  EXPECT_EQ(world.last().bytes_sent, kBody);
}

}  // namespace
}  // namespace remora::proxy::test
