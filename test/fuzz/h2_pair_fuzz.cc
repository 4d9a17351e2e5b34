// A client's and a server's session joined, playing a script of both owners' actions over a network of any capacity:
// every field and every byte that one sends comes out at the other, whole and in order, or the stream says that it
// failed; neither side ever finds the other's protocol wrong.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/h2_session.h"
#include "loop/test_loop.h"
#include "net/memory_net.h"

namespace {

using namespace remora;
using http::End;
using http::H2Session;
using http::H2Stream;

void require(bool holds, int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "line %d\n", line);
  std::abort();
}

// What one direction of a stream said and heard.
struct Talk {
  std::string said;
  std::string heard;
  bool has_ended = false;
  bool end_heard = false;
};

struct Side final : H2Session::Owner {
  void onRequest(std::unique_ptr<H2Stream> stream) override {
    require(!stream->headFailure());
    const http::Headers& headers = stream->request().headers;
    require(stream->request().target == "/" + std::string(headers.valueOf(http::HeaderId::kUserAgent)));
    const int32_t id = stream->id();
    streams.emplace(id, std::move(stream));
  }
  void onSessionChange() override {}

  std::optional<H2Session> session;
  std::map<int32_t, std::unique_ptr<H2Stream>> streams;
  std::map<int32_t, Talk>* says = nullptr;
  std::map<int32_t, Talk>* hears = nullptr;
};

