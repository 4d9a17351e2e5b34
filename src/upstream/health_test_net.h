// Endpoints in memory that answer health checks as a test wants it, in virtual time. For tests only.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/h2_session.h"
#include "loop/test_loop.h"
#include "net/memory_net.h"
#include "tls/tls_stream.h"

namespace remora::upstream::test {

// What an endpoint does with its next connections, and what came of those before.
struct TestEndpoint {
  enum class Mode : uint8_t { kAnswers, kSilent, kRefuses, kNeverConnects, kCloses, kResets, kNoDescriptors };
  Mode mode = Mode::kAnswers;
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  bool keeps_open = false;  // after its answer
  std::shared_ptr<const tls::ServerContext> tls;
  // Over HTTP/2: a head, a body where there is one, and trailers.
  bool is_http2 = false;
  std::vector<http::HeadField> head{{":status", "200"}};
  std::string body;
  std::string grpc_status;  // in trailers; empty: none, the body ends the answer

  std::vector<Instant> connected_at;
  std::vector<std::string> requests;  // heads, and of HTTP/2 ":path body"
  size_t open = 0;
  size_t most_open = 0;
};

class NeverConnected final : public net::Stream {
 public:
  explicit NeverConnected(loop::Loop& loop) : Stream(loop) { may_write_ = false; }
  net::IoResult read(std::span<char>) override { return {0, EAGAIN}; }
  net::IoResult write(std::span<const iovec>) override { return {0, EAGAIN}; }
  void shutdownWrite() override {}
  void resetOnClose() override {}
};

// The endpoint's side of one connection.
class Served final : loop::Runnable, http::H2Session::Owner {
 public:
  Served(TestEndpoint& endpoint, std::unique_ptr<net::Stream> stream)
      : endpoint_(endpoint), stream_(std::move(stream)) {
    endpoint_.most_open = std::max(endpoint_.most_open, ++endpoint_.open);
    if (endpoint_.is_http2) {
      session_.emplace(http::H2Session::Role::kServer, *stream_, scratch_, http::H2Bounds(),
                       static_cast<http::H2Session::Owner&>(*this));
      session_->start();
    } else {
      stream_->setWatcher(this);
      stream_->loop().post(*this);
    }
  }

 private:
  using Mode = TestEndpoint::Mode;

  void run() override {
    std::array<char, 4096> piece;
    while (stream_) {
      const net::IoResult read = stream_->read(piece);
      if (read.isBlocked()) return;
      if (read.bytes == 0) return close();
      received_.append(piece.data(), read.bytes);
      if (received_.contains("\r\n\r\n")) answer();
    }
  }
  void answer() {
    endpoint_.requests.push_back(std::exchange(received_, {}));
    if (endpoint_.mode == Mode::kSilent) return;
    if (endpoint_.mode == Mode::kResets) stream_->resetOnClose();
    if (endpoint_.mode != Mode::kAnswers) return close();
    const iovec answer{endpoint_.answer.data(), endpoint_.answer.size()};
    stream_->write({&answer, 1});
    if (!endpoint_.keeps_open) stream_->shutdownWrite();
  }
  void close() {
    if (!stream_) return;
    stream_.reset();
    --endpoint_.open;
  }

  void onRequest(std::unique_ptr<http::H2Stream> stream) override {
    std::string request(stream->request().target);
    std::array<char, 512> piece;
    while (true) {
      const net::IoResult read = stream->read(piece);
      if (read.bytes == 0) break;
      request += " " + std::string(piece.data(), read.bytes);
    }
    endpoint_.requests.push_back(request);
    if (endpoint_.mode == Mode::kAnswers) answerOn(*stream);
    streams_.push_back(std::move(stream));
  }
  void answerOn(http::H2Stream& stream) {
    const bool is_whole = endpoint_.body.empty() && endpoint_.grpc_status.empty();
    (void)stream.sendHead(endpoint_.head, is_whole ? http::End::kLast : http::End::kMore);
    if (is_whole) return;
    const iovec body{endpoint_.body.data(), endpoint_.body.size()};
    if (endpoint_.grpc_status.empty()) {
      stream.writeLast({&body, 1});
    } else {
      stream.write({&body, 1});
      const std::array<http::HeadField, 1> trailers{{{"grpc-status", endpoint_.grpc_status}}};
      (void)stream.sendTrailers(trailers);
    }
  }
  void onSessionChange() override {
    if (session_->isEnded() && stream_) {
      --endpoint_.open;
      streams_.clear();
      session_.reset();
      stream_.reset();
    }
  }

  TestEndpoint& endpoint_;
  std::unique_ptr<net::Stream> stream_;
  std::string received_;
  std::array<char, 16 << 10> scratch_;
  std::optional<http::H2Session> session_;
  std::vector<std::unique_ptr<http::H2Stream>> streams_;
};

class TestNet final : public net::Connector {
 public:
  TestNet(loop::TestLoop& loop, tls::CipherMemory& memory) : loop_(loop), memory_(memory) {}

  TestEndpoint& operator[](const std::string& address) { return endpoints_[address]; }
  Result<std::unique_ptr<net::Stream>> connect(const net::Address& address) override {
    TestEndpoint& endpoint = endpoints_[address.text()];
    endpoint.connected_at.push_back(loop_.loop().now());
    switch (endpoint.mode) {
      case TestEndpoint::Mode::kRefuses:
        return fail(Reason::kConnectRefused, Reached::kNo, ECONNREFUSED);
      case TestEndpoint::Mode::kNoDescriptors:
        return fail(Reason::kNoDescriptors, Reached::kNo, EMFILE);
      case TestEndpoint::Mode::kNeverConnects:
        return std::make_unique<NeverConnected>(loop_);
      default:
        break;
    }
    auto [near, far] = net::MemoryStream::pair(loop_);
    std::unique_ptr<net::Stream> served = std::move(far);
    if (endpoint.tls) {
      served = std::make_unique<tls::TlsStream>(loop_, std::move(served), endpoint.tls, memory_);
    }
    served_.push_back(std::make_unique<Served>(endpoint, std::move(served)));
    return std::move(near);
  }

 private:
  loop::TestLoop& loop_;
  tls::CipherMemory& memory_;
  std::map<std::string, TestEndpoint> endpoints_;
  std::vector<std::unique_ptr<Served>> served_;
};

}  // namespace remora::upstream::test
