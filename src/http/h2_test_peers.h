// Sessions for tests: a server and a client joined, or either with a peer that writes its frames by hand.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "http/h2_session.h"
#include "http/h2_test_frames.h"
#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace remora::http {

class H2TestOwner final : public H2Session::Owner {
 public:
  void onRequest(std::unique_ptr<H2Stream> stream) override {
    requests.push_back(std::move(stream));
    if (refuses) requests.pop_back();
  }
  void onSessionChange() override { ++changes; }

  std::vector<std::unique_ptr<H2Stream>> requests;
  bool refuses = false;
  int changes = 0;
};

inline const std::vector<HeadField> kGet{
    {":method", "GET"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/a"}};
inline const std::vector<HeadField> kPost{
    {":method", "POST"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/a"}};
inline const std::vector<HeadField> kOk{{":status", "200"}};
inline const frames::Fields kRawGet{{":method", "GET"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/a"}};
inline const frames::Fields kRawPost{{":method", "POST"}, {":scheme", "http"}, {":authority", "shop"}, {":path", "/a"}};

// Everything that a stream gives now; '$' behind its end, '!' behind an error.
inline std::string readAll(H2Stream& stream) {
  std::string text;
  std::array<char, 1000> piece;
  for (;;) {
    const net::IoResult read = stream.read(piece);
    if (read.isBlocked()) return text;
    if (read.error) return text + "!";
    if (read.isEnd()) return text + "$";
    text.append(piece.data(), read.bytes);
  }
}

inline net::IoResult writeText(H2Stream& stream, std::string_view text, End end = End::kMore) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  return end == End::kLast ? stream.writeLast({&piece, 1}) : stream.write({&piece, 1});
}

// A client and a server over memory.
struct H2Pair {
  explicit H2Pair(const H2Bounds& client_bounds = {}, const H2Bounds& server_bounds = {}, size_t capacity = 64 << 10) {
    std::tie(near, far) = net::MemoryStream::pair(loop, capacity);
    client.emplace(H2Session::Role::kClient, *near, scratch, client_bounds, client_owner);
    server.emplace(H2Session::Role::kServer, *far, scratch, server_bounds, server_owner);
    client->start();
    server->start();
    loop.settle();
  }
  // A request that has arrived; the server's side of it is the owner's last.
  std::unique_ptr<H2Stream> ask(const std::vector<HeadField>& fields = kGet, End end = End::kLast) {
    std::unique_ptr<H2Stream> stream = client->openStream();
    EXPECT_TRUE(stream && stream->sendHead(fields, end));
    loop.settle();
    return stream;
  }
  H2Stream& asked() { return *server_owner.requests.back(); }

  loop::TestLoop loop;
  std::array<char, 16 << 10> scratch;
  H2TestOwner client_owner;
  H2TestOwner server_owner;
  std::unique_ptr<net::MemoryStream> near;
  std::unique_ptr<net::MemoryStream> far;
  std::optional<H2Session> client;
  std::optional<H2Session> server;
};

// One session, and its peer by hand. A client has a request open on stream 1, which may be written still.
struct H2Raw {
  explicit H2Raw(H2Session::Role role, const H2Bounds& bounds = {}, size_t capacity = 1 << 20, bool answers = true) {
    std::tie(near, far) = net::MemoryStream::pair(loop, capacity);
    session.emplace(role, *near, scratch, bounds, owner);
    session->start();
    if (role == H2Session::Role::kServer) say(std::string(frames::kPreface));
    say(frames::settings() + (answers ? frames::settingsAck() : ""));
    if (role == H2Session::Role::kClient) open(End::kMore);
    heard();
  }
  void say(std::string_view bytes) {
    far->put(bytes);
    loop.advance(Duration(0));  // with the turns that a session takes for much at once
  }
  H2Stream& open(End end) {
    owner.requests.push_back(session->openStream());
    EXPECT_TRUE(owner.requests.back()->sendHead(kPost, end));
    loop.settle();
    return *owner.requests.back();
  }
  std::vector<frames::Seen> heard() { return frames::read(far->take()); }
  // The error of the GOAWAY among what was said since; -1: there was none.
  int64_t goAwayError() {
    int64_t error = -1;
    for (const frames::Seen& frame : heard()) {
      if (frame.type == H2Frame::kGoAway) error = frame.number(4);
    }
    return error;
  }

  loop::TestLoop loop;
  std::array<char, 16 << 10> scratch;
  H2TestOwner owner;
  frames::Hpack hpack;
  std::unique_ptr<net::MemoryStream> near;
  std::unique_ptr<net::MemoryStream> far;
  std::optional<H2Session> session;
};

inline constexpr auto kServerRole = H2Session::Role::kServer;
inline constexpr auto kClientRole = H2Session::Role::kClient;
inline constexpr auto kCalm = static_cast<int64_t>(H2Error::kEnhanceYourCalm);

}  // namespace remora::http