class Play {
 public:
  explicit Play(uint8_t setup) {
    http::H2Bounds bounds;
    bounds.http2.streams = 5;
    bounds.http2.stream_window = Bytes{setup & 1U ? 1000U : 100'000U};
    bounds.http2.connection_window = Bytes{70'000};
    bounds.http2.unsent = Bytes{setup & 2U ? 2000U : 100'000U};
    bounds.http2.resets = 1'000'000;
    bounds.http2.control_frames = 1'000'000;
    std::tie(near_, far_) = net::MemoryStream::pair(loop_, 200 + size_t{setup} * 64);
    client_.session.emplace(H2Session::Role::kClient, *near_, scratch_, bounds, client_);
    server_.session.emplace(H2Session::Role::kServer, *far_, scratch_, bounds, server_);
    client_.says = server_.hears = &requests_;
    client_.hears = server_.says = &answers_;
    client_.session->start();
    server_.session->start();
  }

  void step(uint8_t operation, uint8_t argument) {
    Side& side = operation & 1 ? server_ : client_;
    switch (operation / 2 % 8) {
      case 0:
        open(argument);
        break;
      case 1:
        loop_.advance(Duration(0));
        break;
      case 2:
        if (H2Stream* stream = pick(side, argument)) write(side, *stream, size_t{argument} * 37, End::kMore);
        break;
      case 3:
        if (H2Stream* stream = pick(side, argument)) write(side, *stream, argument, End::kLast);
        break;
      case 4:
        if (H2Stream* stream = pick(side, argument)) read(side, *stream);
        break;
      case 5:
        if (H2Stream* stream = pick(side, argument)) trail(side, *stream);
        break;
      case 6:
        if (H2Stream* stream = pick(side, argument)) {
          has_cancelled_ = true;
          side.streams.erase(stream->id());
        }
        break;
      default:
        if (argument == 0) side.session->goAway();
        break;
    }
  }

  void end() {
    size_t before = 1;
    for (int quiet = 0; quiet < 3;) {
      loop_.advance(Duration(0));
      for (Side* side : {&client_, &server_}) {
        for (auto& [id, stream] : side->streams) read(*side, *stream);
      }
      const size_t now = heard_ + client_.session->counts().frames + server_.session->counts().frames;
      quiet = now == before ? quiet + 1 : 0;
      before = now;
    }
    loop_.advance(Duration(0));
    for (Side* side : {&client_, &server_}) {
      const http::H2End end = side->session->endReason();
      require(end == http::H2End::kNot || end == http::H2End::kDone || end == http::H2End::kPeerClosed);
      // Streams opened and cancelled faster than they are told of are refused.
      require(has_cancelled_ || side->session->counts().resets_forced == 0);
      for (auto& [id, stream] : side->streams) {
        const auto said = side->hears->find(id);
        if (stream->hasError() || said == side->hears->end()) continue;
        const bool heads_only = side == &client_ && !took_final_[id];
        if (!heads_only) require(said->second.heard == said->second.said);
        if (said->second.has_ended && !heads_only) require(said->second.end_heard);
      }
    }
  }

 private:
  H2Stream* pick(Side& side, uint8_t argument) {
    if (side.streams.empty()) return nullptr;
    auto at = side.streams.begin();
    std::advance(at, argument % side.streams.size());
    return at->second.get();
  }
  void open(uint8_t argument) {
    std::unique_ptr<H2Stream> stream = client_.session->openStream();
    if (!stream) return;
    const std::string agent(argument, static_cast<char>('a' + argument % 26));
    const std::string path = "/" + agent;
    const std::array<http::HeadField, 5> head{{{":method", "POST"},
                                               {":scheme", "http"},
                                               {":authority", "shop"},
                                               {":path", path},
                                               {"user-agent", agent, argument % 2 == 0}}};
    if (!stream->sendHead(head, End::kMore)) return;
    const int32_t id = stream->id();
    client_.streams.emplace(id, std::move(stream));
  }
  bool begin(Side& side, H2Stream& stream) {
    if (stream.hasSentHead()) return true;
    const std::array<http::HeadField, 1> head{{{":status", "200"}}};
    return stream.sendHead(head, End::kMore).has_value();
  }
  void write(Side& side, H2Stream& stream, size_t bytes, End end) {
    Talk& talk = (*side.says)[stream.id()];
    if (!begin(side, stream) || talk.has_ended) return;
    std::string body(bytes, static_cast<char>('A' + talk.said.size() % 26));
    const iovec piece{body.data(), body.size()};
    const net::IoResult written = end == End::kLast ? stream.writeLast({&piece, 1}) : stream.write({&piece, 1});
    talk.said += body.substr(0, written.bytes);
    if (end == End::kLast && written.error == 0) talk.has_ended = true;
    if (!written.error) require(written.bytes == bytes);
  }
  void trail(Side& side, H2Stream& stream) {
    Talk& talk = (*side.says)[stream.id()];
    if (!begin(side, stream) || talk.has_ended) return;
    const std::array<http::HeadField, 1> fields{{{"x-sum", "1"}}};
    if (stream.sendTrailers(fields)) talk.has_ended = true;
  }
  void read(Side& side, H2Stream& stream) {
    if (&side == &client_) {
      if (stream.takeResponse()) took_final_[stream.id()] = true;
    }
    Talk& talk = (*side.hears)[stream.id()];
    std::array<char, 5000> piece;
    const net::IoResult got = stream.read(piece);
    if (got.isEnd()) talk.end_heard = true;
    talk.heard.append(piece.data(), got.bytes);
    heard_ += got.bytes;
    require(talk.said.starts_with(talk.heard));
    if (got.isEnd()) require(talk.has_ended && talk.heard == talk.said);
  }

  loop::TestLoop loop_;
  std::array<char, 4096> scratch_;
  std::unique_ptr<net::MemoryStream> near_;
  std::unique_ptr<net::MemoryStream> far_;
  Side client_;
  Side server_;
  std::map<int32_t, Talk> requests_;
  std::map<int32_t, Talk> answers_;
  std::map<int32_t, bool> took_final_;
  size_t heard_ = 0;
  bool has_cancelled_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 2000) return 0;
  Play play(data[0]);
  for (size_t i = 1; i + 1 < size; i += 2) play.step(data[i], data[i + 1]);
  play.end();
  return 0;
}
