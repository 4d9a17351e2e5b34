// One HTTP/2 session over memory whose peer is the fuzzer's bytes, cut anywhere, and which does with its streams what a
// proxy does: reads, answers, resets. Nothing crashes, memory stays within its bounds, and no work goes on for ever.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/h2_session.h"
#include "http/h2_validate.h"
#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace remora::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline http::H2Bounds smallBounds() {
  http::H2Bounds bounds;
  bounds.http2.streams = 8;
  bounds.http2.stream_window = 4_KiB;
  bounds.http2.connection_window = 70_KiB;
  bounds.http2.unsent = 8_KiB;
  bounds.http2.resets = 10;
  bounds.http2.control_frames = 50;
  bounds.head = {.bytes = 2048, .fields = 20, .target = 256};
  bounds.trailers = {.bytes = 256, .fields = 5, .target = 0};
  bounds.head_time = std::chrono::seconds(10);
  return bounds;
}

class Peer final : public http::H2Session::Owner {
 public:
  explicit Peer(http::H2Session::Role role) {
    std::tie(near_, far_) = net::MemoryStream::pair(loop_, 1 << 20);
    session_.emplace(role, *near_, scratch_, smallBounds(), *this);
    session_->start();
    loop_.settle();
    if (role == http::H2Session::Role::kClient) {
      while (streams_.size() < 4 && open()) {
      }
    }
  }

  void say(std::string_view bytes) {
    far_->put(bytes);
    loop_.settle();
    far_->take();
    require(session_->unsent() < 256 << 10);
    require(session_->activeStreams() <= 16);
  }
  void onRequest(std::unique_ptr<http::H2Stream> stream) override {
    if (!stream->headFailure()) {
      const http::RawRequest& raw = stream->request();
      std::array<char, 4096> storage;
      const auto request = http::validateH2Request(raw, {}, storage);
      require(!request || raw.headers.size() <= 22);
    }
    streams_.push_back(std::move(stream));
  }
  void onSessionChange() override {}
  // What the owners of the streams do next.
  void act(uint8_t choice) {
    if (streams_.empty()) {
      if (session_->role() == http::H2Session::Role::kClient) open();
      return;
    }
    std::unique_ptr<http::H2Stream>& stream = streams_[choice / 8 % streams_.size()];
    switch (choice % 8) {
      case 0:
        stream = std::move(streams_.back());
        streams_.pop_back();
        break;
      case 1:
        respond(*stream, http::End::kLast);
        break;
      case 2:
        respond(*stream, http::End::kMore);
        break;
      case 3:
        stream->shutdownWrite();
        break;
      case 4:
        session_->goAway();
        break;
      case 5:
        open();
        break;
      default:
        read(*stream);
        break;
    }
    loop_.settle();
  }
  void end() {
    loop_.advance(std::chrono::minutes(2));
    streams_.clear();
    loop_.settle();
    require(session_->isIdle());
  }

 private:
  bool open() {
    std::unique_ptr<http::H2Stream> stream = session_->openStream();
    if (!stream) return false;
    const std::array<http::HeadField, 4> head{
        {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}};
    if (stream->sendHead(head, http::End::kMore)) streams_.push_back(std::move(stream));
    return true;
  }
  void respond(http::H2Stream& stream, http::End end) {
    if (!stream.hasSentHead()) {
      const std::array<http::HeadField, 1> head{{{":status", "200"}}};
      if (!stream.sendHead(head, http::End::kMore)) return;
    }
    std::string body(3000, 'x');
    const iovec piece{body.data(), body.size()};
    end == http::End::kLast ? stream.writeLast({&piece, 1}) : stream.write({&piece, 1});
  }
  void read(http::H2Stream& stream) {
    while (const http::RawResponse* response = stream.takeResponse()) {
      (void)http::validateH2Response(*response, http::Method::kPost);
    }
    std::array<char, 700> piece;
    const net::IoResult got = stream.read(piece);
    if (got.isEnd()) require(stream.trailers().size() <= 5);
  }

  loop::TestLoop loop_;
  std::array<char, 4096> scratch_;
  std::unique_ptr<net::MemoryStream> near_;
  std::unique_ptr<net::MemoryStream> far_;
  std::optional<http::H2Session> session_;
  std::vector<std::unique_ptr<http::H2Stream>> streams_;
};

// The input: bytes that the peer says, in pieces, with an action behind each.
inline void play(http::H2Session::Role role, std::string_view prefix, std::string_view script) {
  Peer peer(role);
  peer.say(prefix);
  while (script.size() >= 2) {
    const size_t length = static_cast<uint8_t>(script[0]);
    const auto action = static_cast<uint8_t>(script[1]);
    const std::string_view bytes = script.substr(2, length);
    peer.say(bytes);
    peer.act(action);
    script.remove_prefix(2 + bytes.size());
  }
  peer.end();
}

}  // namespace remora::fuzz
