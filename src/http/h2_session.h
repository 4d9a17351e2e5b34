#pragma once
#include <memory>
#include <span>
#include <string_view>
#include "base/deadline.h"
#include "http/head_field.h"
#include "http/message.h"
#include "model/listener.h"
#include "net/stream.h"
namespace remora::http {
enum class End : uint8_t { kMore, kLast };
class H2Stream final : public net::Stream {
 public:
  using net::Stream::Stream;
  int32_t id() const { return 0; }
  const RawRequest& request() const { return request_; }
  const RawResponse* takeResponse() { return nullptr; }
  const Headers& trailers() const { return request_.headers; }
  bool wasRefused() const { return false; }
  uint32_t resetCode() const { return 0; }
  Result<void> sendHead(std::span<const HeadField>, End) { return {}; }
  Result<void> sendTrailers(std::span<const HeadField>) { return {}; }
  net::IoResult read(std::span<char>) override { return {}; }
  net::IoResult write(std::span<const iovec>) override { return {}; }
  net::IoResult writeLast(std::span<const iovec>) { return {}; }
  void shutdownWrite() override {}
  void resetOnClose() override {}

 private:
  RawRequest request_;
};
class H2Session {
 public:
  enum class Role : uint8_t { kServer, kClient };
  class Owner {
   public:
    virtual void onRequest(std::unique_ptr<H2Stream> stream) = 0;
    virtual void onSessionChange() = 0;

   protected:
    ~Owner() = default;
  };
  struct Bounds {
    model::Http2Options options;
    model::Limits limits;
  };
  H2Session(Role, net::Stream&, std::span<char>, const Bounds&, Owner&) {}
  void start(std::string_view = {}) {}
  std::unique_ptr<H2Stream> openStream() { return nullptr; }
  size_t activeStreams() const { return 0; }
  bool mayOpen() const { return false; }
  bool isIdle() const { return true; }
  bool isEnded() const { return false; }
  void goAway() {}
  void end(uint32_t) {}
};
}  // namespace remora::http
